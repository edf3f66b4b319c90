import { describe, expect, it } from 'vitest';
import { fakeClock, type Peer, peers } from '../../src/testing.js';

const NOON = Date.UTC(2026, 5, 1, 12);
const KEY = 'evertoken:session';
const never = new AbortController().signal;

/** Notes what a promise came to, without waiting. */
function outcome<T>(promise: PromiseLike<T>): { value: T | 'pending' } {
  const seen: { value: T | 'pending' } = { value: 'pending' };
  void promise.then((value) => {
    seen.value = value;
  });
  return seen;
}

function holdLock(peer: Peer, holdMs?: number) {
  let end: (value: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => {
    end = resolve;
  });
  const events: string[] = [];
  let reason: unknown;
  const done = peer.platform.lock.run(
    KEY,
    never,
    (lease) => {
      events.push('granted');
      lease.signal.addEventListener('abort', () => {
        events.push('lost');
        reason = lease.signal.reason;
      });
      return ended;
    },
    holdMs === undefined ? {} : { holdMs },
  );
  return { events, end, done: outcome(done), reason: () => reason };
}

describe('peers', () => {
  it('share one storage, one lock and one channel', async () => {
    const [first, second] = peers(2);
    let heard = 0;
    second.platform.channel.subscribe(KEY, () => heard++);
    await first.platform.storage.setItem(KEY, 'value');
    first.platform.channel.announce(KEY);
    expect(await second.platform.storage.getItem(KEY)).toBe('value');
    expect(second.items.get(KEY)).toBe('value');
    expect(heard).toBe(1);
    expect(await first.open().platform.storage.getItem(KEY)).toBe('value');
  });

  it('use the clock and the chance they are given', () => {
    const clock = fakeClock(NOON);
    const [only] = peers(1, { clock, random: () => 0.25 });
    expect(only.platform.clock.now()).toBe(NOON);
    expect(only.platform.random()).toBe(0.25);
  });

  it.each([0, -1, 1.5, 101])('are not %d', (count) => {
    expect(() => peers(count)).toThrow('from 1 to 100');
  });

  it('carry fences only when asked to', async () => {
    const fence = (peer: Peer) => peer.platform.lock.run(KEY, never, async (lease) => lease.fence);
    expect(await fence(peers(1)[0])).toBeUndefined();
    expect(await fence(peers(1, { fences: true })[0])).toBe(1);
  });
});

