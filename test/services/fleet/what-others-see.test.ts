import { expect, test } from 'vitest';
import { type DueIndex, inProcessQueue, memoryDueIndex } from '../../../src/services/fleet.js';
import { fleetWorld } from './fleet-world.js';

const HOUR = 3_600_000;
const MINUTE = 60_000;
const many = (count: number) => Array.from({ length: count }, (_, index) => `c-${index}`);

test('FL18 No token or part of one is in a job, an index, a lane, an event or a figure', async () => {
  const seen: [string, unknown][] = [];
  const world = fleetWorld({
    due: (clock) => {
      const due = memoryDueIndex({ clock });
      return new Proxy(due, {
        get: (target, name) => {
          const own = Reflect.get(target, name) as (...given: unknown[]) => unknown;
          return (...given: unknown[]) => {
            seen.push([`index ${String(name)}`, given]);
            return own(...given);
          };
        },
      }) as DueIndex;
    },
  });
  const own = inProcessQueue();
  const queue = {
    ...own,
    add: (lane: string, keys: readonly string[]) => {
      seen.push(['job', [lane, ...keys]]);
      return own.add(lane, keys);
    },
  };
  const { fleet, events } = world.process({ queue });
  await world.signIn(...many(8));
  await world.clock.runUntil(fleet.session('c-0').getAccessToken());
  world.clock.sleep(0.9 * HOUR);
  world.server.next({ status: 503, body: { error: 'temporarily_unavailable' } });
  world.server.next({ status: 400, body: { error: 'invalid_grant', error_description: 'the refresh token is over' } });
  for (let minute = 0; minute < 12; minute++) {
    await world.pass(MINUTE);
    seen.push(['figures', fleet.getSnapshot()], ['lists', [await fleet.ended(), await fleet.attention()]]);
  }
  for (const [what, value] of seen) world.watch.see(what, value);
  for (const { accessToken } of world.server.apiRequests) world.watch.learn(accessToken);
  for (const { refreshToken } of world.server.tokenRequests) world.watch.learn(refreshToken);
  expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['refreshed', 'refreshFailed', 'sessionEnded']));
  expect(new Set(seen.map(([what]) => what))).toEqual(
    new Set([
      'job',
      'figures',
      'lists',
      ...['put', 'look', 'claim', 'touch', 'remove', 'ended', 'attention', 'get'].map((one) => `index ${one}`),
    ]),
  );
  expect(world.watch.counts.tokens).toBeGreaterThan(8);
  expect(world.watch.leaks()).toEqual([]);
});

test('FL19 Snapshot and events suffice to draw queue depth, lag, rate, latency and failures of each lane', async () => {
  const world = fleetWorld({ lanes: { default: { perSecond: 2 } }, server: { delayMs: 300 } });
  const { fleet, events } = world.process();
  await world.signIn(...many(30));
  world.clock.sleep(1.1 * HOUR);
  world.server.next({ status: 503 });
  await world.pass(5_000);
  const depth: number[] = [];
  const lag: number[] = [];
  let rate = 0;
  for (let step = 0; step < 12; step++) {
    const lane = fleet.getSnapshot().lanes.default;
    depth.push(lane?.due ?? Number.NaN);
    lag.push(lane?.oldestOverdueMs ?? Number.NaN);
    rate = Math.max(rate, lane?.perSecond ?? 0);
    await world.pass(2_000);
  }
  expect(depth[0]).toBeGreaterThan(10);
  expect(depth, 'grows less').toEqual([...depth].sort((a, b) => b - a));
  expect(depth.at(-1)).toBe(0);
  expect(lag[0]).toBeGreaterThan(0.1 * HOUR);
  expect(lag.at(-1)).toBe(0);
  expect(rate).toBeGreaterThan(1.5);
  expect(rate).toBeLessThanOrEqual(2.2);
  const refreshed = events.flatMap((event) => ('durationMs' in event ? [event] : []));
  expect(refreshed.every(({ lane, durationMs }) => lane === 'default' && durationMs >= 300)).toBe(true);
  const failed = events.filter(({ type }) => type === 'refreshFailed');
  expect(failed).toMatchObject([{ lane: 'default', status: 503, code: 'ERR_REFRESH_UNAVAILABLE' }]);
});
