import { describe, expect, test } from 'vitest';
import { encodeRecord } from '../../src/core/codec.js';
import type { Lease, Lock } from '../../src/index.js';
import { oneSession } from '../support/one-session.js';
import { failureUntil, recordWith } from '../support/session-records.js';

const base = recordWith();
const tokens = { access_token: 'new-access', refresh_token: 'new-refresh', expires_in: 60 };
const usable = recordWith({ revision: 5 }, { accessToken: 'peer-access', expiresAt: undefined });
const busy = () => new Response('', { status: 503 });
const silence = () => new Promise<never>(() => undefined);
/** After each of three refreshes in a row, milliseconds until the next one may begin. */
async function pausesOf({ refresher, clock }: ReturnType<typeof oneSession>): Promise<number[]> {
  const pauses: number[] = [];
  for (let time = 0; time < 3; time++) {
    refresher.start('due');
    await clock.settle();
    pauses.push(refresher.quietUntil - clock.now());
    await clock.advance(60_000);
  }
  return pauses;
}

const offline = { subscribe: () => () => undefined, isAwake: () => true, isOnline: () => false };

describe('a refresh is tried', () => {
  test('as often as it may be, and each failure is told with its time and whether another follows', async () => {
    const { refresher, clock, of, wait, served, asked } = oneSession(
      async () => {
        await new Promise<void>((resolve) => clock.after(100, resolve));
        return busy();
      },
      { retry: { attempts: 3 } },
    );
    wait();
    refresher.start('due');
    await clock.advance(60_000);
    expect(asked.map(({ attempt, reason }) => [attempt, reason])).toEqual([
      [1, 'due'],
      [2, 'due'],
      [3, 'due'],
    ]);
    expect(of('refreshStarted')).toEqual([1, 2, 3].map((attempt) => ({ reason: 'due', attempt })));
    expect(of('refreshFailed')).toMatchObject([
      { reason: 'due', attempt: 1, durationMs: 100, again: true },
      { reason: 'due', attempt: 2, again: true },
      { reason: 'due', attempt: 3, again: false },
    ]);
    expect(served).toMatchObject({ error: { code: 'ERR_REFRESH_UNAVAILABLE' } });
    expect(refresher.isRunning).toBe(false);
  });

  test('once only while offline, which may be wrong', async () => {
    const { refresher, clock, asked } = oneSession(busy, {}, { wakeups: offline });
    refresher.start('due');
    await clock.advance(60_000);
    expect(asked).toHaveLength(1);
  });

  test('once only while refreshing fails: that is a probe', async () => {
    const { refresher, clock, asked } = oneSession(busy, { retry: { attempts: 3 } });
    refresher.start('due');
    await clock.advance(60_000);
    expect(asked).toHaveLength(3);
    refresher.start('due');
    await clock.advance(60_000);
    expect(asked).toHaveLength(4);
  });

  test('by nobody while a session is being started, and none is while one is under way', async () => {
    const { refresher, manager, clock, asked } = oneSession(silence);
    const turn = manager.pending.beginStart('next');
    refresher.start('asked');
    expect(refresher.isRunning).toBe(false);
    turn.finish();
    refresher.start('asked');
    refresher.start('asked');
    await clock.settle();
    expect(asked).toHaveLength(1);
  });

  test('with what the server has asked for', async () => {
    const { refresher, clock, asked } = oneSession(() => tokens);
    const challenge = { scheme: 'bearer', parameters: { claims: 'x' } };
    refresher.start('rejected', challenge);
    await clock.settle();
    expect(asked).toMatchObject([{ challenge, reason: 'rejected' }]);
  });
});

