import { describe, expect, test } from 'vitest';
import {
  createTokenManager,
  inProcess,
  type RevokeRequest,
  type TokenManagerOptions,
  tokenEndpoint,
} from '../../src/index.js';
import { createAuthServer, fakeClock } from '../../src/testing.js';

/** A manager whose storage refuses whatever `refuses` says. */
function home(refuses: (operation: 'setItem' | 'removeItem') => boolean, options: Partial<TokenManagerOptions> = {}) {
  const clock = fakeClock();
  const server = createAuthServer({ clock });
  const stored = new Map<string, string>();
  const change = async (operation: 'setItem' | 'removeItem', work: () => void) => {
    if (refuses(operation)) throw new Error('refused');
    work();
  };
  const tokens = createTokenManager({
    refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
    platform: {
      ...inProcess(),
      clock,
      storage: {
        getItem: async (key) => stored.get(key) ?? null,
        setItem: (key, value) => change('setItem', () => stored.set(key, value)),
        removeItem: (key) => change('removeItem', () => stored.delete(key)),
      },
    },
    ...options,
  });
  return { clock, server, stored, tokens };
}

describe('signing out while one session replaces another', () => {
  for (const starts of [1, 2]) {
    for (const erasing of ['works', 'fails at first'] as const) {
      test(`leaves nothing behind, at every moment: ${starts} sign-ins, erasing ${erasing}`, async () => {
        for (let jobs = 0; jobs < 60; jobs++) {
          const where = `${jobs} jobs after the last sign-in`;
          const revoked: RevokeRequest[] = [];
          let failures = erasing === 'works' ? 0 : 1;
          const { clock, server, stored, tokens } = home((operation) => operation === 'removeItem' && failures-- > 0, {
            revoke: async (request) => revoked.push(request),
            proactive: false,
          });
          await clock.runUntil(tokens.startSession(server.signIn({ user: 'old' })));
          const responses = Array.from({ length: starts }, () => server.signIn({ user: 'new' }));
          const starting = responses.map((response) => tokens.startSession(response).catch(() => undefined));
          for (let job = 0; job < jobs; job++) await undefined;
          const ending = tokens.endSession().catch(() => undefined);
          await clock.settle();
          expect(tokens.getSnapshot().status, where).toBe('none');
          await clock.runUntil(Promise.all([...starting, ending]));
          await clock.advance(120_000);

          expect(tokens.getSnapshot().status, where).toBe('none');
          await expect(tokens.getAccessToken(), where).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
          expect([...stored], where).toEqual([]);
          const told = revoked.map(({ refreshToken }) => refreshToken);
          expect(told, where).toContain(responses.at(-1)?.refresh_token);
          expect(new Set(told).size, where).toBe(told.length);
          tokens.dispose();
        }
      });
    }
  }
});

test('while nothing can be erased, no session comes back that was signed out of before the last one', async () => {
  let isReadOnly = false;
  const { clock, server, stored, tokens } = home(() => isReadOnly);
  await clock.runUntil(tokens.startSession(server.signIn({ user: 'first' })));
  isReadOnly = true;
  await clock.runUntil(tokens.endSession().catch(() => undefined));
  await clock.runUntil(tokens.startSession(server.signIn({ user: 'second' })));
  await clock.runUntil(tokens.endSession().catch(() => undefined));
  await clock.advance(1_000);
  expect(tokens.getSnapshot().status).toBe('none');

  isReadOnly = false;
  await clock.advance(120_000);
  expect(stored.size).toBe(0);
  tokens.dispose();
});

test('signing out of a session that never reached the storage does not bring back the one it had replaced', async () => {
  let isFull = false;
  const { clock, server, stored, tokens } = home((operation) => operation === 'setItem' && isFull);
  await clock.runUntil(tokens.startSession(server.signIn({ user: 'first' })));
  isFull = true;
  await clock.runUntil(tokens.startSession(server.signIn({ user: 'second' })));
  await clock.runUntil(tokens.endSession());
  expect(stored.size).toBe(0);
  await clock.advance(10_000);
  expect(tokens.getSnapshot().status).toBe('none');
  tokens.dispose();
});
