import { describe, expect, test } from 'vitest';
import { fleetWorld, heldQueue } from './fleet-world.js';

const HOUR = 3_600_000;

describe('a fleet', () => {
  test('FL1 As long as the provider answers and the rate suffices, no access token in use expires, whether anybody asks or not', async () => {
    const world = fleetWorld();
    const { fleet } = world.process();
    const keys = Array.from({ length: 20 }, (_, index) => `customer-${index}`);
    await world.signIn(...keys);
    for (let minutes = 0; minutes < 150; minutes += 10) {
      await world.pass(10 * 60_000);
      for (const key of keys) expect(world.expiresAt(key), key).toBeGreaterThan(world.clock.now());
      if (minutes % 50 === 0) for (const key of keys) await world.clock.runUntil(fleet.session(key).getAccessToken());
    }
    expect(fleet.getSnapshot().lanes.default).toMatchObject({ total: 20, overdue: 0, attention: 0 });
    // two and a half hours of one-hour tokens, refreshed somewhere between a half and nine tenths
    expect(world.server.tokenRequests.length / keys.length).toBeGreaterThan(2);
    expect(world.server.tokenRequests.length / keys.length).toBeLessThan(5);
  });

  test('FL2 One request per session and due moment, however many workers there are', async () => {
    const world = fleetWorld();
    for (let index = 0; index < 4; index++) world.process();
    await world.signIn('a', 'b', 'c');
    await world.pass(0.9 * HOUR + 10_000);
    const presented = world.server.tokenRequests.map(({ refreshToken }) => refreshToken);
    expect(new Set(presented).size).toBe(presented.length);
    expect(presented).toHaveLength(3);
    expect(world.server.counts.reusesDetected).toBe(0);
  });

  test('FL3 A job that comes twice, late, or after a sign-out does nothing wrong', async () => {
    const world = fleetWorld();
    const { queue, work } = heldQueue();
    const { manager } = world.process({ queue });
    await world.signIn('a', 'b');
    await world.clock.runUntil(Promise.all([work('a'), work('a'), work('nobody')]));
    expect(world.server.tokenRequests, 'not due').toHaveLength(0);
    await world.pass(0.9 * HOUR);
    await world.clock.runUntil(Promise.all([work('a'), work('a'), work('a')]));
    await world.clock.runUntil(work('a'));
    expect(world.server.tokenRequests, 'three jobs at once, one later').toHaveLength(1);
    await world.clock.runUntil(manager('b').endSession());
    await world.clock.runUntil(work('b'));
    expect(world.server.tokenRequests, 'signed out').toHaveLength(1);
    expect(await world.due.ended(10)).toEqual([]);
  });
});