describe('new tokens', () => {
  test('are served to those who wait, and begin a pause in which none is asked for of our own accord', async () => {
    const { refresher, clock, wait, served, session, of } = oneSession(() => tokens);
    wait();
    expect(refresher.quietUntil).toBe(0);
    refresher.start('expired');
    await clock.settle();
    expect([served, session.record?.tokens.accessToken]).toEqual([{ token: 'new-access' }, 'new-access']);
    expect(refresher.quietUntil).toBe(clock.now() + 500);
    expect(of('refreshed')).toMatchObject([{ by: 'us', attempts: 1 }]);
  });

  test('begin the count of failures anew', async () => {
    const pauses = await pausesOf(oneSession((calls) => (calls === 2 ? tokens : busy()), { retry: { attempts: 1 } }));
    expect(pauses).toEqual([750, 500, 750]);
  });

  test('are a longer pause away after each failure in a row', async () => {
    const pauses = await pausesOf(oneSession(busy, { retry: { attempts: 1 } }));
    expect(pauses).toEqual([750, 1_250, 2_250]);
  });

  test('meet a call of refresh() from before the request', async () => {
    const { refresher, manager, clock } = oneSession(() => tokens);
    const demand = manager.demands.add();
    refresher.start('asked');
    await clock.settle();
    expect(manager.demands.isMet(demand, undefined)).toBe(true);
  });

  test('that a peer has stored are taken over without a request, told as its own', async () => {
    const { refresher, clock, wait, served, storage, asked, of } = oneSession(silence);
    storage.stored = encodeRecord(usable);
    wait();
    refresher.start('due');
    await clock.settle();
    expect([served, asked]).toEqual([{ token: 'peer-access' }, []]);
    expect(of('refreshed')).toMatchObject([{ by: 'peer' }]);
  });

  test('that expired on their way are asked for once more, and served then whatever they are', async () => {
    let world: ReturnType<typeof oneSession> | undefined;
    const short = async () => {
      world?.clock.set(world.clock.now() + 2_000);
      return { ...tokens, expires_in: 1 };
    };
    world = oneSession(short);
    const { refresher, clock, wait, served, asked } = world;
    wait();
    refresher.start('expired');
    await clock.settle();
    expect([asked.length, served]).toEqual([1, { token: 'new-access' }]);
  });

  test('of a session that has taken its place in the storage begin that one', async () => {
    const { refresher, clock, session, storage, of, asked } = oneSession(silence);
    storage.stored = encodeRecord(recordWith({ sessionId: 'other', revision: 9 }, { expiresAt: undefined }));
    refresher.start('due');
    await clock.settle();
    expect([session.record?.sessionId, asked]).toEqual(['other', []]);
    expect(of('sessionEnded')).toMatchObject([{ reason: 'peer' }]);
    expect(of('sessionStarted')).toMatchObject([{ from: 'peer' }]);
  });
});

describe('without a session', () => {
  function without(refreshTokenIn: 'cookie' | 'none') {
    const world = oneSession(() => tokens, { refreshTokenIn });
    world.session.dispatch({ type: 'ended', reason: 'ended' });
    world.session.dispatch({ type: 'reopened' });
    world.storage.stored = null as never;
    world.events.length = 0;
    return world;
  }

  test.each([
    ['cookie', 'cookie'],
    ['none', 'grant'],
  ] as const)('what comes starts one: refresh token in %s', async (refreshTokenIn, from) => {
    const { refresher, clock, of, wait, served } = without(refreshTokenIn);
    wait();
    refresher.start('resume');
    await clock.settle();
    expect(of('sessionStarted')).toMatchObject([{ from }]);
    expect([of('refreshed'), served]).toEqual([[], { token: 'new-access' }]);
  });

  test('that nobody is signed in is told without a reason, as nothing has ended', async () => {
    const world = without('cookie');
    const { refresher, clock, session, of } = world;
    const answers = oneSession(() => new Response('', { status: 401 }), { refreshTokenIn: 'cookie' });
    answers.session.dispatch({ type: 'ended', reason: 'ended' });
    answers.session.dispatch({ type: 'reopened' });
    answers.storage.stored = null as never;
    answers.events.length = 0;
    answers.refresher.start('resume');
    await answers.clock.settle();
    expect(answers.session.snapshot).toMatchObject({ status: 'none', error: undefined });
    expect(answers.of('refreshFailed')).toMatchObject([{ reason: 'resume', again: false }]);
    refresher.start('resume');
    await clock.settle();
    expect([session.state.status, of('refreshFailed')]).toEqual(['active', []]);
  });
});

describe('a session that the server refuses', () => {
  test('ends with the reason, for those who wait as well', async () => {
    const { refresher, clock, session, of } = oneSession(() =>
      Response.json({ error: 'invalid_grant' }, { status: 400 }),
    );
    refresher.start('due');
    await clock.settle();
    expect(session.snapshot).toMatchObject({ status: 'none', error: { code: 'ERR_SESSION_REJECTED' } });
    expect(of('sessionEnded')).toMatchObject([{ reason: 'rejected', error: { code: 'ERR_SESSION_REJECTED' } }]);
    expect(of('refreshFailed')).toEqual([]);
  });
});

