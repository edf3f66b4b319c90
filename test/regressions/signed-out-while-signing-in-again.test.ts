import { describe, expect, test } from 'vitest';
import { createTokenManager, inProcess, type RevokeRequest, tokenEndpoint } from '../../src/index.js';
import { createAuthServer, fakeClock } from '../../src/testing.js';

describe('signing out while one session replaces another', () => {
  for (const starts of [1, 2]) {
    for (const erasing of ['works', 'fails at first'] as const) {
      test(`leaves nothing behind, at every moment: ${starts} sign-ins, erasing ${erasing}`, async () => {
        for (let jobs = 0; jobs < 60; jobs++) {
          const where = `${jobs} jobs after the last sign-in`;
          const clock = fakeClock();
          const server = createAuthServer({ clock });
          const stored = new Map<string, string>();
          const revoked: RevokeRequest[] = [];
          let failures = erasing === 'works' ? 0 : 1;
          const tokens = createTokenManager({
            refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
            revoke: async (request) => revoked.push(request),
            platform: {
              ...inProcess(),
              clock,
              storage: {
                getItem: async (key) => stored.get(key) ?? null,
                setItem: async (key, value) => void stored.set(key, value),
                removeItem: async (key) => {
                  if (failures-- > 0) throw new Error('busy');
                  stored.delete(key);
                },
              },
            },
            proactive: false,
          });
          await clock.runUntil(tokens.startSession(server.signIn({ user: 'old' })));
          const starting = Array.from({ length: starts }, () =>
            tokens.startSession(server.signIn({ user: 'new' })).catch(() => undefined),
          );
          for (let job = 0; job < jobs; job++) await undefined;
          const ending = tokens.endSession().catch(() => undefined);
          await clock.settle();
          expect(tokens.getSnapshot().status, where).toBe('none');
          await clock.runUntil(Promise.all([...starting, ending]));
          await clock.advance(120_000);

          expect(tokens.getSnapshot().status, where).toBe('none');
          await expect(tokens.getAccessToken(), where).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
          expect([...stored], where).toEqual([]);
          expect(revoked, where).toHaveLength(1);
          tokens.dispose();
        }
      });
    }
  }
});

test('while nothing can be erased, no session comes back that was signed out of before the last one', async () => {
  const clock = fakeClock();
  const server = createAuthServer({ clock });
  const stored = new Map<string, string>();
  let isReadOnly = false;
  const refuse = async (work: () => void) => {
    if (isReadOnly) throw new Error('read-only');
    work();
  };
  const tokens = createTokenManager({
    refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
    platform: {
      ...inProcess(),
      clock,
      storage: {
        getItem: async (key) => stored.get(key) ?? null,
        setItem: (key, value) => refuse(() => stored.set(key, value)),
        removeItem: (key) => refuse(() => stored.delete(key)),
      },
    },
  });
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
  const clock = fakeClock();
  const server = createAuthServer({ clock });
  const stored = new Map<string, string>();
  let isFull = false;
  const tokens = createTokenManager({
    refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
    platform: {
      ...inProcess(),
      clock,
      storage: {
        getItem: async (key) => stored.get(key) ?? null,
        setItem: async (key, value) => {
          if (isFull) throw new Error('full');
          stored.set(key, value);
        },
        removeItem: async (key) => void stored.delete(key),
      },
    },
  });
  await clock.runUntil(tokens.startSession(server.signIn({ user: 'first' })));
  isFull = true;
  await clock.runUntil(tokens.startSession(server.signIn({ user: 'second' })));
  await clock.runUntil(tokens.endSession());
  expect(stored.size).toBe(0);
  await clock.advance(10_000);
  expect(tokens.getSnapshot().status).toBe('none');
  tokens.dispose();
});
