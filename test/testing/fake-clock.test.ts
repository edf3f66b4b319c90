import { describe, expect, it } from 'vitest';
import { fakeClock } from '../../src/testing.js';

const NOON = Date.UTC(2026, 5, 1, 12);

describe('a fake clock', () => {
  it('stands still until it is told to move', async () => {
    const clock = fakeClock(NOON);
    await clock.settle();
    expect(clock.now()).toBe(NOON);
    await clock.advance(1_500);
    expect(clock.now()).toBe(NOON + 1_500);
  });

  it('runs tasks in the order of their moments, each at its own moment', async () => {
    const clock = fakeClock(NOON);
    const seen: Array<[string, number]> = [];
    const note = (name: string) => () => seen.push([name, clock.now() - NOON]);
    clock.after(300, note('third'));
    clock.after(100, note('first'));
    clock.after(200, note('second'));
    clock.after(200, note('second, added later'));
    clock.after(301, note('too late'));
    await clock.advance(300);
    expect(seen).toEqual([
      ['first', 100],
      ['second', 200],
      ['second, added later', 200],
      ['third', 300],
    ]);
  });

  it('runs a task that another one scheduled, within the same advance', async () => {
    const clock = fakeClock(NOON);
    const moments: number[] = [];
    const again = () => {
      moments.push(clock.now() - NOON);
      clock.after(100, again);
    };
    clock.after(100, again);
    await clock.advance(350);
    expect(moments).toEqual([100, 200, 300]);
    expect(clock.nextAt).toBe(NOON + 400);
  });

  it('lets long chains of promises and tasks get on before, between and after', async () => {
    const clock = fakeClock(NOON);
    const seen: number[] = [];
    const wait = (ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve));
    const work = async () => {
      for (let round = 0; round < 50; round++) {
        await new Promise((resolve) => setImmediate(resolve));
        await wait(10);
      }
      seen.push(clock.now() - NOON);
    };
    void work();
    await clock.advance(500);
    expect(seen).toEqual([500]);
  });

  it('lets the body of a response be read without a task of its own', async () => {
    const clock = fakeClock(NOON);
    const seen: unknown[] = [];
    clock.after(10, async () => {
      const request = new Request('https://auth.test/', { method: 'POST', body: JSON.stringify({ a: 1 }) });
      const copy = new Response(request.clone().body).clone();
      seen.push(await copy.json());
      clock.after(5, () => seen.push('then'));
    });
    await clock.advance(15);
    expect(seen).toEqual([{ a: 1 }, 'then']);
  });

  it('waits for tracked work that the event loop cannot see ahead', async () => {
    const clock = fakeClock(NOON);
    const seen: number[] = [];
    clock.after(10, async () => {
      const digest = crypto.subtle.digest('SHA-256', new Uint8Array(4_000_000));
      seen.push((await clock.track(digest)).byteLength);
    });
    await clock.advance(10);
    expect(seen).toEqual([32]);
  });

  it('says so when tracked work waits for the clock that waits for it', async () => {
    const clock = fakeClock(NOON);
    void clock.track(new Promise<void>((resolve) => clock.after(10, resolve)));
    await expect(clock.advance(10)).rejects.toThrow('does it wait for this clock');
  });

  it('cancels a task, also twice, also after it ran', async () => {
    const clock = fakeClock(NOON);
    let runs = 0;
    const cancel = clock.after(10, () => runs++);
    const cancelled = clock.after(10, () => runs++);
    cancelled();
    cancelled();
    await clock.advance(20);
    cancel();
    expect(runs).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it('counts what waits, and what would keep a process running', async () => {
    const clock = fakeClock(NOON);
    clock.after(10, () => undefined);
    clock.after(20, () => undefined, { keepAlive: true });
    expect([clock.pending, clock.pendingKeepAlive, clock.nextAt]).toEqual([2, 1, NOON + 10]);
    await clock.advance(10);
    expect([clock.pending, clock.pendingKeepAlive, clock.nextAt]).toEqual([1, 1, NOON + 20]);
  });

  it('runs exactly the next task, and says when there is none', async () => {
    const clock = fakeClock(NOON);
    const seen: string[] = [];
    clock.after(50, () => seen.push('a'));
    clock.after(50, () => seen.push('b'));
    expect(await clock.runNext()).toBe(true);
    expect(seen).toEqual(['a']);
    expect(clock.now()).toBe(NOON + 50);
    expect(await clock.runNext()).toBe(true);
    expect(await clock.runNext()).toBe(false);
    expect(clock.now()).toBe(NOON + 50);
  });

  it('moves to a moment, but not to one that is past', async () => {
    const clock = fakeClock(NOON);
    await clock.advanceTo(NOON + 70);
    expect(clock.now()).toBe(NOON + 70);
    await expect(clock.advanceTo(NOON)).rejects.toMatchObject({ code: 'ERR_OPTIONS' });
  });

  it('does one movement after the other when nobody waits in between', async () => {
    const clock = fakeClock(NOON);
    const seen: number[] = [];
    clock.after(150, () => seen.push(clock.now() - NOON));
    await Promise.all([clock.advance(100), clock.advance(100)]);
    expect(clock.now()).toBe(NOON + 200);
    expect(seen).toEqual([150]);
  });

  it('holds tasks to elapsed time when the wall clock is set', async () => {
    const clock = fakeClock(NOON);
    const seen: number[] = [];
    clock.after(1_000, () => seen.push(clock.now() - NOON));
    clock.set(NOON + 7_200_000);
    await clock.advance(999);
    expect(seen).toEqual([]);
    await clock.advance(1);
    expect(seen).toEqual([7_201_000]);
    clock.set(NOON);
    expect(clock.now()).toBe(NOON);
  });

  it('sleeps: time passes, no task runs, and the overdue ones run late and in order', async () => {
    const clock = fakeClock(NOON);
    const seen: Array<[string, number]> = [];
    clock.after(2_000, () => seen.push(['second', clock.now() - NOON]));
    clock.after(1_000, () => seen.push(['first', clock.now() - NOON]));
    clock.after(28_801_000, () => seen.push(['after breakfast', clock.now() - NOON]));
    clock.sleep(28_800_000);
    await clock.settle();
    expect(seen).toEqual([]);
    expect(clock.now()).toBe(NOON + 28_800_000);
    expect(clock.nextAt).toBe(NOON + 1_000);
    await clock.advance(0);
    expect(seen).toEqual([
      ['first', 28_800_000],
      ['second', 28_800_000],
    ]);
    await clock.advance(1_000);
    expect(seen.at(-1)).toEqual(['after breakfast', 28_801_000]);
  });

  it('runs tasks until a promise settles, and no further', async () => {
    const clock = fakeClock(NOON);
    const waits = new Promise((resolve) => clock.after(100, () => clock.after(200, () => resolve('done'))));
    clock.after(301, () => undefined);
    expect(await clock.runUntil(waits)).toBe('done');
    expect(clock.now()).toBe(NOON + 300);
    await expect(clock.runUntil(Promise.reject(new Error('its own')))).rejects.toThrow('its own');
  });

  it('refuses to run until a promise that would take longer than allowed', async () => {
    const clock = fakeClock(NOON);
    clock.after(5_000, () => undefined);
    const never = new Promise(() => undefined);
    await expect(clock.runUntil(never, { withinMs: 4_999 })).rejects.toThrow('4999 ms');
    expect(clock.now()).toBe(NOON);
  });

  it('passes on what a task threw, after all others have run', async () => {
    const clock = fakeClock(NOON);
    let ran = false;
    clock.after(10, () => {
      throw new Error('from a task');
    });
    clock.after(20, () => {
      ran = true;
    });
    await expect(clock.advance(30)).rejects.toThrow('from a task');
    expect(ran).toBe(true);
    expect(clock.now()).toBe(NOON + 30);
    await clock.advance(1);
  });

  it('finds tasks that go on scheduling each other without delay', async () => {
    const clock = fakeClock(NOON);
    const again = () => {
      clock.after(0, again);
    };
    again();
    await expect(clock.advance(1)).rejects.toThrow('ran at one moment');
  });

  it('moves on although some code never comes to rest', async () => {
    const clock = fakeClock(NOON);
    let over = false;
    const spin = () => {
      clock.after(60_000, () => undefined)();
      if (clock.now() === NOON && !over) setImmediate(spin);
    };
    spin();
    await clock.advance(1);
    over = true;
    expect(clock.now()).toBe(NOON + 1);
  });

  it('takes a negative delay for none', async () => {
    const clock = fakeClock(NOON);
    let ran = false;
    clock.after(-5, () => {
      ran = true;
    });
    await clock.advance(0);
    expect(ran).toBe(true);
    expect(clock.now()).toBe(NOON);
  });

  it.each([2_147_483_648, Number.POSITIVE_INFINITY, Number.NaN])(
    'refuses a delay of %d ms, which real timers get wrong',
    (delayMs) => {
      expect(() => fakeClock().after(delayMs, () => undefined)).toThrow('at most 2147483647 ms');
    },
  );

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('refuses to advance by %d ms', async (ms) => {
    await expect(fakeClock().advance(ms)).rejects.toMatchObject({ code: 'ERR_OPTIONS' });
  });

  it('refuses a start and a setting that are no moments', () => {
    expect(() => fakeClock(Number.NaN)).toThrow('startAt');
    expect(() => fakeClock().set(Number.NaN)).toThrow('epoch milliseconds');
  });
});
