import { describe, expect, test } from 'vitest';
import { createTokenManager, tokenEndpoint } from '../../src/index.js';
import { createAuthServer, fakeClock, type Peer, peers } from '../../src/testing.js';

describe('of two commands in two tabs, at any distance, both tabs and the storage agree on the outcome', () => {
  for (const storageDelayMs of [0, 7])
    for (const [a, b] of [
      ['startSession', 'endSession'],
      ['endSession', 'startSession'],
      ['startSession', 'startSession'],
      ['refresh', 'endSession'],
      ['refresh', 'startSession'],
      ['endSession', 'refresh'],
    ] as const)
      test(`${a} in one, ${b} in the other, with storage of ${storageDelayMs} ms`, async () => {
        for (let step = 0; step < 120; step++) {
          const clock = fakeClock();
          const server = createAuthServer({ clock, accessTokenLifetimeMs: 60_000, delayMs: 40 });
          const [p, q] = peers(2, { clock });
          if (storageDelayMs) for (const peer of [p, q]) peer.storageFault = { delayMs: storageDelayMs };
          const make = (peer: Peer) =>
            createTokenManager({
              refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
              platform: peer.platform,
              proactive: false,
            });
          const [x, y] = [make(p), make(q)];
          await clock.runUntil(x.startSession(server.signIn({ user: 'old' })));
          await clock.runUntil(y.getAccessToken());
          const call = (t: typeof x, name: typeof a | typeof b, user: string) =>
            (name === 'startSession' ? t.startSession(server.signIn({ user })) : t[name]()).catch(() => undefined);
          const one = call(x, a, 'a');
          if (step < 40) for (let j = 0; j < step; j++) await undefined;
          else await clock.advance(step - 39);
          const two = call(y, b, 'b');
          await clock.runUntil(Promise.all([one, two]));
          await clock.advance(5_000);
          const where = `step ${step}`;
          const [sx, sy] = [x.getSnapshot(), y.getSnapshot()];
          expect(sx.sessionId, where).toBe(sy.sessionId);
          expect(p.items.size, where).toBe(sx.status === 'active' ? 1 : 0);
          if (sx.status === 'active') {
            const users = await clock.runUntil(Promise.all([x, y].map((t) => t.getAccessToken())));
            expect(new Set(users.map((t) => server.inspect(t)?.user)).size, where).toBe(1);
          }
          if (b === 'startSession' && step > 100) expect(sx.status, where).toBe('active');
          if (b === 'endSession' && step > 100) expect(sx.status, where).toBe('none');
          expect(server.counts.reusesDetected, where).toBe(0);
          x.dispose();
          y.dispose();
        }
      });
});
