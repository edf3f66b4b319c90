import { describe, expect, test } from 'vitest';
import { fleetWorld } from './fleet-world.js';

const MINUTE = 60_000;
const HOUR = 3_600_000;
const many = (count: number) => Array.from({ length: count }, (_, index) => `c-${index}`);

describe('feeding', () => {
  test('A rate of less than one refresh in two seconds is kept too, not rounded down to none', async () => {
    const world = fleetWorld({ lanes: { default: { perSecond: 0.1 } } });
    for (let index = 0; index < 2; index++) world.process();
    await world.signIn(...many(20));
    world.clock.sleep(0.9 * HOUR);
    await world.pass(MINUTE);
    expect(world.server.tokenRequests.length).toBeGreaterThanOrEqual(4);
    expect(world.server.tokenRequests.length).toBeLessThanOrEqual(7);
  });

  test('A clock that is set back does not hold the lane up for that long', async () => {
    const world = fleetWorld({ lanes: { default: { perSecond: 5 } } });
    world.process();
    await world.signIn(...many(40));
    world.clock.sleep(0.99 * HOUR);
    const before = world.server.tokenRequests.length;
    await world.clock.advance(1_050); // in the middle of a turn, with sessions waiting
    const then = world.server.tokenRequests.length;
    expect(then - before).toBeGreaterThan(0);
    world.clock.set(world.clock.now() - 5 * MINUTE);
    await world.pass(12_000);
    expect(world.server.tokenRequests.length - before).toBe(40);
  });

  test('A session whose refresh fails without a pause does not take the place of the others', async () => {
    const world = fleetWorld({ lanes: { default: { perSecond: 1, concurrency: 1 } } });
    const { fleet } = world.process({
      open: (key, guard) => {
        const tokens = world.open(key, guard);
        if (key !== 'broken') return tokens;
        // as where the lock or the storage of this one fails: nothing is written, no moment to try again is known
        return new Proxy(tokens, {
          get: (target, name) =>
            name === 'getAccessToken' ? async () => Promise.reject(new Error('no lock')) : Reflect.get(target, name),
        });
      },
    });
    await world.signIn('broken');
    await world.pass(1_000);
    await world.signIn('a', 'b', 'c');
    world.clock.sleep(0.9 * HOUR);
    await world.pass(12_000);
    for (const key of ['a', 'b', 'c']) expect(world.expiresAt(key), key).toBeGreaterThan(world.clock.now() + HOUR / 2);
    expect(fleet.getSnapshot().lanes.default?.total).toBe(4);
  });

  test.each([1, 3, 4, 7])('FL1 a lane that may start %i a second does, as long as there is work', async (perSecond) => {
    const world = fleetWorld({ lanes: { default: { perSecond } } });
    world.process();
    await world.signIn(...Array.from({ length: 25 * perSecond }, (_, index) => `c${index}`));
    world.clock.sleep(0.91 * 3_600_000);
    await world.pass(20_000);
    const count = world.server.tokenRequests.length;
    expect(count).toBeGreaterThanOrEqual(0.9 * 20 * perSecond);
    expect(count).toBeLessThanOrEqual(20 * perSecond + 1);
  });
});
