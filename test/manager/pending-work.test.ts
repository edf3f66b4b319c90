import { describe, expect, test } from 'vitest';
import { PendingWork } from '../../src/manager/pending-work.js';
import { fakeClock } from '../../src/testing.js';

/** Work that ends when the test says so, and what those who wait for all of it have seen. */
function pendingWork() {
  const clock = fakeClock();
  const work = new PendingWork(clock);
  const begin = () => {
    let end: { resolve(): void; reject(error: Error): void } | undefined;
    const promise = new Promise<void>((resolve, reject) => {
      end = { resolve, reject };
    });
    return { promise, tracked: work.track(promise), ...(end as NonNullable<typeof end>) };
  };
  const seen = { settled: 0 };
  const wait = (limitMs = 100) => void work.settled(limitMs).then(() => seen.settled++);
  return { clock, work, begin, seen, wait };
}

describe('waiting for all that is under way', () => {
  test('is over at once where nothing is, and sets no timer', async () => {
    const { clock, work } = pendingWork();
    const settled = work.settled(100);
    expect(clock.pending).toBe(0);
    await settled;
  });

  test('is over with the last of it, whether that succeeds or fails', async () => {
    const { clock, begin, seen, wait } = pendingWork();
    const [first, second] = [begin(), begin()];
    second.tracked.catch(() => undefined);
    wait();
    first.resolve();
    await clock.settle();
    expect(seen.settled).toBe(0);
    second.reject(new Error('failed'));
    await clock.settle();
    expect([seen.settled, clock.pending]).toEqual([1, 0]);
  });

  test('is over for all who wait, and begins anew for who comes later', async () => {
    const { clock, begin, seen, wait } = pendingWork();
    const first = begin();
    wait();
    wait();
    first.resolve();
    await clock.settle();
    expect(seen.settled).toBe(2);
    const later = begin();
    wait();
    await clock.settle();
    expect(seen.settled).toBe(2);
    later.resolve();
    await clock.settle();
    expect([seen.settled, clock.pending]).toEqual([3, 0]);
  });

  test('keeps the process alive, up to the limit and no longer', async () => {
    const { clock, begin, seen, wait } = pendingWork();
    begin();
    wait(100);
    await clock.settle();
    expect(clock.pendingKeepAlive).toBe(1);
    await clock.advance(99);
    expect(seen.settled).toBe(0);
    await clock.advance(1);
    expect([seen.settled, clock.pending]).toEqual([1, 0]);
  });
});

test('work that nobody waits for is tracked all the same, and comes out as it went in', async () => {
  const { clock, work, begin } = pendingWork();
  const { promise, tracked, resolve } = begin();
  expect(tracked).toBe(promise);
  resolve();
  await clock.settle();
  const settled = work.settled(100);
  expect(clock.pending).toBe(0);
  await settled;
});
