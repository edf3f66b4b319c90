import { describe, expect, test } from 'vitest';
import { fleetWorld } from './fleet-world.js';

const MINUTE = 60_000;
const HOUR = 3_600_000;
const many = (count: number, name = 'c') => Array.from({ length: count }, (_, index) => `${name}-${index}`);

describe('lanes in trouble', () => {
  test('FL5 Requests that a lane starts stay within its rate across all processes, over every window of a second', async () => {
    const world = fleetWorld({ lanes: { default: { perSecond: 10 } } });
    for (let index = 0; index < 3; index++) world.process();
    await world.signIn(...many(60));
    await world.clock.advance(1_000);
    world.clock.sleep(0.9 * HOUR); // all are due at once
    const asked: number[] = [];
    world.server.always(() => {
      asked.push(world.clock.now());
      return undefined;
    });
    await world.pass(12_000);
    expect(asked.length).toBe(60);
    const tick = 3; // what one tick of feeding may be ahead
    for (const from of asked) {
      expect(asked.filter((at) => at >= from && at < from + 1_000).length).toBeLessThanOrEqual(10 + tick);
    }
  });

  test('FL6 A provider that is away for ten minutes gets at most 60 requests, then never more than the rate, and nobody is ended', async () => {
    const world = fleetWorld({ lanes: { default: { perSecond: 20 } } });
    const { fleet, events } = world.process();
    const keys = many(80);
    await world.signIn(...keys);
    await world.pass(0.45 * HOUR);
    world.server.always({ status: 503, delayMs: 50 });
    world.clock.sleep(0.45 * HOUR);
    await world.pass(10 * MINUTE);
    expect(world.server.tokenRequests.length).toBeLessThanOrEqual(60);
    expect(events.filter(({ type }) => type === 'lanePaused')).toMatchObject([{ reason: 'unavailable' }]);
    expect(fleet.getSnapshot().lanes.default?.paused?.reason).toMatch(/unavailable|probing/);
    world.server.always(undefined);
    const before = world.server.tokenRequests.length;
    await world.pass(10 * MINUTE);
    expect(events.map(({ type }) => type)).toContain('laneResumed');
    expect(world.server.tokenRequests.length - before).toBe(keys.length);
    for (const key of keys) expect(world.expiresAt(key), key).toBeGreaterThan(world.clock.now());
    expect(events.filter(({ type }) => type === 'sessionEnded')).toEqual([]);
  });

  test('FL6 After an outage those whose access token expires first come first', async () => {
    const world = fleetWorld({ lanes: { default: { perSecond: 1, concurrency: 1 } } });
    await world.signIn('first');
    await world.pass(MINUTE);
    await world.signIn('second');
    await world.pass(MINUTE);
    await world.signIn('third');
    world.clock.sleep(HOUR);
    const { events } = world.process();
    await world.pass(10_000);
    const refreshed = events.filter(({ type }) => type === 'refreshed').map((event) => 'key' in event && event.key);
    expect(refreshed).toEqual(['first', 'second', 'third']);
  });

  test('FL7 A Retry-After holds the lane in every process within a second of the answer', async () => {
    const world = fleetWorld({ lanes: { default: { perSecond: 5 } } });
    const one = world.process();
    const two = world.process();
    await world.signIn(...many(50));
    world.clock.sleep(0.9 * HOUR);
    world.server.next({ status: 429, headers: { 'Retry-After': '300' } });
    await world.clock.advance(1_500);
    const asked = world.server.tokenRequests.length;
    expect(asked).toBeGreaterThan(0);
    await world.pass(4 * MINUTE);
    // two ticks may have been fed before the answer was there
    expect(world.server.tokenRequests.length - asked).toBeLessThanOrEqual(2);
    for (const { fleet } of [one, two]) {
      expect(fleet.getSnapshot().lanes.default?.paused).toMatchObject({ reason: 'retry-after' });
    }
    await world.pass(2 * MINUTE);
    expect(world.server.tokenRequests.length).toBeGreaterThan(45);
  });

  test('FL8 A wrong client secret costs one request a minute, ends nobody, and says so once', async () => {
    const world = fleetWorld();
    const { events } = world.process();
    await world.signIn(...many(30));
    world.server.always({ status: 401, body: { error: 'invalid_client' } });
    world.clock.sleep(0.9 * HOUR);
    await world.pass(2 * MINUTE);
    const before = world.server.tokenRequests.length;
    await world.pass(10 * MINUTE);
    expect(world.server.tokenRequests.length - before).toBeLessThanOrEqual(11);
    expect(world.server.tokenRequests.length - before).toBeGreaterThanOrEqual(8);
    expect(events.filter(({ type }) => type === 'sessionEnded')).toEqual([]);
    const paused = events.filter(({ type }) => type === 'lanePaused');
    expect(paused).toHaveLength(1);
    expect(paused[0]).toMatchObject({ reason: 'config' });
  });

  test('FL9 When most answers say "dead", the lane stops ending sessions and is held until it is resumed', async () => {
    const world = fleetWorld({ lanes: { default: { perSecond: 10, concurrency: 5 } } });
    const { fleet, events } = world.process();
    const keys = many(60);
    await world.signIn(...keys);
    world.server.always({ status: 400, body: { error: 'invalid_grant' } });
    world.clock.sleep(0.9 * HOUR);
    await world.pass(MINUTE);
    const ended = events.filter(({ type }) => type === 'sessionEnded');
    expect(ended.length).toBeGreaterThanOrEqual(20);
    expect(ended.length).toBeLessThanOrEqual(25);
    expect(fleet.getSnapshot().lanes.default?.paused).toMatchObject({ reason: 'deaths' });
    await world.pass(HOUR);
    expect(events.filter(({ type }) => type === 'sessionEnded')).toHaveLength(ended.length);
    world.server.always(undefined);
    await world.clock.runUntil(fleet.resume('default'));
    await world.pass(5 * MINUTE);
    expect(fleet.getSnapshot().lanes.default).toMatchObject({ total: keys.length - ended.length, due: 0, overdue: 0 });
    expect(await fleet.ended({ limit: 100 })).toHaveLength(ended.length);
  });

  test('FL13 A session that cannot be refreshed for long is listed for attention and never ended for it', async () => {
    const world = fleetWorld();
    const { fleet } = world.process();
    await world.signIn('well', 'unwell');
    world.server.always((request) =>
      world.server.inspect(request.refreshToken ?? '')?.user === 'unwell'
        ? { status: 400, body: { error: 'odd' } }
        : undefined,
    );
    await world.pass(2 * HOUR);
    expect((await fleet.attention()).map(({ key }) => key)).toEqual(['unwell']);
    expect(fleet.getSnapshot().lanes.default).toMatchObject({ attention: 1, total: 2 });
    expect(await fleet.ended()).toEqual([]);
    world.server.always(undefined);
    await world.pass(2 * HOUR);
    expect(await fleet.attention()).toEqual([]);
  });

  test('FL13 a session that nobody uses any more is not listed for attention until the day after', async () => {
    const world = fleetWorld({ lanes: { default: { hotForMs: 1.5 * HOUR } } });
    const { fleet } = world.process();
    await world.signIn('unwell');
    world.server.always({ status: 400, body: { error: 'odd' } });
    await world.pass(1.2 * HOUR);
    expect((await fleet.attention()).map(({ key }) => key)).toEqual(['unwell']);
    world.server.always(undefined);
    world.clock.sleep(0.4 * HOUR);
    await world.pass(HOUR);
    expect(
      world.server.tokenRequests.filter(({ status }) => status === 200),
      'put off',
    ).toEqual([]);
    expect(await fleet.attention()).toEqual([]);
  });

  test("FL17 One lane's outage delays no other lane", async () => {
    const laneOf = (key: string) => key.slice(0, 1);
    const world = fleetWorld({ laneOf, lanes: { a: {}, b: {} } });
    const { fleet } = world.process();
    await world.signIn(...many(30, 'a'), ...many(30, 'b'));
    world.server.always((request) =>
      world.server.inspect(request.refreshToken ?? '')?.user?.startsWith('a') ? { hang: true } : undefined,
    );
    world.clock.sleep(0.9 * HOUR);
    await world.pass(20_000);
    for (const key of many(30, 'b')) expect(world.expiresAt(key), key).toBeGreaterThan(world.clock.now() + 0.9 * HOUR);
    expect(fleet.getSnapshot().lanes.b).toMatchObject({ due: 0, overdue: 0 });
  });
});
