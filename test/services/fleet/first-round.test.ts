import { expect, test } from 'vitest';
import { fleetWorld } from './fleet-world.js';

const MINUTE = 60_000;

test('FL4 Of many sessions that start within one minute, the first round is never above the rate of the lane, and none expires', async () => {
  const perSecond = 0.25;
  const world = fleetWorld({ lanes: { default: { perSecond } } });
  for (let count = 0; count < 2; count++) world.process();
  const keys = Array.from({ length: 300 }, (_, index) => `customer-${index}`);
  for (let second = 0; second < 60; second++) {
    await world.signIn(...keys.slice(second * 5, second * 5 + 5));
    await world.clock.advance(1_000);
  }
  const asked: number[] = [];
  let late = 0;
  world.server.always(({ refreshToken = '' }) => {
    const user = world.server.inspect(refreshToken)?.user ?? '';
    if ((world.expiresAt(user) ?? 0) < world.clock.now()) late++;
    asked.push(world.clock.now());
    return undefined;
  });
  await world.pass(57 * MINUTE);
  // 300 within 0.4 of an hour are 0.21 a second on average: some seconds are above the rate, and have to wait
  expect(asked.length).toBe(keys.length);
  const windowMs = 40_000;
  const busiest = Math.max(...asked.map((from) => asked.filter((at) => at >= from && at < from + windowMs).length));
  expect(busiest).toBeLessThanOrEqual(perSecond * 40 + 1);
  expect(busiest).toBeGreaterThan(perSecond * 40 * 0.8); // it was bounded indeed
  expect(late).toBe(0);
});
