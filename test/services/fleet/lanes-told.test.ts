import { describe, expect, test } from 'vitest';
import { allowance } from '../../../src/core/lane.js';
import { createFleetEmitter } from '../../../src/services/fleet/fleet-events.js';
import { createLaneBoard } from '../../../src/services/fleet/lane-board.js';
import { type DueIndex, inProcessQueue, memoryDueIndex } from '../../../src/services/fleet.js';
import { fakeClock } from '../../../src/testing.js';
import { fleetWorld } from './fleet-world.js';

const MINUTE = 60_000;
const HOUR = 3_600_000;
const many = (count: number, name = 'c') => Array.from({ length: count }, (_, index) => `${name}-${index}`);

describe('what is told of lanes', () => {
  test('FL6 a provider that is away, and says each time to come back in a second, gets at most 60 requests in ten minutes', async () => {
    const world = fleetWorld({ lanes: { default: { perSecond: 20 } } });
    const { events } = world.process();
    await world.signIn(...many(200));
    world.server.always({ status: 503, headers: { 'Retry-After': '1' } });
    world.clock.sleep(0.9 * HOUR);
    await world.pass(10 * MINUTE);
    expect(world.server.tokenRequests.length).toBeLessThanOrEqual(60);
    expect(events.filter(({ type }) => type === 'sessionEnded')).toEqual([]);
  });

  test('FL19 every pause by Retry-After is told with its end, not only the first one', async () => {
    const world = fleetWorld({ lanes: { default: { perSecond: 5 } } });
    const { fleet, events } = world.process();
    await world.signIn(...many(4));
    for (let round = 0; round < 2; round++) {
      world.clock.sleep(0.9 * HOUR);
      world.server.next({ status: 429, headers: { 'Retry-After': '30' } });
      await world.pass(2 * MINUTE);
      expect(fleet.getSnapshot().lanes.default?.paused?.reason).toBe('resumed');
    }
    const told = events.map(({ type }) => type).filter((type) => type.startsWith('lane'));
    expect(told).toEqual(['lanePaused', 'laneResumed', 'lanePaused', 'laneResumed']);
  });

  test('FL8 an answer of the index that was on its way when a pause was written does not undo the pause', async () => {
    const clock = fakeClock();
    const due = memoryDueIndex({ clock });
    const emitter = createFleetEmitter();
    const told: string[] = [];
    emitter.on('lanePaused', ({ reason }) => told.push(reason));
    emitter.on('laneResumed', () => told.push('resumed'));
    const late = async (lane?: string) => {
      const before = await due.look(lane);
      await new Promise<void>((resolve) => void clock.after(150, resolve));
      return before;
    };
    const board = createLaneBoard({ ...due, look: late }, clock, () => 0.5, emitter);
    const looked = board.look('a');
    await clock.advance(100);
    for (let count = 0; count < 5; count++) board.report('a', { kind: 'config' });
    await clock.runUntil(looked);
    expect(board.pauseOf('a')?.reason).toBe('config');
    expect(told).toEqual(['config']);
    await clock.runUntil(board.look('a'));
    expect(board.pauseOf('a')?.reason).toBe('config');
  });

  test('a lane without a name is the lane "default", in the fleet as in the storage', async () => {
    const world = fleetWorld({ laneOf: () => '' });
    const { fleet } = world.process();
    await world.signIn('a');
    world.clock.sleep(0.9 * HOUR);
    await world.pass(5_000);
    expect(world.server.tokenRequests).toHaveLength(1);
    expect(Object.keys(fleet.getSnapshot().lanes)).toEqual(['default']);
  });

  test('FL17 where jobs of all lanes share a bound, a full lane does not keep the others out', async () => {
    const queue = inProcessQueue({ concurrency: 2 });
    const done: string[] = [];
    const waiting: (() => void)[] = [];
    const work = (key: string) =>
      new Promise<void>((resolve) => {
        done.push(key);
        waiting.push(resolve);
      });
    const options = { concurrency: 9, takeoverMs: 5_000 };
    const stops = ['a', 'b'].map((lane) => queue.process(lane, work, options));
    await queue.add('a', many(10, 'a'));
    await queue.add('b', many(2, 'b'));
    for (let round = 0; round < 4; round++) {
      waiting.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(done.slice(0, 6).filter((key) => key.startsWith('b'))).toHaveLength(2);
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      next();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(stops.map((stop) => stop()));
  });

  test('a lane that another process has resumed is not braked again for what was before', async () => {
    const clock = fakeClock();
    const due = memoryDueIndex({ clock });
    const board = createLaneBoard(due, clock, () => 0.5, createFleetEmitter());
    for (let count = 0; count < 9; count++) board.report('a', { kind: 'unavailable' });
    for (const reason of ['unavailable', 'resumed'] as const) {
      await due.pause('a', { until: clock.now(), reason, count: 0 }); // by another process
      await board.look('a');
    }
    board.report('a', { kind: 'unavailable' });
    expect(board.pauseOf('a')?.reason).toBe('resumed');
  });

  test.each([
    ['by a process whose clock is half an hour ahead', 1_800_000, 0],
    ['by a process whose clock is half an hour behind', -1_800_000, 0],
    ['before the clock here was set back by half an hour', 0, -1_800_000],
  ])('a pause holds a lane for as long as it was meant, also one that was written %s', async (_, aheadMs, setByMs) => {
    const clock = fakeClock();
    const due = memoryDueIndex({ clock });
    const board = createLaneBoard(due, clock, () => 0.5, createFleetEmitter());
    const other = { ...clock, now: () => clock.now() + aheadMs };
    const writer = createLaneBoard(due, other, () => 0.5, createFleetEmitter());
    await board.look('a');
    for (let count = 0; count < 10; count++) writer.report('a', { kind: 'unavailable' });
    await clock.settle();
    await board.look('a');
    clock.set(clock.now() + setByMs);
    const allowed = () => allowance(board.pauseOf('a'), clock.now(), 50);
    expect(allowed()).toBe('none');
    await clock.advance(4_900);
    await board.look('a');
    expect(allowed()).toBe('none');
    await clock.advance(200);
    await board.look('a');
    expect(allowed()).toBe('probe');
  });

  test('a process that starts believes a pause that it finds, for as long as it was meant at most', async () => {
    const clock = fakeClock();
    const due = memoryDueIndex({ clock });
    const pause = { reason: 'unavailable', count: 3, forMs: 60_000 } as const;
    for (const [leftMs, heldMs] of [
      [20_000, 20_000],
      [1_800_000, 60_000],
    ] as const) {
      await due.pause('a', { ...pause, until: clock.now() + leftMs });
      const board = createLaneBoard(due, clock, () => 0.5, createFleetEmitter());
      await board.look('a');
      expect(board.pauseOf('a')?.until).toBe(clock.now() + heldMs);
    }
  });

  test('FL7 of two moments that a provider names to two processes at the same time, the later one counts in both', async () => {
    const clock = fakeClock();
    const due = memoryDueIndex({ clock });
    const [one, other] = [0, 1].map(() => createLaneBoard(due, clock, () => 0.5, createFleetEmitter()));
    const boards = [one, other].filter((board) => board !== undefined);
    for (const board of boards) await board.look('a');
    const until = clock.now() + 25_000;
    one?.report('a', { kind: 'unavailable', retryAt: until });
    other?.report('a', { kind: 'unavailable', retryAt: clock.now() + 2_000 });
    for (let round = 0; round < 2; round++) {
      for (const board of boards) await board.look('a');
      await clock.settle();
    }
    expect(boards.map((board) => board.pauseOf('a')?.until)).toEqual([until, until]);
    for (let round = 0; round < 5; round++) await clock.advance(1_000);
    expect((await due.look('a'))[0]?.paused).toMatchObject({ until, reason: 'retry-after' });
  });

  test('FL7 a moment that a provider names under a longer brake counts in every process: a success elsewhere does not end it', async () => {
    const clock = fakeClock();
    const due = memoryDueIndex({ clock });
    const [board, other] = [0, 1].map(() => createLaneBoard(due, clock, () => 0.5, createFleetEmitter()));
    await other?.look('a');
    for (let count = 0; count < 5; count++) board?.report('a', { kind: 'config' });
    await other?.look('a');
    const until = board?.pauseOf('a')?.until ?? 0;
    board?.report('a', { kind: 'unavailable', retryAt: until - 10_000 });
    await other?.look('a');
    other?.report('a', { kind: 'refreshed' });
    expect(allowance(other?.pauseOf('a'), until - 20_000, 10)).toBe('none');
    await board?.look('a');
    expect(allowance(board?.pauseOf('a'), until - 20_000, 10)).toBe('none');
  });

  test('FL7 a success in a process that has not heard yet of the moment that a provider has named does not end that pause', async () => {
    const clock = fakeClock();
    const due = memoryDueIndex({ clock });
    const [board, other] = [0, 1].map(() => createLaneBoard(due, clock, () => 0.5, createFleetEmitter()));
    board?.report('a', { kind: 'unavailable', retryAt: clock.now() + 2_000 });
    await other?.look('a');
    await clock.advance(3_000);
    const until = clock.now() + 25_000;
    board?.report('a', { kind: 'unavailable', retryAt: until });
    other?.report('a', { kind: 'refreshed' });
    for (let round = 0; round < 2; round++) {
      await board?.look('a');
      await other?.look('a');
      await clock.advance(100);
    }
    for (const one of [board, other]) expect(allowance(one?.pauseOf('a'), until - 1_000, 10)).toBe('none');
    await board?.set('a', { until: clock.now(), reason: 'resumed', count: 0, isForced: true });
    await other?.look('a');
    for (const one of [board, other]) expect(one?.pauseOf('a')?.reason, 'a person has said so').toBe('resumed');
  });

  test('FL7 the longer of two named moments is no longer because the clock was set back before both were known', async () => {
    const right = fakeClock();
    let aheadMs = 900_000;
    const clock = { ...right, now: () => right.now() + aheadMs };
    const due = memoryDueIndex({ clock: right });
    const board = createLaneBoard(due, clock, () => 0.5, createFleetEmitter());
    await board.look('a');
    board.report('a', { kind: 'unavailable', retryAt: clock.now() + 25_000 });
    await right.settle();
    await due.pause('a', { reason: 'retry-after', count: 0, until: right.now() + 2_000, forMs: 2_000 });
    aheadMs = 0;
    await board.look('a');
    expect(board.pauseOf('a')?.until).toBe(right.now() + 25_000);
  });

  test.each(['retry-after', 'deaths'] as const)(
    'FL16 an index that was emptied learns anew what holds a lane: %s',
    async (reason) => {
      const clock = fakeClock();
      let due = memoryDueIndex({ clock });
      const index: DueIndex = { ...due, pause: (...given) => due.pause(...given), look: (lane) => due.look(lane) };
      const [one, other] = [0, 1].map(() => createLaneBoard(index, clock, () => 0.5, createFleetEmitter()));
      if (!one || !other) throw new Error('Expected two boards.');
      await one.look('a');
      const until = clock.now() + 25_000;
      if (reason === 'retry-after') one.report('a', { kind: 'unavailable', retryAt: until });
      else for (let count = 0; count < 20; count++) one.report('a', { kind: 'dead' });
      await one.look('a');
      due = memoryDueIndex({ clock });
      await clock.advance(1_000);
      for (const board of [one, other, one]) await board.look('a');
      expect([one.pauseOf('a')?.reason, other.pauseOf('a')?.reason]).toEqual([reason, reason]);
      expect([one.mayEnd('a'), other.mayEnd('a')]).toEqual(reason === 'deaths' ? [false, false] : [true, true]);
      if (reason === 'retry-after')
        expect([one.pauseOf('a')?.until, other.pauseOf('a')?.until]).toEqual([until, until]);
    },
  );
});
