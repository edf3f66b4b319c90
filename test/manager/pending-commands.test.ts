import { describe, expect, test } from 'vitest';
import { longestMs } from '../../src/manager/hold-lock.js';
import { fakeClock } from '../../src/testing.js';
import { bareManager } from '../support/bare-manager.js';

function commands() {
  const clock = fakeClock();
  const { pending, settings } = bareManager({ clock });
  return { clock, pending, limitMs: longestMs(settings) };
}

describe('of two sign-ins', () => {
  test('the later one counts, and until it is over, a session is being started', () => {
    const { pending } = commands();
    const [first, second] = [pending.beginStart('one'), pending.beginStart('two')];
    expect([first.isLatest(), second.isLatest(), second.turn > first.turn]).toEqual([false, true, true]);
    first.finish();
    expect(pending.isStarting).toBe(true);
    second.finish();
    expect(pending.isStarting).toBe(false);
  });

  test('the earlier one may end last, and nobody waits for it', () => {
    const { pending } = commands();
    const [first, second] = [pending.beginStart('one'), pending.beginStart('two')];
    second.finish();
    expect(pending.isStarting).toBe(false);
    first.finish();
    expect(pending.isStarting).toBe(false);
  });

  test('a sign-out is told those that are not over', () => {
    const { pending } = commands();
    const [first] = [pending.beginStart('one'), pending.beginStart('two')];
    expect(pending.beginEnd().startingIds).toEqual(['one', 'two']);
    first.finish();
    expect(pending.beginEnd().startingIds).toEqual(['two']);
  });
});

describe('who waits for a sign-in', () => {
  test('goes on when the last one is over, and not before', async () => {
    const { clock, pending } = commands();
    const [first, second] = [pending.beginStart('one'), pending.beginStart('two')];
    let isServed = false;
    void pending.callers.wait(undefined).then(() => {
      isServed = true;
    });
    first.finish();
    await clock.settle();
    expect(isServed).toBe(false);
    second.finish();
    await clock.settle();
    expect(isServed).toBe(true);
    expect(clock.pending).toBe(0);
  });

  test('goes on, at the latest, when it is dead by the clock', async () => {
    const { clock, pending, limitMs } = commands();
    pending.beginStart('one');
    await clock.advance(1);
    let isServed = false;
    void pending.callers.wait(undefined).then(() => {
      isServed = true;
    });
    await clock.advance(limitMs - 1);
    expect([pending.isStarting, isServed]).toEqual([true, false]);
    await clock.advance(1);
    expect([pending.isStarting, isServed]).toEqual([false, true]);
  });

  test('waits on while a later one is alive', async () => {
    const { clock, pending, limitMs } = commands();
    pending.beginStart('one');
    let isServed = false;
    void pending.callers.wait(undefined).then(() => {
      isServed = true;
    });
    await clock.advance(1_000);
    pending.beginStart('two');
    await clock.advance(limitMs - 1);
    expect(isServed).toBe(false);
  });
});

describe('a sign-out', () => {
  test('wins over the sign-ins that have begun before it, and over no later one', () => {
    const { pending } = commands();
    const before = pending.beginStart('one');
    expect(before.isEnded()).toBe(false);
    const { ends } = pending;
    pending.beginEnd();
    expect(pending.ends).toBe(ends + 1);
    expect([before.isEnded(), pending.beginStart('two').isEnded()]).toEqual([true, false]);
  });

  test('is under way until each of them is over, or dead by the clock', async () => {
    const { clock, pending, limitMs } = commands();
    const [first, second] = [pending.beginEnd(), pending.beginEnd()];
    second.finish();
    expect(pending.isErasing).toBe(true);
    first.finish();
    expect(pending.isErasing).toBe(false);
    pending.beginEnd();
    await clock.advance(limitMs);
    expect(pending.isErasing).toBe(true);
    await clock.advance(1);
    expect(pending.isErasing).toBe(false);
  });
  test('and a sign-in that are dead by the clock do not come back to life with the next command', async () => {
    const { clock, pending, limitMs } = commands();
    const [dead] = [pending.beginEnd(), pending.beginStart('one')];
    await clock.advance(limitMs + 1);
    const end = pending.beginEnd();
    expect([pending.isStarting, pending.isErasing]).toEqual([false, true]);
    dead.finish(); // it lives after all, and ends no other one
    expect(pending.isErasing).toBe(true);
    end.finish();
    expect(pending.isErasing).toBe(false);
  });

  test('that was cut off is over with a sign-in that has begun after it, and a later one is not', () => {
    const { pending } = commands();
    pending.beginEnd();
    const start = pending.beginStart('one');
    expect(pending.isErasing).toBe(true);
    start.finish();
    expect(pending.isErasing).toBe(false);
    const next = pending.beginStart('two');
    pending.beginEnd();
    next.finish();
    expect(pending.isErasing).toBe(true);
  });

  test('is dead as well when the clock was set back far, and not when it was set back a little', () => {
    const { clock, pending, limitMs } = commands();
    pending.beginEnd();
    clock.set(clock.now() - limitMs);
    expect(pending.isErasing).toBe(true);
    clock.set(clock.now() - 1);
    expect(pending.isErasing).toBe(false);
  });
});
