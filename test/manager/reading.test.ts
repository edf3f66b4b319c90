import { describe, expect, test, vi } from 'vitest';
import { encodeRecord } from '../../src/core/codec.js';
import type { SessionRecord } from '../../src/core/session-record.js';
import { RefreshError } from '../../src/errors.js';
import type { Clock, Marks, Platform, TokenManagerOptions } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';
import { bareManager, hold, wasStored } from '../support/bare-manager.js';
import { recordWith } from '../support/session-records.js';

const mine = recordWith({ sessionId: 'mine' });
const other = recordWith({ sessionId: 'other', revision: 9 });

/** A manager on a storage whose answer to a read the test gives. */
function reading(options: Partial<TokenManagerOptions> = {}, platform: Partial<Platform> = {}) {
  const clock = fakeClock();
  const asked: string[] = [];
  const notes = new Map<string, string | null>();
  const marks: Marks = { get: (key) => notes.get(key) ?? null, set: (key, value) => void notes.set(key, value) };
  const stored = { answer: (): string | null | Promise<string | null> => null };
  const removed: string[] = [];
  const storage = {
    getItem: (key: string) => (key.endsWith(':pause') ? null : stored.answer()),
    setItem: () => undefined,
    removeItem: (key: string) => {
      removed.push(key);
      stored.answer = () => null;
    },
  };
  const manager = bareManager(
    { clock, marks, storage, random: () => 0.5, ...platform },
    {},
    (request) => {
      asked.push(request.reason);
      return new Promise<never>(() => undefined);
    },
    options,
  );
  /** Reads while the storage holds this. */
  const read = async (found: SessionRecord | string | null) => {
    stored.answer = () => (found && typeof found === 'object' ? encodeRecord(found) : found);
    await clock.runUntil(manager.reader.read(false));
    await clock.settle();
    return manager.session.record?.sessionId ?? manager.session.state.status;
  };
  return { manager, reader: manager.reader, clock, asked, stored, read, removed, marks };
}

/** Another manager that shares the marks: a page that signs out of this session, and leaves. */
function leavingPage(marks: Marks, record: SessionRecord): void {
  bareManager({ clock: fakeClock(), marks }).store.bury([record.sessionId], true);
}

/** Answers with what the storage holds after this has happened. */
const after = (happens: () => unknown, found: string | null) => async () => {
  await happens();
  return found;
};

test('nobody is held back before the first read', () => {
  const { reader } = reading();
  expect([reader.isBlocking, reader.isReading, reader.isOutdated]).toEqual([false, false, false]);
});

describe('that there is no session', () => {
  test('is believed for a second after a read, and for none where the clock was set back', async () => {
    const { reader, clock, read } = reading();
    expect(await read(null)).toBe('none');
    expect(reader.isOutdated).toBe(false);
    clock.set(clock.now() + 999);
    expect(reader.isOutdated).toBe(false);
    clock.set(clock.now() + 1);
    expect(reader.isOutdated).toBe(true);
    clock.set(clock.now() - 1_001);
    expect(reader.isOutdated).toBe(true);
  });

  test('is no question while there is one', async () => {
    const { reader, clock, read } = reading();
    expect(await read(mine)).toBe('mine');
    clock.set(clock.now() + 10_000);
    expect(reader.isOutdated).toBe(false);
  });
});

describe('a read whose timers were cut off together with its caller', () => {
  function cutOff() {
    const fake = fakeClock();
    const clock: Clock = { now: fake.now, after: () => () => undefined };
    const world = reading({}, { clock });
    const answers: ((text: string | null) => void)[] = [];
    world.stored.answer = () => new Promise((resolve) => answers.push(resolve));
    return { ...world, fake, answers };
  }

  test('is waited for until no call of the storage can be under way, and then left to itself', async () => {
    const { reader, fake, answers } = cutOff();
    const first = reader.read(false);
    expect(reader.isReading).toBe(true);
    fake.set(fake.now() + 10_000);
    expect(reader.isReading).toBe(true);
    expect(reader.read(false)).toBe(first);
    fake.set(fake.now() + 1);
    expect(reader.isReading).toBe(false);
    expect(reader.read(false)).not.toBe(first);
    expect(reader.isReading).toBe(true);
    await fake.settle();
    expect(answers).toHaveLength(2);
  });

  test('is left to itself as well when the clock was set back by more than that', () => {
    const { reader, fake } = cutOff();
    void reader.read(false);
    fake.set(fake.now() - 10_000);
    expect(reader.isReading).toBe(true);
    fake.set(fake.now() - 1);
    expect(reader.isReading).toBe(false);
  });

  test('keeps nobody waiting who came before that, although nobody comes later', async () => {
    const fake = fakeClock();
    let isAlive = false;
    const clock: Clock = {
      now: fake.now,
      after: (ms, task, options) => (isAlive ? fake.after(ms, task, options) : () => undefined),
    };
    const { reader, stored } = reading({}, { clock });
    stored.answer = () => new Promise(() => undefined);
    void reader.read(true);
    await fake.settle();
    isAlive = true;
    stored.answer = () => null;
    await fake.advance(1_000);
    let isServed = false;
    void reader.wait(undefined).then(() => {
      isServed = true;
    });
    await fake.advance(10_000);
    expect(isServed).toBe(false);
    await fake.advance(1);
    expect(isServed).toBe(true);
  });

  test('does not end the read that follows it, nor let in who waits for that', async () => {
    const { reader, fake, answers } = cutOff();
    void reader.read(true);
    await fake.settle();
    fake.set(fake.now() + 10_001);
    let isServed = false;
    void reader.wait(undefined).then(() => {
      isServed = true;
    });
    await fake.settle();
    expect(answers).toHaveLength(2);
    answers[0]?.(null);
    await fake.settle();
    expect([reader.isReading, reader.isBlocking, isServed]).toEqual([true, true, false]);
    answers[1]?.(null);
    await fake.settle();
    expect([reader.isReading, reader.isBlocking, isServed]).toEqual([false, false, true]);
  });

  test('is begun anew by who waits, who is not served before it is over', async () => {
    const { reader, fake, answers } = cutOff();
    void reader.read(false);
    void reader.wait(undefined);
    await fake.settle();
    expect([answers.length, reader.isBlocking]).toEqual([1, false]);
    fake.set(fake.now() + 10_001);
    void reader.wait(undefined);
    await fake.settle();
    expect([answers.length, reader.isBlocking]).toEqual([2, true]);
  });
});

