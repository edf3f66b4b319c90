/** A sign-in that was begun: what its end needs. Holds a secret, the verifier. */
export interface PendingSignIn {
  /** Epoch milliseconds at which it was begun. */
  readonly at: number;
  readonly verifier: string;
  /** What the ID token has to repeat; only where one was asked for. */
  readonly nonce?: string;
  readonly clientId: string;
  readonly redirectUri: string;
  readonly returnTo?: string;
  readonly scopes: readonly string[];
  readonly resource?: string;
  /** Seconds; the user must have proved who they are at most so long ago. */
  readonly maxAge?: number;
  /** The session goes on if it is the same user's. */
  readonly continues?: boolean;
  /** The server that the user was sent to, as it was then. */
  readonly server: PendingServer;
}

/** The part of a server's metadata that the end of a sign-in needs. */
export interface PendingServer {
  readonly issuer: string;
  readonly token_endpoint: string;
  readonly revocation_endpoint?: string;
  readonly end_session_endpoint?: string;
  readonly authorization_response_iss_parameter_supported?: boolean;
  readonly token_endpoint_auth_methods_supported?: readonly string[];
  readonly id_token_signing_alg_values_supported?: readonly string[];
}

/** What is left of a sign-in that is being finished; no secret in it. */
export interface SignInTrace {
  /** Random, and no secret. */
  readonly id: string;
  /** Names the lock that the page holds which finishes it: a small number, as adapters keep something for each name. */
  readonly slot: number;
  /** Recognises the address of the callback: a hash of its state. */
  readonly mark: string;
  readonly at: number;
  readonly redirectUri: string;
  readonly returnTo?: string;
}

/** All sign-ins of one key. */
export interface SignIns {
  readonly pending: ReadonlyMap<string, PendingSignIn>;
  readonly traces: readonly SignInTrace[];
}

/** As they are stored: pairs, because a state may be any word. */
interface Stored {
  readonly pending: readonly [string, PendingSignIn][];
  readonly traces: readonly SignInTrace[];
}

const MAX_PENDING = 8;
const MAX_AGE_MS = 3_600_000;
const NONE: SignIns = { pending: new Map(), traces: [] };

/** Reads what is stored; what is damaged counts as nothing, and what is older than an hour is left out. */
export function decodeSignIns(text: string | null, now: number): SignIns {
  try {
    const { evertoken, pending, traces } = JSON.parse(text ?? '{}') as { evertoken?: number } & Stored;
    if (evertoken !== 1) return NONE;
    return {
      pending: new Map(pending.filter(([state, entry]) => isPending(state, entry) && isYoung(entry, now))),
      traces: traces.filter((trace) => isTrace(trace) && isYoung(trace, now)),
    };
  } catch {
    return NONE; // the parser's message would quote the text
  }
}

/** What is to be stored; undefined where nothing is left. */
export function encodeSignIns({ pending, traces }: SignIns): string | undefined {
  if (pending.size + traces.length === 0) return undefined;
  return JSON.stringify({ evertoken: 1, pending: [...pending], traces });
}

/** One more sign-in; the ninth pushes the oldest out. */
export function addSignIn(signIns: SignIns, state: string, entry: PendingSignIn): SignIns {
  const entries: [string, PendingSignIn][] = [...signIns.pending, [state, entry]];
  entries.sort(([, a], [, b]) => a.at - b.at);
  return { ...signIns, pending: new Map(entries.slice(-MAX_PENDING)) };
}

/** A sign-in is being finished: nobody else can, and a trace is left. */
export function takeSignIn(signIns: SignIns, state: string, trace: SignInTrace): SignIns {
  return { ...withoutSignIn(signIns, state), traces: [...signIns.traces, trace] };
}

/** The smallest slot that no trace has. */
export function freeSlot({ traces }: SignIns): number {
  let slot = 0;
  while (traces.some((trace) => trace.slot === slot)) slot++;
  return slot;
}

/** Forgets a sign-in that will never be finished. */
export function withoutSignIn(signIns: SignIns, state: string): SignIns {
  return { ...signIns, pending: new Map([...signIns.pending].filter(([name]) => name !== state)) };
}

/** Forgets the trace of a sign-in that is over. */
export function withoutTrace(signIns: SignIns, id: string): SignIns {
  return { ...signIns, traces: signIns.traces.filter((trace) => trace.id !== id) };
}

// a clock that was set back makes nothing old
function isYoung({ at }: { at: number }, now: number): boolean {
  return Math.abs(now - at) < MAX_AGE_MS;
}

function isPending(state: unknown, entry: Partial<PendingSignIn> | null | undefined): boolean {
  const { at, verifier, clientId, redirectUri, scopes, server } = Object(entry) as Partial<PendingSignIn>;
  const texts = [state, verifier, clientId, redirectUri, server?.issuer, server?.token_endpoint];
  return Number.isFinite(at) && texts.every((text) => typeof text === 'string') && Array.isArray(scopes);
}

function isTrace(trace: Partial<SignInTrace> | null): boolean {
  const { at, id, mark, slot, redirectUri } = Object(trace) as Partial<SignInTrace>;
  return (
    Number.isFinite(at) && Number.isInteger(slot) && [id, mark, redirectUri].every((text) => typeof text === 'string')
  );
}
