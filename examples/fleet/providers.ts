// Three providers with one-time refresh tokens, in a process of their own; one of them has bad days.
import { setInterval } from 'node:timers';
import type { TokenResponse } from 'evertoken';
import { type AuthServer, createAuthServer } from 'evertoken/testing';
import { ILL, LANES, laneOf } from './settings.js';

/** What the providers have seen. */
export interface ProviderFigures {
  readonly granted: number;
  /** Used refresh tokens that were presented again and not forgiven: each is a session lost. */
  readonly lost: number;
  /** Refreshes that came after the access token had expired, by lane. */
  readonly late: Readonly<Record<string, number>>;
  /** The least time between a refresh and the end of the access token, in milliseconds, the ill provider aside. */
  readonly leastMarginMs: number;
}

/** What the parent asks, and what it is answered. */
export type ProviderRequest =
  | { readonly ask: 'sign-in'; readonly keys: readonly string[] }
  | { readonly ask: 'bad-day'; readonly isBad: boolean }
  | { readonly ask: 'leave'; readonly keys: readonly string[] }
  | { readonly ask: 'figures' };

const lifetimeMs = Number(process.argv[2]) * 1_000;
const servers = new Map<string, AuthServer>();
/** When the present access token of each session ends; of those that were refreshed here, as the first ones began anywhere. */
const ends = new Map<string, number>();
/** Customers who have taken back what they allowed us. */
const gone = new Set<string>();
const late: Record<string, number> = {};
let leastMarginMs = Number.POSITIVE_INFINITY;

function start(lane: string): AuthServer {
  const server = createAuthServer({
    accessTokenLifetimeMs: lifetimeMs,
    answerDelayMs: 30,
    reuseWindowMs: 10_000,
    keepRequests: 1,
  });
  server.always(({ refreshToken = '' }) => {
    const { user = '', isActive = true } = (server.inspect(refreshToken) ?? {}) as {
      user?: string;
      isActive?: boolean;
    };
    const marginMs = (ends.get(user) ?? Number.POSITIVE_INFINITY) - Date.now();
    if (lane === ILL && isBad) return { status: 503 };
    if (gone.has(user)) return { status: 400, body: { error: 'invalid_grant' } };
    if (!isActive) return undefined;
    if (marginMs < 0) late[lane] = (late[lane] ?? 0) + 1;
    if (lane !== ILL) leastMarginMs = Math.min(leastMarginMs, marginMs);
    ends.set(user, Date.now() + lifetimeMs);
    return undefined;
  });
  return server;
}

let isBad = false;
const addresses: Record<string, string> = {};
for (const lane of LANES) {
  const server = start(lane);
  servers.set(lane, server);
  addresses[lane] = `${(await server.listen()).origin}/token`;
}

process.on('message', (request: ProviderRequest) => {
  if (request.ask === 'bad-day') isBad = request.isBad;
  else if (request.ask === 'leave') for (const key of request.keys) gone.add(key);
  else process.send?.(request.ask === 'figures' ? figures() : request.keys.map(signIn));
});
process.on('disconnect', () => process.exit());
process.send?.(addresses);
setInterval(() => undefined, 60_000);

/** Tokens that began to live at some moment in the past, as those of customers of long standing. */
function signIn(key: string): TokenResponse {
  const tokens = servers.get(laneOf(key))?.signIn({ user: key });
  if (!tokens) throw new Error(`Expected a key such as ${LANES[0]}/customer-1, got ${key}.`);
  const leftMs = lifetimeMs * (0.1 + 0.9 * Math.random());
  return { ...tokens, expires_in: leftMs / 1_000 };
}

function figures(): ProviderFigures {
  const all = [...servers.values()].map(({ counts }) => counts);
  const sum = (pick: (counts: (typeof all)[0]) => number) => all.reduce((total, counts) => total + pick(counts), 0);
  return { granted: sum((one) => one.refreshesGranted), lost: sum((one) => one.reusesDetected), late, leastMarginMs };
}
