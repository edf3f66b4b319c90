// A provider whose answers come 150 ms late, in a process of its own; knows which process asked for what, and when.
import type { TokenResponse } from 'evertoken';
import { createAuthServer } from 'evertoken/testing';

/** One request as it was seen. */
export interface Seen {
  readonly pid: number;
  readonly key: string;
  readonly at: number;
  /** New tokens were given out, whether or not they arrived. */
  readonly granted: boolean;
  /** There was an answer. */
  readonly isAnswered: boolean;
}

/** What the parent asks. */
export type Ask =
  | { readonly ask: 'sign-in'; readonly keys: readonly string[]; readonly forMs: number }
  /** Says so as soon as one process has so many requests in flight. */
  | { readonly ask: 'watch'; readonly inFlight: number }
  | { readonly ask: 'seen' };

/** What it is told: a process has so many in flight, with their keys. */
export interface Flight {
  readonly pid: number;
  readonly keys: readonly string[];
  readonly at: number;
}

const ANSWER_DELAY_MS = 150;
const server = createAuthServer({
  accessTokenLifetimeMs: 120_000,
  answerDelayMs: ANSWER_DELAY_MS,
  reuseWindowMs: Number(process.argv[2]),
});
const requests: { pid: number; key: string; at: number; entry: number }[] = [];
let wanted = Number.POSITIVE_INFINITY;
let signedInAt = 0;
let deadline: NodeJS.Timeout | undefined;

server.always((request) => {
  const key = (server.inspect(request.refreshToken ?? '') as { user?: string } | undefined)?.user ?? '';
  const pid = Number(request.headers['x-process']);
  requests.push({ pid, key, at: Date.now(), entry: requests.length });
  if (wanted === Number.POSITIVE_INFINITY) return undefined;
  // On a slow machine the first answer is due before so many have asked: then it is as many as there are.
  if (!deadline) deadline = setTimeout(() => tell(pid), 0.8 * ANSWER_DELAY_MS);
  if (flyingOf(pid).length >= wanted) tell(pid);
  return undefined;
});

function flyingOf(pid: number): readonly string[] {
  return requests.filter((one) => one.pid === pid && isFlying(one)).map(({ key }) => key);
}

function tell(pid: number): void {
  clearTimeout(deadline);
  deadline = undefined;
  wanted = Number.POSITIVE_INFINITY;
  process.send?.({ pid, keys: flyingOf(pid), at: Date.now() } satisfies Flight);
}

function isFlying({ at }: { readonly at: number }): boolean {
  return Date.now() - at < ANSWER_DELAY_MS && at >= signedInAt;
}

process.on('message', (ask: Ask) => {
  if (ask.ask === 'watch') wanted = ask.inFlight;
  else if (ask.ask === 'sign-in') process.send?.(ask.keys.map((key) => signIn(key, ask.forMs)));
  else process.send?.(seen());
});
process.on('disconnect', () => process.exit());
const { origin } = await server.listen();
process.send?.(`${origin}/token`);

function signIn(key: string, forMs: number): TokenResponse {
  signedInAt = Date.now();
  return { ...server.signIn({ user: key }), expires_in: forMs / 1_000 };
}

/** All requests of the round, which ends with this question. */
function seen(): readonly Seen[] {
  const log = server.tokenRequests.slice(-requests.length || undefined);
  return requests.splice(0).map(({ pid, key, at }, index) => ({
    pid,
    key,
    at,
    granted: log[index]?.granted === true,
    isAnswered: log[index]?.status !== undefined,
  }));
}