describe('a session that is not in the storage any more', () => {
  test('was ended elsewhere', async () => {
    const { manager, read } = reading();
    hold(manager, mine);
    await wasStored(manager, mine);
    expect(await read(null)).toBe('none');
  });

  test('was ended elsewhere also where the refresh token is in a cookie, and no refresh has to find that out', async () => {
    const { manager, asked, read } = reading({ refreshTokenIn: 'cookie' });
    hold(manager, mine);
    await wasStored(manager, mine);
    const started = vi.spyOn(manager.refresher, 'start');
    expect([await read(null), asked, started.mock.calls]).toEqual(['none', [], []]);
  });

  test('was not, if it got there only while the storage was read', async () => {
    const { manager, reader, clock, stored } = reading();
    hold(manager, mine);
    stored.answer = after(() => wasStored(manager, mine), null);
    await clock.runUntil(reader.read(false));
    expect(manager.session.record).toBe(mine);
  });

  test('was ended elsewhere also while another one is being started here; what is there instead is no news', async () => {
    const gone = reading();
    hold(gone.manager, mine);
    await wasStored(gone.manager, mine);
    gone.manager.pending.beginStart('next');
    expect(await gone.read(null)).toBe('none');
    const replaced = reading();
    hold(replaced.manager, mine);
    await wasStored(replaced.manager, mine);
    replaced.manager.pending.beginStart('next');
    expect(await replaced.read(other)).toBe('mine');
    expect(await replaced.read('{"damaged')).toBe('mine');
  });
});

describe('what the storage holds', () => {
  test('is no news while a sign-out erases it, nor after one that began during the read', async () => {
    const { manager, reader, clock, stored, read } = reading();
    const turn = manager.pending.beginEnd();
    expect(await read(other)).toBe('loading');
    turn.finish();
    stored.answer = after(() => manager.pending.beginEnd().finish(), encodeRecord(other));
    await clock.runUntil(reader.read(false));
    expect(manager.session.state.status).toBe('loading');
    expect(await read(other)).toBe('other');
  });

  test('is taken although it was damaged before', async () => {
    const { read } = reading();
    expect(await read('{"damaged')).toBe('none');
    expect(await read(other)).toBe('other');
  });

  test('is told as damaged where it is, but to a client that is granted tokens by itself', async () => {
    const damaged = reading({ refreshTokenIn: 'cookie' });
    expect(await damaged.read('{"damaged')).toBe('none');
    expect(damaged.manager.session.snapshot.error).toMatchObject({ code: 'ERR_STORAGE_CORRUPT' });
    expect(damaged.asked).toEqual([]);
    const granted = reading({ refreshTokenIn: 'none' });
    expect([await granted.read('{"damaged'), granted.asked]).toEqual(['loading', ['resume']]);
  });

  test('and was signed out of here does not end the session that follows it', async () => {
    const { manager, read } = reading();
    hold(manager, mine);
    await wasStored(manager, mine);
    manager.store.bury([other.sessionId]);
    expect(await read(other)).toBe('mine');
  });
});

describe('nothing in the storage, and a cookie', () => {
  test('ask the server whose it is', async () => {
    const { asked, read } = reading({ refreshTokenIn: 'cookie' });
    expect([await read(null), asked]).toEqual(['loading', ['resume']]);
  });

  test('ask nobody during the pause after a failure', async () => {
    const { manager, clock, asked, read } = reading({ refreshTokenIn: 'cookie' });
    const error = new RefreshError('ERR_REFRESH_NETWORK', 'no answer', { attempts: 1 });
    const failing = { error, retryAt: clock.now() + 500, named: true };
    manager.session.dispatch({ type: 'failed', base: undefined, record: undefined, failing, again: false });
    expect([await read(null), asked]).toEqual(['loading', []]);
    clock.set(clock.now() + 500);
    expect([await read(null), asked]).toEqual(['loading', ['resume']]);
  });
});