describe('a lock that is lost while the answer comes', () => {
  function losing() {
    const lost = { isLost: true, abort: () => undefined as unknown };
    const lock: Lock = {
      run: (_name, _signal, task) => {
        const controller = new AbortController();
        lost.abort = () => controller.abort();
        const lease: Lease = { signal: controller.signal };
        return task(lease);
      },
    };
    const world = oneSession(
      async (calls) => {
        await new Promise<void>((resolve) => world.clock.after(100, resolve));
        if (calls === 1) lost.abort();
        return tokens;
      },
      {},
      { lock },
    );
    return world;
  }

  test('is told, and what came is stored by another attempt, without another request', async () => {
    const { refresher, clock, wait, served, of, asked, storage } = losing();
    wait();
    refresher.start('expired');
    await clock.advance(100);
    expect([asked.length, served]).toEqual([1, { token: 'new-access' }]);
    expect(of('refreshFailed')).toMatchObject([
      { reason: 'expired', attempt: 1, durationMs: 100, again: true, error: { code: 'ERR_LOCK_LOST' } },
    ]);
    expect(of('refreshStarted')).toHaveLength(2);
    expect(storage.stored).toContain('new-access');
  });

  test('is the end of it where a peer was faster', async () => {
    const { refresher, clock, wait, served, of, hear } = losing();
    wait();
    refresher.start('expired');
    await clock.advance(50);
    hear(usable);
    await clock.advance(50);
    expect([served, refresher.isRunning]).toEqual([{ token: 'peer-access' }, false]);
    expect(of('refreshStarted')).toHaveLength(1);
  });
});

describe('a lock that is kept by its holder', () => {
  const kept: Lock = { run: silence };
  const waitedMs = 15_000;

  test('is waited for, and then what its holder has stored is taken over', async () => {
    const { refresher, clock, wait, served, storage, of } = oneSession(silence, {}, { lock: kept });
    storage.stored = encodeRecord(usable);
    wait();
    refresher.start('expired');
    await clock.advance(waitedMs);
    expect([served, of('refreshFailed')]).toEqual([{ token: 'peer-access' }, []]);
    expect(of('refreshed')).toMatchObject([{ by: 'peer' }]);
  });

  test('also where that is another session', async () => {
    const { refresher, clock, session, storage, of } = oneSession(silence, {}, { lock: kept });
    storage.stored = encodeRecord(recordWith({ sessionId: 'other', revision: 9 }));
    refresher.start('expired');
    await clock.advance(waitedMs);
    expect(session.record?.sessionId).toBe('other');
    expect(of('refreshFailed')).toEqual([]);
  });

  test.each([
    ['has expired as well', recordWith({ revision: 5 })],
    ['is what we have', base],
    ['is older', recordWith({ revision: 2 }, { expiresAt: undefined })],
  ])('and fails where what is stored %s', async (_, stored) => {
    const { refresher, clock, wait, served, storage } = oneSession(silence, {}, { lock: kept });
    storage.stored = encodeRecord(stored);
    wait();
    refresher.start('expired');
    await clock.advance(waitedMs);
    expect(served).toMatchObject({ error: { code: 'ERR_LOCK_TIMEOUT' } });
  });

  test('and fails where the storage cannot be read either', async () => {
    const { refresher, clock, wait, served, storage } = oneSession(silence, {}, { lock: kept });
    storage.getItem = () => {
      throw new Error('broken');
    };
    wait();
    refresher.start('expired');
    await clock.advance(waitedMs);
    expect(served).toMatchObject({ error: { code: 'ERR_LOCK_TIMEOUT' } });
  });
});

describe('a refresh under way at the end', () => {
  test('asks nothing more, and refuses nobody twice', async () => {
    let answer = (_: Response): void => undefined;
    const { refresher, clock, asked, of } = oneSession(
      () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    );
    refresher.start('due');
    await clock.settle();
    refresher.dispose();
    answer(busy());
    await clock.advance(60_000);
    expect([asked.length, refresher.isRunning]).toEqual([1, false]);
    expect(of('refreshFailed')).toMatchObject([{ again: false }]);
  });

  test('still stores what comes', async () => {
    let answer = (_: typeof tokens): void => undefined;
    const { refresher, clock, storage } = oneSession(
      () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    );
    refresher.start('due');
    await clock.settle();
    refresher.dispose();
    answer(tokens);
    await clock.settle();
    expect(storage.stored).toContain('new-access');
  });
});