describe('a frozen peer', () => {
  it('runs no timer, and runs the overdue ones in order when it thaws', async () => {
    const clock = fakeClock(NOON);
    const [first, second] = peers(2, { clock });
    const seen: string[] = [];
    first.platform.clock.after(20, () => seen.push('frozen, later'));
    first.platform.clock.after(10, () => seen.push('frozen, sooner'));
    const cancel = first.platform.clock.after(15, () => seen.push('cancelled meanwhile'));
    second.platform.clock.after(30, () => seen.push('other'));
    first.freeze();
    expect(first.state).toBe('frozen');
    await clock.advance(100);
    expect(seen).toEqual(['other']);
    cancel();
    first.thaw();
    expect(seen).toEqual(['other', 'frozen, sooner', 'frozen, later']);
  });

  it('gets no answer and does nothing new until it thaws', async () => {
    const clock = fakeClock(NOON);
    const [first, second] = peers(2, { clock });
    const asked = outcome(Promise.resolve(first.platform.storage.setItem(KEY, 'before')));
    first.freeze();
    const writing = outcome(Promise.resolve(first.platform.storage.setItem(KEY, 'while frozen')));
    await clock.settle();
    expect(asked.value).toBe('pending');
    expect(await second.platform.storage.getItem(KEY)).toBe('before');
    first.thaw();
    await clock.settle();
    expect([asked.value, writing.value]).toEqual([undefined, undefined]);
    expect(first.items.get(KEY)).toBe('while frozen');
  });

  it('hears announcements and wake-ups when it thaws', async () => {
    const [first, second] = peers(2);
    const seen: string[] = [];
    first.platform.channel.subscribe(KEY, () => seen.push('announcement'));
    first.platform.wakeups.subscribe(() => seen.push('wake-up'));
    first.freeze();
    second.platform.channel.announce(KEY);
    await Promise.resolve();
    first.wake();
    expect(seen).toEqual([]);
    first.thaw();
    expect(seen).toEqual(['announcement', 'wake-up']);
  });

  it('keeps the lock, until others take it over after holdMs, and learns that when it thaws', async () => {
    const clock = fakeClock(NOON);
    const [first, second, third] = peers(3, { clock });
    const held = holdLock(first, 5_000);
    await clock.settle();
    first.freeze();
    const next = holdLock(second, 5_000);
    const last = holdLock(third, 5_000);
    await clock.advance(4_999);
    expect(next.events).toEqual([]);
    await clock.advance(1);
    expect([next.events, last.events]).toEqual([['granted'], []]);
    next.end('next');
    await clock.settle();
    expect(last.events).toEqual(['granted']);
    expect(held.events).toEqual(['granted']);
    first.thaw();
    expect(held.events).toEqual(['granted', 'lost']);
    expect(held.reason()).toMatchObject({ code: 'ERR_LOCK_LOST' });
    held.end('late');
    last.end('last');
    await clock.settle();
    expect([held.done.value, next.done.value, last.done.value]).toEqual(['late', 'next', 'last']);
    expect(clock.pending).toBe(0);
  });

  it('can be granted the lock, and begins its task when it thaws', async () => {
    const clock = fakeClock(NOON);
    const [first, second] = peers(2, { clock });
    const held = holdLock(first);
    const waiting = holdLock(second);
    await clock.settle();
    second.freeze();
    held.end('done');
    await clock.settle();
    expect(waiting.events).toEqual([]);
    second.thaw();
    await clock.settle();
    expect(waiting.events).toEqual(['granted']);
    waiting.end('done');
  });

  it('is watched only while somebody waits for the lock that it holds', async () => {
    const clock = fakeClock(NOON);
    const [first, second] = peers(2, { clock });
    const held = holdLock(first, 5_000);
    await clock.settle();
    expect(clock.pending).toBe(0);
    const abort = new AbortController();
    const waiting = second.platform.lock.run(KEY, abort.signal, async () => undefined).catch(() => 'gone');
    await clock.advance(4_000);
    expect([clock.pendingKeepAlive, clock.nextAt]).toEqual([1, NOON + 5_000]);
    abort.abort();
    expect(await waiting).toBe('gone');
    expect(clock.pending).toBe(0);
    await clock.advance(4_000);
    const late = holdLock(second, 5_000);
    await clock.advance(0);
    expect([held.events, late.events]).toEqual([['granted', 'lost'], ['granted']]);
    held.end('late');
    late.end('done');
    await clock.settle();
  });

  it('has its own work held up where it is passed through', async () => {
    const clock = fakeClock(NOON);
    const [first] = peers(1, { clock });
    let asked = 0;
    const ask = () => first.through(async () => ++asked);
    const before = outcome(ask());
    first.freeze();
    const after = outcome(ask());
    await clock.settle();
    expect([asked, before.value, after.value]).toEqual([1, 'pending', 'pending']);
    first.thaw();
    await clock.settle();
    expect([before.value, after.value]).toEqual([1, 2]);
    await expect(first.through(() => Promise.reject(new Error('its own')))).rejects.toThrow('its own');
  });

  it('can be frozen again by what it does first when it thaws', () => {
    const [first] = peers(1);
    const seen: string[] = [];
    first.platform.wakeups.subscribe(() => {
      seen.push('first');
      first.freeze();
    });
    first.platform.wakeups.subscribe(() => seen.push('second'));
    first.freeze();
    first.wake();
    first.thaw();
    expect(seen).toEqual(['first']);
    first.thaw();
    expect(seen).toEqual(['first', 'second']);
  });

  it('runs what is left although one listener throws on thawing', () => {
    const [first] = peers(1);
    let ran = false;
    first.platform.wakeups.subscribe(() => {
      throw new Error('of a listener');
    });
    first.platform.wakeups.subscribe(() => {
      ran = true;
    });
    first.freeze();
    first.wake();
    expect(() => first.thaw()).toThrow('of a listener');
    expect(ran).toBe(true);
  });
});

describe('a crashed peer', () => {
  it('never goes on: no timer, no answer, no announcement', async () => {
    const clock = fakeClock(NOON);
    const [first, second] = peers(2, { clock });
    const seen: string[] = [];
    first.platform.clock.after(10, () => seen.push('timer'));
    first.platform.channel.subscribe(KEY, () => seen.push('announcement'));
    second.platform.channel.subscribe(KEY, () => seen.push('of the dead'));
    const reading = outcome(Promise.resolve(first.platform.storage.getItem(KEY)));
    first.crash();
    expect(first.state).toBe('crashed');
    second.platform.channel.announce('another key');
    const writing = outcome(Promise.resolve(first.platform.storage.setItem(KEY, 'of the dead')));
    first.platform.channel.announce(KEY);
    first.platform.clock.after(10, () => seen.push('later timer'));
    first.thaw();
    first.freeze();
    first.crash();
    expect(first.state).toBe('crashed');
    await clock.advance(1_000);
    expect(seen).toEqual([]);
    expect([reading.value, writing.value]).toEqual(['pending', 'pending']);
    expect(first.items.size).toBe(0);
  });

  it('lets go of the lock and of its place in the queue', async () => {
    const clock = fakeClock(NOON);
    const [first, second, third] = peers(3, { clock });
    const held = holdLock(first);
    const dead = holdLock(second);
    const waiting = holdLock(third);
    await clock.settle();
    second.crash();
    await clock.settle();
    expect(waiting.events).toEqual([]);
    first.crash();
    await clock.settle();
    expect([held.events, dead.events, waiting.events]).toEqual([['granted'], [], ['granted']]);
    held.end('of the dead');
    await clock.settle();
    expect(held.done.value).toBe('pending');
    waiting.end('done');
    await clock.settle();
    expect(clock.pending).toBe(0);
  });

  it('does not do what a slow storage had not done by then', async () => {
    const clock = fakeClock(NOON);
    const [first, second] = peers(2, { clock });
    first.storageFault = { delayMs: 100 };
    second.storageFault = { delayMs: 100 };
    void first.platform.storage.setItem('first', 'x');
    void second.platform.storage.setItem('second', 'x');
    await clock.advance(50);
    first.crash();
    second.freeze();
    await clock.advance(100);
    expect([...first.items.keys()]).toEqual(['second']);
  });
});

