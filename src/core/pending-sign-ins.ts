/** What is stored of a sign-in until it is finished. Contains a secret, the PKCE verifier. */
export interface PendingSignIn {
  /** Epoch milliseconds at which it was begun. */
  readonly at: number;
  readonly verifier: string;
  /** The nonce that the ID token must contain; only if an ID token was requested. */
  readonly nonce?: string;
  readonly clientId: string;
  readonly redirectUri: string;
  readonly returnTo?: string;
  readonly scopes: readonly string[];
  readonly resource?: string;
  /** The most seconds since the user's authentication (`max_age`). */
  readonly maxAge?: number;
  /** The name of the key that the session will be bound to (RFC 7638). */
  readonly binding?: string;
  /** The session is continued if the same user signs in. */
  readonly continues?: boolean;
  /** The metadata of the server at the time when the user was sent there. */
  readonly server: PendingServer;
}

/** The part of a server's metadata that is needed to finish a sign-in. */
export interface PendingServer {
  readonly issuer: string;
  readonly token_endpoint: string;
  readonly revocation_endpoint?: string;
  readonly end_session_endpoint?: string;
  readonly authorization_response_iss_parameter_supported?: boolean;
  readonly token_endpoint_auth_methods_supported?: readonly string[];
  readonly id_token_signing_alg_values_supported?: readonly string[];
}

/** What is stored of a sign-in while a page finishes it; contains no secret. */
export interface SignInTrace {
  /** Random, and no secret. */
  readonly id: string;
  /** Names the lock held by the page that finishes it. A small number is reused, because adapters keep state per name. */
  readonly slot: number;
  /** A hash of the callback's `state`, to recognise the same callback. */
  readonly mark: string;
  readonly at: number;
  readonly redirectUri: string;
  readonly returnTo?: string;
  /** The key that is in use while it is finished. */
  readonly binding?: string;
}

/** A key that was made for a sign-in, by its name. */
export interface SignInKey {
  readonly name: string;
  /** Epoch milliseconds at which it was made. */
  readonly at: number;
}

/** All sign-ins of one key. */
export interface SignIns {
  readonly pending: ReadonlyMap<string, PendingSignIn>;
  readonly traces: readonly SignInTrace[];
  /** The names of keys that were made for sign-ins here, and not removed since; absent where there are none. */
  readonly keys?: readonly SignInKey[];
}

/** The stored form: pairs instead of an object, because a `state` may be a name such as `__proto__`. */
interface Stored {
  readonly pending: readonly [string, PendingSignIn][];
  readonly traces: readonly SignInTrace[];
  readonly keys?: readonly SignInKey[];
}

const MAX_PENDING = 8;
const MAX_AGE_MS = 3_600_000;
const NONE: SignIns = { pending: new Map(), traces: [] };

/** Reads what is stored. Damaged text counts as empty; entries older than an hour are left out. */
export function decodeSignIns(text: string | null, now: number): SignIns {
  try {
    const { evertoken, pending, traces, keys } = JSON.parse(text ?? '{}') as { evertoken?: number } & Stored;
    if (evertoken !== 1) return NONE;
    return {
      pending: new Map(pending.filter(([state, entry]) => isPending(state, entry) && isYoung(entry, now))),
      traces: traces.filter((trace) => isTrace(trace) && isYoung(trace, now)),
      ...(keys && { keys: keys.filter(({ name, at }) => typeof name === 'string' && Number.isFinite(at)) }),
    };
  } catch {
    return NONE; // without the parser's message, which quotes the text
  }
}

/** The text to store; undefined if nothing is left. */
export function encodeSignIns({ pending, traces, keys = [] }: SignIns): string | undefined {
  if (pending.size + traces.length + keys.length === 0) return undefined;
  return JSON.stringify({ evertoken: 1, pending: [...pending], traces, ...(keys.length > 0 && { keys }) });
}

/** Adds a sign-in; of more than eight, the oldest is dropped. */
export function addSignIn(signIns: SignIns, state: string, entry: PendingSignIn): SignIns {
  const entries: [string, PendingSignIn][] = [...signIns.pending, [state, entry]];
  entries.sort(([, a], [, b]) => a.at - b.at);
  return { ...signIns, pending: new Map(entries.slice(-MAX_PENDING)) };
}

/** Replaces a pending sign-in by its trace, so that no other page can finish it. */
export function takeSignIn(signIns: SignIns, state: string, trace: SignInTrace): SignIns {
  return { ...withoutSignIn(signIns, state), traces: [...signIns.traces, trace] };
}

/** The smallest slot that no trace has. */
export function freeSlot({ traces }: SignIns): number {
  let slot = 0;
  while (traces.some((trace) => trace.slot === slot)) slot++;
  return slot;
}

/** Removes a pending sign-in. */
export function withoutSignIn(signIns: SignIns, state: string): SignIns {
  return { ...signIns, pending: new Map([...signIns.pending].filter(([name]) => name !== state)) };
}

/** Removes the trace of a finished sign-in. */
export function withoutTrace(signIns: SignIns, id: string): SignIns {
  return { ...signIns, traces: signIns.traces.filter((trace) => trace.id !== id) };
}

// After the clock was set back, an entry from the future is still valid.
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
