import { expect, test } from 'vitest';
import { sweep } from '../support/sweep.js';
import type { World } from '../support/world.js';

test('a caller that aborts, at every moment of a refresh, gets its own reason, and others get the token for one request', async () => {
  const reason = new Error('no patience');
  const aborting = new WeakMap<World, Promise<unknown>>();
  const met = await sweep(
    (world, tokens) => {
      const abort = new AbortController();
      const waiting = tokens.getAccessToken({ signal: abort.signal });
      aborting.set(
        world,
        waiting.catch((error) => error),
      );
      abort.abort(reason);
      return undefined;
    },
    async ({ world, tokens, callers, where }) => {
      const outcome = await aborting.get(world);
      if (typeof outcome !== 'string') expect(outcome, where).toBe(reason);
      for (const { token = '' } of callers) expect(world.server.inspect(token)?.active, where).toBe(true);
      expect(new Set(callers.map(({ token }) => token)).size, where).toBe(1);
      expect(world.server.tokenRequests.length, where).toBe(1);
      tokens.dispose();
      expect(world.clock.pending, where).toBe(0);
    },
  );
  expect(met.size).toBeGreaterThanOrEqual(3 * 12);
}, 120_000);

test('disposing, at every moment of a refresh, refuses who waits, leaves nothing behind and loses no session', async () => {
  const met = await sweep(
    (_world, tokens) => {
      tokens.dispose();
      return undefined;
    },
    async ({ world, tokens, callers, before, where }) => {
      const wasThere = before.some(({ type }) => type === 'refreshed');
      for (const { token, error, wasSettled } of callers) {
        if (!wasSettled && !wasThere)
          expect(error, where).toMatchObject({ name: 'OptionsError', code: 'ERR_DISPOSED' });
        else if (error) expect(error, where).toMatchObject({ code: 'ERR_DISPOSED' });
        else expect(world.server.inspect(token ?? '')?.active, where).toBe(true);
      }
      expect(await world.failure(tokens.getAccessToken()), where).toMatchObject({ code: 'ERR_DISPOSED' });
      expect(world.clock.pending, where).toBe(0);
      expect(world.wakeups.listeners, where).toBe(0);
      // what the server rotated was stored, so that whoever comes next goes on
      const { tokens: next } = world.manager();
      const token = await world.run(next.getAccessToken());
      expect(world.server.inspect(token)?.active, where).toBe(true);
      expect(world.server.tokenRequests.length, where).toBe(1);
      expect(world.server.counts, where).toMatchObject({ reusesDetected: 0, familiesRevoked: 0 });
      next.dispose();
    },
  );
  expect(met.size).toBeGreaterThanOrEqual(3 * 12);
}, 120_000);