describe('while a refresh waits for its next attempt', () => {
  test('a failure that a peer has stored meanwhile does not end it', async () => {
    const { refresher, clock, wait, served, hear } = oneSession((calls) => (calls > 1 ? tokens : busy()));
    wait();
    refresher.start('expired');
    await clock.settle();
    hear({ ...base, failure: failureUntil(clock.now() + 600) });
    await clock.advance(2_000);
    expect(served).toEqual({ token: 'new-access' });
  });

  test('the refresh token that its own failure brought is no news of a peer', async () => {
    const { refresher, clock, wait, served, asked, storage, hear } = oneSession((calls) =>
      calls > 1 ? tokens : Response.json({ access_token: 'of\nno use', refresh_token: 'rotated' }),
    );
    storage.stored = encodeRecord(usable);
    hear(usable);
    wait();
    refresher.start('asked');
    await clock.advance(2_000);
    expect(asked.map(({ refreshToken }) => refreshToken)).toEqual(['old-refresh-token-1', 'rotated']);
    expect(served).toEqual({ token: 'new-access' });
  });
});

describe('the end of a session', () => {
  // a lock that is free again, and whose `run` never says so: the outcome is told after 5 s
  const slow: Lock = {
    run: async (_name, _signal, task) => {
      await task({ signal: new AbortController().signal });
      return new Promise<never>(() => undefined);
    },
  };
  const dead = () => Response.json({ error: 'invalid_grant' }, { status: 400 });

  test('is told after a slow release of the lock', async () => {
    const { refresher, clock, of } = oneSession(dead, {}, { lock: slow });
    refresher.start('due');
    await clock.advance(6_000);
    expect(of('sessionEnded')).toMatchObject([{ reason: 'rejected', error: { code: 'ERR_SESSION_REJECTED' } }]);
  });

  test('is told where what was refused had come from a peer, of which is heard here in the meantime', async () => {
    const { refresher, clock, storage, hear, of } = oneSession(dead, {}, { lock: slow });
    const newer = recordWith({ revision: 4 }, { refreshToken: 'peer-refresh-token' });
    storage.stored = encodeRecord(newer);
    refresher.start('due');
    await clock.settle();
    hear(newer);
    await clock.advance(6_000);
    expect(of('sessionEnded')).toMatchObject([{ reason: 'rejected' }]);
  });

  test('is none where tokens that came late have replaced the refused ones by the time that the lock is released', async () => {
    const { refresher, clock, session, of, wait, served, asked } = oneSession(
      (calls) => (calls === 1 ? dead() : tokens),
      {},
      { lock: slow },
    );
    wait();
    refresher.start('due');
    await clock.settle();
    const late = recordWith({ revision: 4, errands: 1 }, { refreshToken: 'late-refresh-token' });
    const facts = { by: 'us', reason: 'due', attempts: 1, durationMs: 0, isErrand: true } as const;
    session.dispatch({ type: 'refreshed', base, record: late, ...facts });
    await clock.advance(20_000);
    expect(of('sessionEnded')).toEqual([]);
    expect(asked.map(({ refreshToken }) => refreshToken)).toEqual(['old-refresh-token-1', 'late-refresh-token']);
    expect(served).toEqual({ token: 'new-access' });
  });

  test.each(['due', 'rejected', 'asked'] as const)(
    'is none where an errand has got another refresh token, which is presented next, and nothing seems to go on: %s',
    async (reason) => {
      const { refresher, clock, session, storage, hear, of, asked } = oneSession(
        (calls) => (calls === 1 ? dead() : { access_token: 'new-access', expires_in: 60 }),
        {},
        { lock: slow },
      );
      const held = recordWith({ revision: 4 }, { expiresAt: undefined, refreshToken: 'peer-refresh-token' });
      storage.stored = encodeRecord(held);
      hear(held);
      refresher.start(reason);
      await clock.settle();
      const late = { ...held, revision: 5, errands: 1, tokens: { ...held.tokens, refreshToken: 'late-refresh-token' } };
      const facts = { by: 'us', reason: 'due', attempts: 1, durationMs: 0, isErrand: true } as const;
      session.dispatch({ type: 'refreshed', base: held, record: late, ...facts });
      await clock.advance(20_000);
      expect(of('sessionEnded')).toEqual([]);
      expect(asked.map(({ refreshToken }) => refreshToken)).toEqual(['peer-refresh-token', 'late-refresh-token']);
      expect(session.state.status).toBe('active');
      expect(session.record?.tokens.accessToken).toBe('new-access');
    },
  );
});
