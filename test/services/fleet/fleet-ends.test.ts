import { describe, expect, test } from 'vitest';
import { createFetch, inProcess } from '../../../src/index.js';
import { createFleet, memoryDueIndex } from '../../../src/services/fleet.js';
import { fakeClock } from '../../../src/testing.js';
import { fleetWorld } from './fleet-world.js';

const HOUR = 3_600_000;

describe('processes that end, sessions that end', () => {
  test('FL10 At whatever moment a process is stopped, no session is lost and nothing stays claimed', async () => {
    for (let moment = 0; moment < 12; moment++) {
      const world = fleetWorld({ server: { delayMs: 200, answerDelayMs: 200 }, lanes: { default: { perSecond: 10 } } });
      const { fleet, stopped } = world.process();
      await world.signIn('a', 'b', 'c', 'd');
      world.clock.sleep(0.9 * HOUR);
      await world.clock.advance(moment * 60);
      const before = world.clock.now();
      await world.clock.runUntil(Promise.all([fleet.stop(), stopped]));
      expect(world.clock.now() - before, 'within the bound').toBeLessThanOrEqual(15_000);
      const refreshed = world.server.tokenRequests.length;
      const [lane] = await world.due.look('default');
      expect(lane?.due, `at moment ${moment}`).toBe(4 - refreshed);
      world.process();
      await world.pass(10_000);
      expect(world.server.counts).toMatchObject({ refreshesGranted: 4, reusesDetected: 0 });
    }
  });

  test('FL11 At whatever moment a process dies, what it had in hand is refreshed by another a second after the takeover', async () => {
    let relieved = 0;
    for (let moment = 0; moment < 16; moment++) {
      const world = fleetWorld({ server: { delayMs: 100, answerDelayMs: 100, reuseWindowMs: 10_000 } });
      await world.signIn('a', 'b', 'c');
      world.clock.sleep(0.9 * HOUR);
      const one = world.process();
      await world.clock.advance(20 + moment * 40);
      one.peer.crash();
      const two = world.process();
      await world.pass(6_000 + 400);
      for (const key of ['a', 'b', 'c']) {
        expect(world.expiresAt(key), `${key} at moment ${moment}`).toBeGreaterThan(world.clock.now() + 0.9 * HOUR);
      }
      expect(two.events.filter(({ type }) => type === 'sessionEnded')).toEqual([]);
      relieved += two.events.filter(({ type }) => type === 'workerRelieved').length;
    }
    expect(relieved, 'some died in the middle').toBeGreaterThan(3);
  });

  test('FL11 Where the provider forgives nothing, a session whose answer was on the way is told as lost', async () => {
    const world = fleetWorld({ server: { delayMs: 100, answerDelayMs: 200 } });
    await world.signIn('a');
    world.clock.sleep(0.9 * HOUR);
    const one = world.process();
    while (world.server.counts.refreshesGranted === 0) await world.clock.advance(10);
    one.peer.crash();
    const { events, fleet } = world.process();
    await world.pass(10_000);
    expect(events.filter(({ type }) => type === 'sessionEnded')).toMatchObject([{ key: 'a', reason: 'lost' }]);
    expect(await fleet.ended()).toMatchObject([{ key: 'a', reason: 'lost' }]);
  });

  test('FL11 what a process that died has lost holds no lane: it says nothing about the provider', async () => {
    const world = fleetWorld({
      server: { answerDelayMs: 2_000 },
      lanes: { default: { perSecond: 400, concurrency: 32, until: 0.5 } },
    });
    const keys = Array.from({ length: 30 }, (_, index) => `c${index}`);
    await world.signIn(...keys);
    world.clock.sleep(0.6 * HOUR);
    const one = world.process();
    while (world.server.counts.refreshesGranted < keys.length) await world.clock.advance(50);
    one.peer.crash();
    const { events, fleet } = world.process();
    await world.pass(20_000);
    expect(events.filter(({ type }) => type === 'lanePaused')).toEqual([]);
    const ended = await fleet.ended();
    expect(ended.map(({ key, reason }) => `${key} ${reason}`).sort()).toEqual(keys.map((key) => `${key} lost`).sort());
  });

  test('FL12 A session that its provider ended is listed until it is acknowledged, whatever dies in between', async () => {
    for (let moment = 0; moment < 12; moment++) {
      const world = fleetWorld({ server: { delayMs: 50, answerDelayMs: 50 } });
      await world.signIn('a');
      world.server.revokeFamily();
      world.clock.sleep(0.9 * HOUR);
      const one = world.process();
      await world.clock.advance(20 + moment * 20);
      one.peer.crash();
      const { fleet } = world.process();
      await world.pass(20_000);
      expect(await fleet.ended(), `at moment ${moment}`).toMatchObject([{ key: 'a', lane: 'default' }]);
      await fleet.acknowledge(['a']);
      await world.pass(20_000);
      expect(await fleet.ended()).toEqual([]);
    }
  });

  test('FL12 A process that hears of the end from another one does not take the session off the list', async () => {
    const world = fleetWorld();
    const service = world.process({}, { feed: false, work: false });
    await world.signIn('a');
    await world.clock.runUntil(service.fleet.session('a').getAccessToken());
    world.server.revokeFamily();
    world.clock.sleep(0.9 * HOUR);
    world.process();
    await world.pass(10_000);
    expect(service.events.filter(({ type }) => type === 'sessionEnded')).toMatchObject([{ reason: 'peer' }]);
    expect(await service.fleet.ended()).toMatchObject([{ key: 'a', reason: 'rejected' }]);
  });

  test('a session that was got stays good although its manager was let go for others', async () => {
    const world = fleetWorld();
    const { fleet } = world.process({ atHand: 2 });
    await world.signIn('a', 'b', 'c', 'd');
    const sessions = ['a', 'b', 'c', 'd'].map((key) => fleet.session(key));
    for (const [index, session] of sessions.entries()) {
      const api = createFetch(session, { origins: [world.server.origin], fetch: world.server.fetch });
      const answer = await world.clock.runUntil(api(world.server.apiUrl));
      expect([index, answer.status]).toEqual([index, 200]);
      expect(session.getSnapshot().status).toBe('active');
    }
    expect(JSON.stringify(sessions[0])).toContain('"status"');
  });

  test('FL14 A session that nobody uses costs one refresh per keep-alive, and is refreshed before its refresh token ends', async () => {
    const times = { hotForMs: HOUR, keepAliveMs: 3 * HOUR };
    const world = fleetWorld({ server: { accessTokenLifetimeMs: HOUR / 2 }, lanes: { default: times } });
    const { fleet } = world.process();
    await world.signIn('unused', 'used');
    for (let hours = 0; hours < 10; hours++) {
      await world.pass(HOUR);
      await world.clock.runUntil(fleet.session('used').getAccessToken());
    }
    const count = (user: string) =>
      world.server.tokenRequests.filter(({ refreshToken = '' }) => world.server.inspect(refreshToken)?.user === user)
        .length;
    expect(count('unused'), 'two or three in the hour of its start, then one every three hours').toBeLessThanOrEqual(6);
    expect(count('unused')).toBeGreaterThanOrEqual(4);
    expect(count('used')).toBeGreaterThan(20);
  });

  test('FL15 After a sign-out no worker serves or refreshes that session', async () => {
    const world = fleetWorld();
    const { fleet, manager } = world.process();
    await world.signIn('a', 'b');
    await world.clock.runUntil(fleet.session('a').getAccessToken());
    const other = manager('a');
    await world.clock.runUntil(other.endSession());
    await world.clock.advance(100);
    await expect(world.clock.runUntil(fleet.session('a').getAccessToken())).rejects.toMatchObject({
      code: 'ERR_NO_SESSION',
    });
    await world.clock.runUntil(fleet.session('b').endSession());
    await world.pass(HOUR);
    expect(world.server.tokenRequests).toEqual([]);
    expect(await fleet.ended(), 'nobody has to be asked to connect again').toEqual([]);
    expect(fleet.getSnapshot().lanes.default?.total).toBe(0);
  });

  test('FL16 An index that was emptied is rebuilt from the records; meanwhile requests are served', async () => {
    const world = fleetWorld();
    const { fleet } = world.process();
    await world.signIn('a', 'b');
    for (const key of ['a', 'b']) await world.due.remove(key);
    world.clock.sleep(1.1 * HOUR);
    const token = await world.clock.runUntil(fleet.session('a').getAccessToken());
    expect(world.server.inspect(token)).toMatchObject({ user: 'a' });
    expect(await world.clock.runUntil(fleet.reindex(['a', 'b', 'nobody']))).toBe(2);
    await world.pass(10_000);
    expect(world.expiresAt('b')).toBeGreaterThan(world.clock.now());
  });

  test('FL20 A fleet that was only created does nothing, and after stop() nothing is left', async () => {
    const clock = fakeClock();
    const due = memoryDueIndex({ clock });
    const { lock } = inProcess();
    let opened = 0;
    const open = () => {
      opened++;
      throw new Error('not to be called');
    };
    const fleet = createFleet({ open, due, lock, clock });
    expect([clock.pending, opened, fleet.getSnapshot().isRunning]).toEqual([0, 0, false]);
    const over = fleet.run();
    await clock.advance(5_000);
    expect(fleet.getSnapshot().isRunning).toBe(true);
    expect(clock.pendingKeepAlive).toBeGreaterThan(0);
    await clock.runUntil(Promise.all([fleet.stop(), over]));
    expect([clock.pending, fleet.getSnapshot().isRunning]).toEqual([0, false]);
  });
});