describe('a reloaded peer', () => {
  it('starts anew on the same storage; its old life never goes on', async () => {
    const clock = fakeClock(NOON);
    const [first] = peers(1, { clock });
    const before = first.platform;
    await before.storage.setItem(KEY, 'kept');
    const held = holdLock(first);
    await clock.settle();
    const after = first.reload();
    expect(after).toBe(first.platform);
    expect(after).not.toBe(before);
    expect(first.state).toBe('running');
    expect(await after.storage.getItem(KEY)).toBe('kept');
    expect(await after.lock.run(KEY, never, async () => 'free')).toBe('free');
    const old = outcome(Promise.resolve(before.storage.getItem(KEY)));
    held.end('old');
    await clock.settle();
    expect([old.value, held.done.value]).toEqual(['pending', 'pending']);
  });

  it('comes back from a crash and from being frozen', async () => {
    const [first, second] = peers(2);
    first.crash();
    second.freeze();
    expect(await first.reload().storage.getItem(KEY)).toBeNull();
    expect(await second.reload().storage.getItem(KEY)).toBeNull();
  });
});

describe('faults of the storage', () => {
  it('come as a delay, an error before or after acting, or no answer at all', async () => {
    const clock = fakeClock(NOON);
    const [only] = peers(1, { clock });
    const { storage } = only.platform;
    const locked = new Error('the keychain is locked');
    only.storageFault = { error: locked };
    await expect(storage.setItem(KEY, '1')).rejects.toBe(locked);
    expect(only.items.has(KEY)).toBe(false);
    only.storageFault = { error: locked, acts: true };
    await expect(storage.setItem(KEY, '2')).rejects.toBe(locked);
    expect(only.items.get(KEY)).toBe('2');
    only.storageFault = { hang: true };
    const hanging = [
      outcome(Promise.resolve(storage.getItem(KEY))),
      outcome(Promise.resolve(storage.setItem(KEY, '3'))),
    ];
    await clock.advance(1_000_000);
    expect([hanging.map(({ value }) => value), only.items.get(KEY)]).toEqual([['pending', 'pending'], '2']);
    only.storageFault = { delayMs: 70 };
    expect(await clock.runUntil(Promise.resolve(storage.getItem(KEY)))).toBe('2');
    expect(clock.now()).toBe(NOON + 1_000_070);
    only.storageFault = undefined;
    expect(await storage.getItem(KEY)).toBe('2');
  });

  it("are one peer's own, and can be decided per call", async () => {
    const [first, second] = peers(2);
    const seen: string[] = [];
    first.storageFault = (operation, key) => {
      seen.push(`${operation} ${key}`);
      return operation === 'setItem' ? { error: new Error('disk full') } : undefined;
    };
    await expect(first.platform.storage.setItem('a', '1')).rejects.toThrow('disk full');
    await first.platform.storage.removeItem('b');
    await second.platform.storage.setItem('a', '1');
    expect(await first.platform.storage.getItem('a')).toBe('1');
    expect(seen).toEqual(['setItem a', 'removeItem b', 'getItem a']);
  });
});

describe('wake-ups', () => {
  it('follow showing and connecting, and not hiding and disconnecting', () => {
    const [first] = peers(1);
    const { wakeups } = first.platform;
    let count = 0;
    const unsubscribe = wakeups.subscribe(() => count++);
    expect([wakeups.isAwake(), wakeups.isOnline()]).toEqual([true, true]);
    first.setAwake(false);
    first.setOnline(false);
    expect([wakeups.isAwake(), wakeups.isOnline(), count]).toEqual([false, false, 0]);
    first.setAwake(true);
    first.setOnline(true);
    first.setOnline(true);
    expect([wakeups.isAwake(), wakeups.isOnline(), count]).toEqual([true, true, 2]);
    unsubscribe();
    first.wake();
    expect(count).toBe(2);
  });
});
