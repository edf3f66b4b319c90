import {
  createTokenManager,
  inProcess,
  type Platform,
  type TokenEvents,
  type TokenManager,
  type TokenManagerOptions,
  tokenEndpoint,
} from '../../src/index.js';
import {
  type AuthServer,
  type AuthServerOptions,
  createAuthServer,
  type FakeClock,
  fakeClock,
} from '../../src/testing.js';
import { EVENT_TYPES } from './world.js';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

export interface World {
  readonly clock: FakeClock;
  readonly server: AuthServer;
  readonly platform: Platform;
  readonly tokens: TokenManager;
  readonly events: SeenEvent[];
}

export interface SeenEvent {
  readonly type: keyof TokenEvents;
  readonly event: Record<string, unknown>;
}

/** A manager on a fake clock and a strict server, whose access tokens live for ten minutes. */
export function createWorld(
  options: Partial<TokenManagerOptions> & { server?: AuthServerOptions; parts?: Partial<Platform> } = {},
): World {
  const { server: serverOptions, parts, ...rest } = options;
  const clock = fakeClock();
  const server = createAuthServer({ clock, accessTokenLifetimeMs: 10 * MINUTE, ...serverOptions });
  const platform: Platform = { ...inProcess(), clock, random: () => 0.5, ...parts };
  const tokens = createTokenManager({
    refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
    platform,
    proactive: false,
    ...rest,
  });
  return { clock, server, platform, tokens, events: record(tokens) };
}

export function record(tokens: TokenManager): SeenEvent[] {
  const events: SeenEvent[] = [];
  for (const type of EVENT_TYPES) tokens.on(type, (event) => void events.push({ type, event: { ...event } }));
  return events;
}

export type Outcome<T> = {
  readonly value?: T;
  readonly error?: unknown;
  readonly ok: boolean;
  readonly afterMs: number;
};

/** Lets time pass until the promise has settled; throws when it has not within the bound. */
export async function outcome<T>(clock: FakeClock, promise: PromiseLike<T>, withinMs = 120_000): Promise<Outcome<T>> {
  const startAt = clock.now();
  let settled: Omit<Outcome<T>, 'afterMs'> | undefined;
  promise.then(
    (value) => {
      settled = { ok: true, value };
    },
    (error: unknown) => {
      settled = { ok: false, error };
    },
  );
  await clock.settle();
  for (let idle = 0; !settled; ) {
    const { nextAt } = clock;
    if (nextAt === undefined) {
      if (idle++ > 5) throw new Error('hangs: nothing is left that could settle it');
      await clock.settle();
      continue;
    }
    if (nextAt - startAt > withinMs) throw new Error(`not settled after ${withinMs} ms`);
    await clock.runNext();
  }
  return { ...settled, afterMs: clock.now() - startAt };
}

/** What a promise comes to without any time passing; `waits` when it does not settle. */
export async function atOnce<T>(clock: FakeClock, promise: PromiseLike<T>): Promise<Outcome<T> | 'waits'> {
  let settled: Outcome<T> | undefined;
  promise.then(
    (value) => {
      settled = { ok: true, value, afterMs: 0 };
    },
    (error: unknown) => {
      settled = { ok: false, error, afterMs: 0 };
    },
  );
  await clock.settle();
  return settled ?? 'waits';
}

export function jwt(claims: unknown): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part(claims)}.c2ln`;
}

export const json = (body: unknown, status = 200, headers: Record<string, string> = {}): Response =>
  new Response(typeof body === 'string' ? body : JSON.stringify(body), {
    status,
    headers: { 'Content-Type': 'application/json', ...headers },
  });
