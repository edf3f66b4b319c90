import { describe, expect, test } from 'vitest';
import { memoryDueIndex } from '../../../src/services/fleet.js';
import { fleetWorld } from './fleet-world.js';

const MINUTE = 60_000;
const HOUR = 3_600_000;
const idle = { feed: false, work: false };

describe('sessions at hand', () => {
  test('more calls at once than managers may be kept are served all the same', async () => {
    const world = fleetWorld({ server: { delayMs: 1_000 } });
    const { fleet } = world.process({ atHand: 2 }, idle);
    const keys = ['a', 'b', 'c', 'd'];
    await world.signIn(...keys);
    world.clock.sleep(1.1 * HOUR);
    const tokens = keys.map((key) => fleet.session(key).getAccessToken());
    const users = (await world.clock.runUntil(Promise.all(tokens))).map((token) => world.server.inspect(token)?.user);
    expect(users).toEqual(keys);
  });

  test('a refresh, a sign-in or a sign-out under way is not cut off by calls for other sessions', async () => {
    const world = fleetWorld({ server: { delayMs: 1_000 } });
    const { fleet } = world.process({ atHand: 1 }, idle);
    await world.signIn('a', 'b', 'c');
    const refreshed = fleet.refresh('a');
    await world.clock.advance(100);
    const ended = fleet.session('b').endSession();
    const token = fleet.session('c').getAccessToken();
    await world.clock.runUntil(Promise.all([refreshed, ended, token]));
    expect(world.server.counts.refreshesGranted).toBe(1);
  });

  test('FL15 Without a channel, whoever asks a second after a sign-out elsewhere is refused, however often others ask', async () => {
    for (const laterMs of [0, 1, 300, 999]) {
      const world = fleetWorld({ hasChannel: false });
      const { fleet } = world.process({}, idle);
      const other = world.process({}, idle);
      await world.signIn('a');
      const ask = () =>
        world.clock.runUntil(fleet.session('a').getAccessToken()).then(
          () => 'served',
          (error: { code: string }) => error.code,
        );
      expect(await ask()).toBe('served');
      await world.clock.advance(2_000 + laterMs);
      expect(await ask(), 'looked, and there it is').toBe('served');
      await world.clock.advance(laterMs);
      await world.clock.runUntil(other.fleet.session('a').endSession());
      const endedAt = world.clock.now();
      const answers: [afterMs: number, answer: string][] = [];
      while (world.clock.now() < endedAt + 3_000) {
        const afterMs = world.clock.now() - endedAt;
        answers.push([afterMs, await ask()]);
        await world.clock.advance(50);
      }
      expect(answers.filter(([afterMs, answer]) => afterMs >= 1_000 && answer !== 'ERR_NO_SESSION')).toEqual([]);
    }
  });

  test('FL15 Without a channel, whoever asks for the first time in long after a sign-out elsewhere is refused', async () => {
    for (const call of ['getAccessToken', 'replaceAccessToken'] as const) {
      const world = fleetWorld({ hasChannel: false });
      const { fleet } = world.process({}, idle);
      const other = world.process({}, idle);
      await world.signIn('a');
      const token = await world.clock.runUntil(fleet.session('a').getAccessToken());
      await world.clock.runUntil(other.fleet.session('a').endSession());
      await world.pass(HOUR / 4);
      const tokens = fleet.session('a');
      const asked = call === 'getAccessToken' ? tokens.getAccessToken() : tokens.replaceAccessToken(`not ${token}`);
      await expect(world.clock.runUntil(asked)).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
    }
  });

  test('a session at hand costs one look at the storage a second, however many ask, and none where nobody does', async () => {
    const world = fleetWorld();
    const { fleet, peer } = world.process({}, idle);
    await world.signIn('a');
    await world.clock.runUntil(fleet.session('a').getAccessToken());
    let looks = 0;
    peer.storageFault = (operation) => {
      if (operation === 'getItem') looks++;
      return undefined;
    };
    for (let tenths = 0; tenths < 100; tenths++) {
      await world.clock.runUntil(Promise.all(Array.from({ length: 20 }, () => fleet.session('a').getAccessToken())));
      await world.clock.advance(100);
    }
    expect(looks).toBeGreaterThanOrEqual(9);
    expect(looks).toBeLessThanOrEqual(10);
    await world.pass(HOUR / 4);
    expect(looks).toBeLessThanOrEqual(10);
  });

  test('a storage that hangs or fails holds up nobody for longer than a second, and what is usable is served', async () => {
    for (const fault of [{ hang: true }, { error: new Error('down') }]) {
      const world = fleetWorld();
      const { fleet, peer } = world.process({}, idle);
      await world.signIn('a');
      const token = await world.clock.runUntil(fleet.session('a').getAccessToken());
      await world.clock.advance(5_000);
      peer.storageFault = fault;
      for (let tenths = 0; tenths < 200; tenths++) {
        const askedAt = world.clock.now();
        expect(await world.clock.runUntil(fleet.session('a').getAccessToken())).toBe(token);
        expect(world.clock.now() - askedAt).toBeLessThanOrEqual('hang' in fault ? 1_000 : 0);
        await world.clock.advance(100);
      }
      peer.storageFault = undefined;
    }
  });

  test('a clock that was set back by hours puts off no look', async () => {
    const world = fleetWorld({ hasChannel: false });
    const { fleet, peer } = world.process({}, idle);
    const other = world.process({}, idle);
    await world.signIn('a');
    await world.clock.runUntil(fleet.session('a').getAccessToken());
    await world.clock.advance(2_000);
    await world.clock.runUntil(fleet.session('a').getAccessToken());
    await world.clock.runUntil(other.fleet.session('a').endSession());
    expect(peer.items.size).toBe(0);
    world.clock.set(world.clock.now() - 2 * HOUR);
    await world.clock.advance(1_000);
    await expect(world.clock.runUntil(fleet.session('a').getAccessToken())).rejects.toMatchObject({
      code: 'ERR_NO_SESSION',
    });
  });

  test('uses are noted again where the index could not take them, in portions that every database takes', async () => {
    let isDown = true;
    const sizes: number[] = [];
    const world = fleetWorld({
      due: (clock) => {
        const due = memoryDueIndex({ clock });
        return {
          ...due,
          touch: (keys, at) => {
            if (isDown) throw new Error('down');
            sizes.push(keys.length);
            return due.touch(keys, at);
          },
        };
      },
    });
    const { fleet } = world.process({}, idle);
    await world.signIn('a');
    const many = Array.from({ length: 1_200 }, (_, index) => `nobody-${index}`);
    await world.clock.runUntil(Promise.allSettled(['a', ...many].map((key) => fleet.session(key).getAccessToken())));
    const usedAt = world.clock.now();
    await world.clock.advance(MINUTE + 1_000);
    isDown = false;
    await world.clock.advance(MINUTE + 1_000);
    expect(sizes.reduce((sum, one) => sum + one, 0)).toBe(1_201);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(500);
    expect((await world.due.get('a'))?.usedAt).toBeGreaterThanOrEqual(usedAt);
  });

  test('FL1 a session that was put off as unused is kept fresh again once it is used', async () => {
    const world = fleetWorld({ lanes: { default: { hotForMs: HOUR / 2, until: 0.6 } } });
    const { fleet } = world.process();
    await world.signIn('a');
    await world.pass(0.8 * HOUR);
    expect(world.server.tokenRequests, 'put off, as nobody used it').toHaveLength(0);
    await world.clock.runUntil(fleet.session('a').getAccessToken());
    await world.pass(2 * MINUTE);
    expect(world.server.tokenRequests).toHaveLength(1);
  });

  test('FL1 a session whose use is noted at the very moment that it is put off is kept fresh all the same', async () => {
    const world = fleetWorld({
      lanes: { default: { hotForMs: HOUR / 2, until: 0.6 } },
      due: (clock) => {
        const due = memoryDueIndex({ clock });
        return {
          ...due,
          // what notes the use sees that somebody has claimed the entry, and leaves it alone
          put: async (key, entry) => {
            if (entry.at === entry.keepAliveAt) await due.touch([key], clock.now());
            return due.put(key, entry);
          },
        };
      },
    });
    world.process();
    await world.signIn('a');
    await world.pass(0.8 * HOUR);
    expect(world.server.tokenRequests).toHaveLength(1);
  });

  test('FL1 a session that was put off, and is used while its provider refuses, comes back once it may be asked again', async () => {
    const world = fleetWorld({ lanes: { default: { hotForMs: HOUR / 2, until: 0.6 } } });
    const { fleet } = world.process();
    await world.signIn('a');
    await world.pass(0.7 * HOUR);
    expect(world.server.tokenRequests, 'put off, as nobody used it').toHaveLength(0);
    world.server.always({ status: 503 });
    await expect(world.clock.runUntil(fleet.refresh('a'))).rejects.toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE' });
    await world.clock.runUntil(fleet.session('a').getAccessToken());
    const { retryAt = 0 } = fleet.session('a').getSnapshot();
    expect(retryAt, 'used before it may be asked again').toBeGreaterThan(world.clock.now());
    expect(retryAt, 'which is before the use is noted').toBeLessThan(world.clock.now() + MINUTE);
    world.server.always(undefined);
    const failed = world.server.tokenRequests.length;
    await world.pass(2 * MINUTE);
    expect(world.server.tokenRequests.length).toBe(failed + 1);
    expect(world.expiresAt('a')).toBeGreaterThan(world.clock.now() + 0.9 * HOUR);
  });

  test('FL2 a use that is noted late does not make a session due that was refreshed since', async () => {
    const world = fleetWorld({ lanes: { default: { until: 0.6 } } });
    const { fleet } = world.process({}, { feed: false, work: false });
    await world.signIn('a');
    await world.pass(0.7 * HOUR);
    await world.clock.runUntil(fleet.session('a').getAccessToken());
    expect(world.server.tokenRequests, 'due, and used as it is').toHaveLength(0);
    await world.clock.runUntil(fleet.refresh('a'));
    await world.pass(2 * MINUTE);
    expect((await world.due.get('a'))?.at).toBeGreaterThan(world.clock.now() + 0.4 * HOUR);
  });

  test('FL14 a use counts from when it was, not from when the index could take the note', async () => {
    let isDown = false;
    let claims = 0;
    const world = fleetWorld({
      lanes: { default: { hotForMs: HOUR / 2, from: 0.7, until: 0.8 } },
      due: (clock) => {
        const due = memoryDueIndex({ clock });
        return {
          ...due,
          claim: async (...given) => {
            const claimed = await due.claim(...given);
            claims += claimed.length;
            return claimed;
          },
          touch: (keys, at) => {
            if (isDown) throw new Error('down');
            return due.touch(keys, at);
          },
        };
      },
    });
    const { fleet } = world.process();
    await world.signIn('a');
    isDown = true;
    await world.clock.runUntil(fleet.session('a').getAccessToken());
    const usedAt = world.clock.now();
    await world.pass(0.85 * HOUR);
    isDown = false;
    await world.pass(2 * MINUTE);
    expect((await world.due.get('a'))?.usedAt).toBe(usedAt);
    expect(world.server.tokenRequests, 'nobody has used it for longer than a session is kept fresh').toHaveLength(0);
    expect(claims, 'it was put off, and not brought back').toBe(1);
  });

  test('FL14 a use before a sign-out says nothing about the session after it', async () => {
    const world = fleetWorld();
    const { fleet } = world.process({}, idle);
    await world.signIn('a');
    await world.clock.runUntil(fleet.session('a').getAccessToken());
    await world.pass(MINUTE / 2);
    await world.clock.runUntil(fleet.session('a').endSession());
    await world.signIn('a');
    const startedAt = world.clock.now();
    await world.pass(2 * MINUTE);
    expect((await world.due.get('a'))?.usedAt).toBeLessThanOrEqual(startedAt);
  });

  test('uses that are far apart are noted as of each, and those of one moment together', async () => {
    const notes: [count: number, at: number][] = [];
    const world = fleetWorld({
      due: (clock) => {
        const due = memoryDueIndex({ clock });
        const touch = (keys: readonly string[], at: number) => {
          notes.push([keys.length, at]);
          return due.touch(keys, at);
        };
        return { ...due, touch };
      },
    });
    const { fleet } = world.process({}, idle);
    await world.signIn('a', 'b', 'c');
    const use = (...keys: string[]) =>
      world.clock.runUntil(Promise.all(keys.map((key) => fleet.session(key).getAccessToken())));
    await use('a', 'b');
    const first = world.clock.now();
    await world.pass(MINUTE / 2);
    await use('c', 'a');
    const second = world.clock.now();
    await world.pass(MINUTE);
    expect(notes).toEqual([
      [1, first],
      [2, second],
    ]);
  });
});
