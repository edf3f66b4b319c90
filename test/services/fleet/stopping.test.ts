import { afterEach, describe, expect, test, vi } from 'vitest';
import { createFleet, inProcessQueue, memoryDueIndex } from '../../../src/services/fleet.js';
import { fleetWorld } from './fleet-world.js';

const HOUR = 3_600_000;
afterEach(() => vi.restoreAllMocks());

describe('a fleet that is stopped', () => {
  test('twice, or before it was run, stops once and can be run again', async () => {
    const world = fleetWorld();
    const { fleet, stopped } = world.process();
    await world.clock.runUntil(Promise.all([fleet.stop(), fleet.stop(), stopped]));
    await world.clock.runUntil(fleet.stop());
    const again = fleet.run();
    const twice = fleet.run();
    await world.signIn('a');
    world.clock.sleep(0.9 * HOUR);
    await world.pass(10_000);
    expect(world.server.tokenRequests).toHaveLength(1);
    await world.clock.runUntil(Promise.all([fleet.stop(), again, twice]));
  });

  test('by the signal of a second run() stops as by that of the first', async () => {
    const world = fleetWorld();
    const { fleet, stopped } = world.process();
    const ending = new AbortController();
    const second = fleet.run({ signal: ending.signal });
    await world.clock.advance(1_000);
    ending.abort();
    await world.clock.runUntil(Promise.all([stopped, second]));
    expect(fleet.getSnapshot().isRunning).toBe(false);
  });

  test('by a signal writes down the last uses, as stop() does', async () => {
    const world = fleetWorld();
    const { fleet } = world.process({}, { feed: false, work: false });
    await world.clock.runUntil(fleet.stop());
    await world.signIn('a');
    const ending = new AbortController();
    const over = fleet.run({ signal: ending.signal });
    await world.clock.advance(10_000);
    await world.clock.runUntil(fleet.session('a').getAccessToken());
    ending.abort();
    await world.clock.runUntil(over);
    expect((await world.due.get('a'))?.usedAt).toBe(world.clock.now());
  });

  test.each(['look', 'claim', 'put', 'touch'] as const)(
    'FL10 is over within 15 s although the index never answers to %s',
    async (name) => {
      let isHanging = false;
      const world = fleetWorld({
        due: (clock) => {
          const due = memoryDueIndex({ clock });
          const own = due[name] as (...given: unknown[]) => unknown;
          const hanging = (...given: unknown[]) => (isHanging ? new Promise(() => {}) : own(...given));
          return { ...due, [name]: hanging };
        },
      });
      const { fleet, stopped } = world.process();
      await world.signIn('a', 'b');
      await world.clock.runUntil(fleet.session('a').getAccessToken());
      world.clock.sleep(0.9 * HOUR);
      isHanging = true;
      await world.clock.advance(2_500);
      const before = world.clock.now();
      await world.clock.runUntil(Promise.all([fleet.stop(), stopped]));
      expect(world.clock.now() - before).toBeLessThanOrEqual(15_000);
      expect(fleet.getSnapshot().isRunning).toBe(false);
      isHanging = false;
    },
  );

  test('by a queue that fails to close gives back what was not begun, all the same', async () => {
    const world = fleetWorld();
    const queue = { ...inProcessQueue(), process: () => async () => Promise.reject(new Error('closed')) };
    const { fleet, stopped, events } = world.process({ queue });
    await world.signIn('a');
    await world.clock.runUntil(fleet.session('a').getAccessToken());
    await world.clock.runUntil(Promise.all([fleet.stop(), stopped]));
    expect(events.filter(({ type }) => type === 'indexFailed')).toMatchObject([{ operation: 'stop' }]);
    expect(world.clock.pendingKeepAlive).toBe(0);
  });

  test('FL20 lets go of the queue of lanes that it only fed', async () => {
    const released: string[] = [];
    const queue = { ...inProcessQueue(), close: async (lane: string) => void released.push(lane) };
    const world = fleetWorld();
    const { fleet } = world.process({ queue }, { work: false });
    await world.clock.advance(1_000);
    await world.clock.runUntil(fleet.stop());
    expect(released).toEqual(['default']);
  });

  test('a queue that cannot be opened is told, and neither feeds twice nor goes on after the end', async () => {
    const world = fleetWorld();
    const locks: string[] = [];
    const due = memoryDueIndex({ clock: world.clock });
    const lock = {
      run: async (key: string, signal: AbortSignal) => {
        locks.push(key);
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      },
    };
    const queue = {
      ...inProcessQueue(),
      process: () => {
        throw new Error('no connection');
      },
    };
    const fleet = createFleet({ open: () => undefined as never, due, lock: lock as never, queue, clock: world.clock });
    const failures: string[] = [];
    fleet.on('indexFailed', ({ operation }) => failures.push(operation));
    const over = fleet.run();
    await world.clock.advance(5_500);
    expect(locks.length).toBeLessThanOrEqual(1);
    expect(new Set(failures)).toEqual(new Set(['process']));
    await world.clock.runUntil(Promise.all([fleet.stop(), over]));
  });
});