describe('a page that left during its sign-out', () => {
  test.each(['response', 'cookie'] as const)(
    'has it finished by the next one, which has no session: refresh token in %s',
    async (refreshTokenIn) => {
      const { marks, removed, read, asked } = reading({ refreshTokenIn });
      leavingPage(marks, other);
      expect(await read(other)).not.toBe('other');
      expect(removed).toContain('evertoken:session');
      expect(asked).toEqual(refreshTokenIn === 'cookie' ? ['resume'] : []);
    },
  );

  test('ends the session that another page holds, where it is the same one', async () => {
    const { manager, marks, read } = reading();
    hold(manager, mine);
    leavingPage(marks, mine);
    expect(await read(mine)).toBe('none');
  });

  test('does not end a session that began after it', async () => {
    const { manager, marks, read, removed } = reading();
    const older = recordWith({ sessionId: 'older', revision: 1 });
    hold(manager, mine);
    leavingPage(marks, older);
    expect(await read(older)).toBe('mine');
    expect(removed).toEqual([]);
  });

  test('with a cookie: the server is asked when the sign-out is finished, not before', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { manager, marks, clock, asked, stored, reader } = reading({ refreshTokenIn: 'cookie' });
    Object.defineProperty(manager, 'finishSignOut', { value: () => held });
    leavingPage(marks, other);
    stored.answer = () => encodeRecord(other);
    void reader.read(false);
    await clock.settle();
    expect([reader.isReading, asked]).toEqual([true, []]);
    release();
    await clock.settle();
    expect(reader.isReading).toBe(false);
  });

  test('is left to a sign-out that began during the read', async () => {
    const { manager, marks, clock, stored, reader } = reading();
    const finished = vi.fn(async () => undefined);
    Object.defineProperty(manager, 'finishSignOut', { value: finished });
    leavingPage(marks, other);
    stored.answer = after(() => manager.pending.beginEnd().finish(), encodeRecord(other));
    await clock.runUntil(reader.read(false));
    expect(finished).not.toHaveBeenCalled();
  });

  test('with a cookie: the server is not asked after a sign-out that began meanwhile', async () => {
    const { manager, marks, clock, asked, stored, reader } = reading({ refreshTokenIn: 'cookie' });
    const finish = async () => manager.pending.beginEnd().finish();
    Object.defineProperty(manager, 'finishSignOut', { value: finish });
    leavingPage(marks, other);
    stored.answer = () => encodeRecord(other);
    await clock.runUntil(reader.read(false));
    expect([manager.session.state.status, asked]).toEqual(['loading', []]);
  });

  test('holds up nobody who has a session, or whose refresh token is stored', async () => {
    for (const refreshTokenIn of ['response', 'cookie'] as const) {
      const { manager, marks, clock, stored, reader } = reading({ refreshTokenIn });
      Object.defineProperty(manager, 'finishSignOut', { value: () => new Promise(() => undefined) });
      if (refreshTokenIn === 'cookie') hold(manager, other);
      leavingPage(marks, other);
      stored.answer = () => encodeRecord(other);
      void reader.read(false);
      await clock.settle();
      expect(reader.isReading).toBe(false);
    }
  });
});

describe('a storage that cannot be read', () => {
  const broken = () => Promise.reject(new Error('broken'));

  test('is told while nothing is known, and may be read again at once', async () => {
    const { manager, reader, clock, stored } = reading();
    stored.answer = broken;
    await clock.runUntil(reader.read(false));
    expect(manager.session.snapshot).toMatchObject({
      status: 'loading',
      error: { code: 'ERR_STORAGE_READ' },
      retryAt: clock.now(),
    });
  });

  test('changes nothing for a session that is held, or that is known to be none', async () => {
    const { manager, reader, clock, stored, read } = reading();
    await read(null);
    stored.answer = broken;
    await clock.runUntil(reader.read(false));
    expect(manager.session.snapshot).toMatchObject({ status: 'none', error: undefined });
    hold(manager, mine);
    await clock.runUntil(reader.read(false));
    expect(manager.session.snapshot).toMatchObject({ status: 'active', error: undefined });
  });

  test('does not end the pause that a server has named', async () => {
    const { manager, reader, clock, stored } = reading({ refreshTokenIn: 'cookie' });
    const error = new RefreshError('ERR_REFRESH_UNAVAILABLE', 'busy', { attempts: 1 });
    const failing = { error, retryAt: clock.now() + 500, named: true };
    manager.session.dispatch({ type: 'failed', base: undefined, record: undefined, failing, again: false });
    stored.answer = broken;
    await clock.runUntil(reader.read(false));
    expect(manager.session.failing).toBe(failing);
  });
});
