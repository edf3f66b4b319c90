import { describe, expect, test, vi } from 'vitest';
import { StorageError } from '../../src/index.js';
import { unavailable } from '../../src/manager/attempt-outcome.js';
import { hold, wasStored } from '../support/bare-manager.js';
import { type OneAttempt, oneAttempt } from '../support/one-attempt.js';
import { failureUntil, recordWith } from '../support/session-records.js';

const base = recordWith();
const other = recordWith({ sessionId: 's2', revision: 9 });
const fresh = { accessToken: 'peer-access', refreshToken: 'peer-refresh', expiresAt: undefined };
const damage = () => new StorageError('ERR_STORAGE_CORRUPT', 'damaged');

describe('a session that is ended or replaced in mid-attempt', () => {
  test('while the storage is read: nothing is written, nobody is asked', async () => {
    const one = oneAttempt(base);
    one.read = () => {
      void one.run.detach();
      return { record: base };
    };
    expect(await one.outcome()).toEqual({ kind: 'superseded' });
    expect(one.written).toEqual([]);
    expect(one.asked).toEqual([]);
  });

  test('by another session: nothing is written, nobody is asked', async () => {
    const one = oneAttempt(base);
    one.read = () => {
      hold(one.manager, other);
      return { record: base };
    };
    expect(await one.outcome()).toEqual({ kind: 'superseded' });
    expect(one.written).toEqual([]);
    expect(one.asked).toEqual([]);
  });

  test('while the mark is written: nobody is asked', async () => {
    const one = oneAttempt(base);
    one.write = () => {
      void one.run.detach();
    };
    expect(await one.outcome()).toEqual({ kind: 'superseded' });
    expect(one.asked).toEqual([]);
  });

  test('while the mark is written, by newer tokens of a peer: these are taken, and nobody is asked', async () => {
    const one = oneAttempt(base);
    one.write = () => hold(one.manager, recordWith({ revision: base.revision + 1 }, fresh));
    expect(await one.outcome()).toMatchObject({ kind: 'refreshed', by: 'peer', record: { tokens: fresh } });
    expect(one.asked).toEqual([]);
  });

  test('while the mark is written, by tokens of a peer that are over by now: their refresh token is presented', async () => {
    const one = oneAttempt(base);
    const over = { ...fresh, expiresAt: one.clock.now() - 1 };
    one.write = () => hold(one.manager, recordWith({ revision: base.revision + 1 }, over));
    expect(await one.outcome()).toMatchObject({ kind: 'refreshed', by: 'us', record: { revision: base.revision + 2 } });
    expect(one.asked).toMatchObject([{ refreshToken: 'peer-refresh' }]);
  });

  test.each<[string, (one: OneAttempt) => void]>([
    ['ended here', (one) => void one.run.detach()],
    ['replaced by another session', (one) => hold(one.manager, other)],
  ])('while the server is asked: its answer is not written (%s)', async (_, leave) => {
    const one = oneAttempt(base);
    const { answer } = one;
    one.answer = (request) => {
      leave(one);
      return answer(request);
    };
    expect(await one.outcome()).toEqual({ kind: 'superseded' });
    expect(one.written).toMatchObject([{ unanswered: true }]);
  });

  test('while the server is silent: the attempt is over at once', async () => {
    const one = oneAttempt(base);
    const from = one.clock.now();
    one.answer = () => {
      void one.run.detach();
      return new Promise(() => undefined);
    };
    expect(await one.outcome()).toEqual({ kind: 'superseded' });
    expect(one.clock.now()).toBe(from);
  });

  test('after dispose() nobody is asked, and nothing is marked', async () => {
    const one = oneAttempt(base);
    one.run.stop();
    expect(await one.outcome()).toEqual({ kind: 'superseded' });
    expect(one.written).toEqual([]);
    expect(one.asked).toEqual([]);
  });
});

describe('damage in the storage', () => {
  test('stops a session that was stored: a newer refresh token may be hidden there', async () => {
    const one = oneAttempt(base);
    await wasStored(one.manager, base);
    one.read = () => ({ record: undefined, damage: damage() });
    expect(await one.outcome()).toMatchObject({ kind: 'failed', error: { code: 'ERR_STORAGE_CORRUPT' } });
  });

  test('does not stop a session that never got there: it is none of its own', async () => {
    const one = oneAttempt(base);
    one.read = () => ({ record: undefined, damage: damage() });
    expect(await one.outcome()).toMatchObject({ kind: 'refreshed', by: 'us' });
  });

  test('is not tried again by itself, and the next call may do so at once: no server has named a moment', () => {
    expect(unavailable(damage(), 5)).toMatchObject({ isPassing: false, isOwn: true, retryAt: 5, named: false });
  });
});

describe('with a cookie, and no session yet', () => {
  test('nothing is marked or named: the server is asked with the cookie alone', async () => {
    const one = oneAttempt(undefined);
    one.read = () => ({ record: undefined });
    expect(await one.outcome()).toMatchObject({ kind: 'refreshed', by: 'us', record: { revision: 1 } });
    expect(one.asked).toMatchObject([{ scopes: [], accessToken: undefined }]);
    expect(one.asked[0]).not.toHaveProperty('refreshToken');
    expect(one.written).toMatchObject([{ tokens: { accessToken: 'new-access' } }]);
  });

  test('a failure leaves the storage alone', async () => {
    const one = oneAttempt(undefined);
    one.read = () => ({ record: undefined });
    one.answer = async () => new Response('', { status: 503 });
    expect(await one.outcome()).toMatchObject({ kind: 'failed', record: undefined });
    expect(one.written).toEqual([]);
  });

  test('a plain 401 says that nobody is signed in, and erases nothing', async () => {
    const one = oneAttempt(undefined);
    one.read = () => ({ record: undefined });
    one.answer = async () => new Response('', { status: 401 });
    const outcome = await one.outcome();
    expect(outcome).toMatchObject({ kind: 'ended', reason: 'rejected' });
    expect(outcome).toHaveProperty('error.message', expect.stringContaining('(401)'));
    expect(one.erased).toBe(0);
  });
});

describe('what a peer has stored', () => {
  const newer = recordWith({ revision: 4 }, fresh);

  test.each(['expired', 'asked', 'rejected'] as const)('is taken instead of asking: %s', async (reason) => {
    const one = oneAttempt(base);
    one.request = { ...one.request, reason };
    one.read = () => ({ record: newer });
    expect(await one.outcome()).toEqual({ kind: 'refreshed', by: 'peer', record: newer });
    expect(one.asked).toEqual([]);
  });

  test('is taken with the same access token, unless that was refused', async () => {
    const same = recordWith({ revision: 4 }, { refreshToken: 'peer-refresh', expiresAt: undefined });
    const one = oneAttempt(base);
    one.read = () => ({ record: same });
    expect(await one.outcome()).toEqual({ kind: 'refreshed', by: 'peer', record: same });
    one.request = { ...one.request, reason: 'rejected' };
    expect(await one.outcome()).toMatchObject({ kind: 'refreshed', by: 'us' });
    expect(one.asked).toMatchObject([{ refreshToken: 'peer-refresh' }]);
  });

  test('makes a pause that holds here, too, and is no failure of ours', async () => {
    const one = oneAttempt(base);
    const record = recordWith({ failure: failureUntil(one.clock.now() + 1_000) });
    one.read = () => ({ record });
    expect(await one.outcome()).toMatchObject({ kind: 'failed', record, isOwn: false, isPassing: true });
    expect(one.asked).toEqual([]);
  });

  test.each(['ERR_REFRESH_CONFIG', 'ERR_REFRESH_INTERACTION'] as const)('%s does not pass by itself', async (code) => {
    const one = oneAttempt(base);
    const failure = { ...failureUntil(one.clock.now() + 1_000), code } as typeof base.failure;
    one.read = () => ({ record: recordWith({ failure }) });
    expect(await one.outcome()).toMatchObject({ kind: 'failed', isPassing: false });
  });

  test('makes no pause for who asks on purpose, unless the server has named it', async () => {
    const one = oneAttempt(base);
    one.request = { ...one.request, reason: 'asked' };
    one.read = () => ({ record: recordWith({ failure: failureUntil(one.clock.now() + 1_000, true) }) });
    expect(await one.outcome()).toMatchObject({ kind: 'failed', named: true });
    one.read = () => ({ record: recordWith({ failure: failureUntil(one.clock.now() + 1_000) }) });
    expect(await one.outcome()).toMatchObject({ kind: 'refreshed', by: 'us' });
  });

  test('makes no pause any more when its time is over', async () => {
    const one = oneAttempt(base);
    one.read = () => ({ record: recordWith({ failure: failureUntil(one.clock.now()) }) });
    expect(await one.outcome()).toMatchObject({ kind: 'refreshed', by: 'us' });
  });
});

describe('the server is asked', () => {
  test('with the challenge of the API, where there was one', async () => {
    const one = oneAttempt(base);
    const challenge = { error: 'invalid_token' } as never;
    one.request = { ...one.request, challenge };
    await one.outcome();
    expect(one.asked[0]?.challenge).toBe(challenge);
    const plain = oneAttempt(base);
    await plain.outcome();
    expect(plain.asked[0]).not.toHaveProperty('challenge');
  });

  test('within what a slow storage has left of the time', async () => {
    const one = oneAttempt(base, { timeoutMs: 10_000 });
    const from = one.clock.now();
    one.read = async () => {
      await new Promise<void>((resolve) => one.clock.after(3_000, resolve));
      return { record: base };
    };
    one.answer = () => new Promise(() => undefined);
    expect(await one.outcome()).toMatchObject({ kind: 'failed', error: { code: 'ERR_REFRESH_TIMEOUT' } });
    expect(one.clock.now() - from).toBe(10_000);
  });
});

describe('tokens whose life a slow storage has used up', () => {
  test.each([
    [1, false],
    [2, true],
  ])('in attempt %i are all there is: %s', async (attempt, isBestAvailable) => {
    const one = oneAttempt(base);
    one.request = { ...one.request, attempt };
    one.write = () => new Promise((resolve) => one.clock.after(one.written.length > 1 ? 61_000 : 0, resolve));
    expect(await one.outcome()).toMatchObject({ kind: 'refreshed', isBestAvailable });
  });
});

test('an answer of no use with the same refresh token changes no token', async () => {
  const one = oneAttempt(base);
  one.answer = async () => Response.json({ refresh_token: base.tokens.refreshToken });
  expect(await one.outcome()).toMatchObject({ kind: 'failed', record: { revision: 3, unanswered: true } });
});

describe('endsSession', () => {
  test('is not asked about a request without an answer, and is about anything with a fact in it', async () => {
    const endsSession = vi.fn(() => true);
    const one = oneAttempt(base, { endsSession });
    one.answer = () => Promise.reject(new Error('offline'));
    expect(await one.outcome()).toMatchObject({ kind: 'failed' });
    expect(endsSession).not.toHaveBeenCalled();
    one.answer = async () => ({ error: 'login_required' }) as never;
    expect(await one.outcome()).toMatchObject({ kind: 'ended' });
    expect(endsSession).toHaveBeenCalledOnce();
  });

  test('is asked about a dead grant also where the code is an echo that is not passed on', async () => {
    const one = oneAttempt(base);
    one.answer = async () => ({ error: 'refresh-token-1', error_code: 'invalid_grant' }) as never;
    expect(await one.outcome()).toMatchObject({ kind: 'ended', reason: 'rejected' });
  });

  test('is asked about a status alone, and proves nothing where it throws', async () => {
    const one = oneAttempt(base, { endsSession: ({ status }) => status === 418 });
    one.answer = async () => new Response('', { status: 418 });
    expect(await one.outcome()).toMatchObject({ kind: 'ended', reason: 'rejected' });
    const throws = oneAttempt(base, {
      endsSession: () => {
        throw new Error('a bug');
      },
    });
    throws.answer = async () => new Response('', { status: 418 });
    expect(await throws.outcome()).toMatchObject({ kind: 'failed' });
  });
});

describe('before a refusal ends a session', () => {
  const refused = () => Response.json({ error: 'invalid_grant' }, { status: 400 });

  test('the error names the status and the code', async () => {
    const one = oneAttempt(base);
    one.answer = async () => refused();
    expect(await one.outcome()).toHaveProperty('error.message', expect.stringContaining('(400, invalid_grant)'));
    one.answer = async () => ({ error: 'invalid_grant' }) as never;
    expect(await one.outcome()).toHaveProperty('error.message', expect.stringContaining('(invalid_grant)'));
    expect(one.erased).toBe(2);
  });

  test('tokens that came late are kept', async () => {
    const one = oneAttempt(base);
    one.answer = async () => {
      one.manager.unstored.put(base, { ...base.tokens, ...fresh });
      return refused();
    };
    expect(await one.outcome()).toMatchObject({ kind: 'refreshed', by: 'us', record: { tokens: fresh } });
  });

  test('the storage is read again: a session that ended meanwhile is not ended once more', async () => {
    const one = oneAttempt(base);
    one.answer = async () => refused();
    one.read = () => {
      if (one.asked.length > 0) void one.run.detach();
      return { record: base };
    };
    expect(await one.outcome()).toEqual({ kind: 'superseded' });
    expect(one.erased).toBe(0);
  });

  test('the storage is read again: another session in it is taken for what it is', async () => {
    const one = oneAttempt(base);
    one.answer = async () => refused();
    one.read = () => ({ record: one.asked.length > 0 ? other : base });
    expect(await one.outcome()).toEqual({ kind: 'replaced', record: other });
    expect(one.erased).toBe(0);
  });

  test('and when its record cannot be erased, that is tried again', async () => {
    const one = oneAttempt(base);
    one.answer = async () => refused();
    one.erase = () => Promise.reject(new Error('full'));
    await wasStored(one.manager, base);
    expect(await one.outcome()).toMatchObject({ kind: 'ended' });
    const { manager, clock } = one;
    const { storage } = manager.settings.platform;
    expect(manager.store.isBuried(base)).toBe(true);
    expect(clock.pending).toBe(1);
    manager.session.dispatch({ type: 'ended', reason: 'rejected' });
    await clock.advance(1_000);
    expect(await storage.getItem(manager.settings.name)).toBe(null);
    expect(clock.pending).toBe(0);
  });
});

describe('before a refusal ends a session, where peers may hold the lock as well', () => {
  const refused = () => Response.json({ error: 'invalid_grant' }, { status: 400 });

  test.each([
    [false, [0, 250, 500, 1_000, 2_000]],
    [undefined, [0]],
    [true, [0]],
  ])('the storage is read for two seconds, and else once: exclusive %s', async (exclusive, expected) => {
    const one = oneAttempt(base);
    one.exclusive = exclusive;
    one.answer = async () => refused();
    const reads: number[] = [];
    let from = 0;
    one.read = () => {
      if (one.asked.length === 0) from = one.clock.now();
      else reads.push(one.clock.now() - from);
      return { record: base };
    };
    expect(await one.outcome()).toMatchObject({ kind: 'ended' });
    expect(reads).toEqual(expected);
  });

  test('what a peer stores in that time is taken', async () => {
    const one = oneAttempt(base);
    one.exclusive = false;
    one.answer = async () => refused();
    const record = recordWith({ revision: 4 }, fresh);
    let reads = 0;
    one.read = () => ({ record: ++reads > 4 ? record : base });
    expect(await one.outcome()).toEqual({ kind: 'refreshed', by: 'peer', record });
  });
});

describe('a storage that cannot be read', () => {
  const broken = () => Promise.reject(new StorageError('ERR_STORAGE_READ', 'broken'));
  /** A session that never got to the storage; what the reads after the first one give. */
  function blind(later: OneAttempt['read'] = broken) {
    const one = oneAttempt(base);
    one.read = () => (one.asked.length === 0 ? broken() : later());
    const repair = vi.spyOn(one.manager.reconciler, 'schedule');
    return { one, repair };
  }

  test('keeps a session that it never held from nothing; it is not marked there', async () => {
    const { one, repair } = blind();
    expect(await one.outcome()).toMatchObject({ kind: 'refreshed', record: { tokens: { accessToken: 'new-access' } } });
    expect([one.written, repair.mock.calls.length]).toEqual([[], 1]);
  });

  test('is written when it can be read by the time of the answer, and holds nothing newer', async () => {
    const { one, repair } = blind(() => ({ record: undefined }));
    await one.outcome();
    expect(one.written).toMatchObject([{ unanswered: false, tokens: { accessToken: 'new-access' } }]);
    expect(repair).not.toHaveBeenCalled();
  });

  test.each([
    ['another session that is newer', () => ({ record: other })],
    ['damage', () => ({ record: undefined, damage: damage() })],
  ])('is not written over %s: the reconciler decides', async (_, later) => {
    const { one, repair } = blind(later);
    await one.outcome();
    expect([one.written, repair.mock.calls.length]).toEqual([[], 1]);
  });

  test('is not erased when the session ends, but later', async () => {
    const { one, repair } = blind();
    one.answer = async () => Response.json({ error: 'invalid_grant' }, { status: 400 });
    expect(await one.outcome()).toMatchObject({ kind: 'ended' });
    expect([one.erased, repair.mock.calls.length, one.manager.store.isBuried(base)]).toEqual([0, 1, true]);
  });

  test('stops a session that it did hold, also one of a cookie, and none at all', async () => {
    const cookie = { refreshTokenIn: 'cookie' } as const;
    const held = [oneAttempt(base), oneAttempt(base, cookie)];
    for (const { manager } of held) await wasStored(manager, base);
    for (const one of [...held, oneAttempt(undefined), oneAttempt(undefined, cookie)]) {
      one.read = broken;
      await expect(one.outcome()).rejects.toMatchObject({ code: 'ERR_STORAGE_READ' });
      expect(one.asked).toEqual([]);
    }
  });
});

test('a session of a cookie that a storage never took does not stop when that cannot be read', async () => {
  const one = oneAttempt(base, { refreshTokenIn: 'cookie' });
  one.read = () => Promise.reject(new StorageError('ERR_STORAGE_READ', 'locked'));
  expect(await one.outcome()).toMatchObject({ kind: 'refreshed', record: { sessionId: base.sessionId } });
  expect(one.written).toEqual([]);
});

describe('a refusal that may last', () => {
  const answers: [string, () => Response, boolean][] = [
    ['of this client', () => Response.json({ error: 'invalid_client' }, { status: 401 }), true],
    ['that says nothing', () => new Response('', { status: 418 }), true],
    ['of a busy server', () => new Response('', { status: 503 }), false],
    ['that wants the user', () => Response.json({ error: 'interaction_required' }, { status: 400 }), false],
    ['that was cut off', () => Response.json({ no_token: 1 }), false],
  ];

  test.each(answers)('is counted, and no other: one %s', async (_, answer, isCounted) => {
    const one = oneAttempt(base);
    one.answer = async () => answer();
    const outcome = await one.outcome();
    expect(outcome).toMatchObject({ kind: 'failed', isOwn: true });
    const repeats = isCounted ? { since: one.clock.now(), count: 1 } : undefined;
    expect(outcome).toHaveProperty('repeats', repeats);
    expect(outcome).toHaveProperty('record.failure.repeats', repeats);
  });

  test('is counted on from the one before it, with a record and without', async () => {
    const refused = () => Response.json({ error: 'invalid_client' }, { status: 401 });
    const before = oneAttempt(base);
    before.answer = async () => refused();
    const first = await before.outcome();
    const record = first.kind === 'failed' ? first.record : undefined;
    const again = oneAttempt(record);
    again.answer = async () => refused();
    again.clock.set(again.clock.now() + 120_000);
    expect(await again.outcome()).toHaveProperty('repeats.count', 2);
    const cookie = oneAttempt(undefined, { refreshTokenIn: 'cookie' });
    cookie.answer = async () => refused();
    const failing = await cookie.outcome();
    if (failing.kind !== 'failed') throw new Error('expected a failure');
    cookie.manager.session.dispatch({ type: 'failed', base: undefined, record: undefined, failing, again: false });
    expect(await cookie.outcome()).toHaveProperty('repeats.count', 2);
    cookie.answer = async () => Response.json({ error: 'invalid_scope' }, { status: 400 });
    expect(await cookie.outcome()).toHaveProperty('repeats.count', 1);
  });
});

describe('with a cookie, and no session yet, a pause that the server names', () => {
  const none = () => oneAttempt(undefined, { refreshTokenIn: 'cookie' });
  const busy = (after?: string) => new Response('', { status: 503, headers: after ? { 'Retry-After': after } : {} });

  test('is stored, as there is no record that could tell of it; any other is not', async () => {
    const one = none();
    one.answer = async () => busy('7');
    expect(await one.outcome()).toMatchObject({ kind: 'failed', named: true });
    expect(one.pauses).toMatchObject([{ named: true, retryAt: one.clock.now() + 7_000 }]);
    const other = none();
    other.answer = async () => busy();
    expect(await other.outcome()).toMatchObject({ kind: 'failed', named: false });
    const session = oneAttempt(base);
    session.answer = async () => busy('7');
    expect(await session.outcome()).toMatchObject({ kind: 'failed', named: true });
    expect([other.pauses, session.pauses]).toEqual([[], []]);
  });

  test('holds until it is over, and is taken away with the first tokens', async () => {
    const one = none();
    one.pause = failureUntil(one.clock.now() + 5_000, true);
    expect(await one.outcome()).toMatchObject({ kind: 'failed', isOwn: false, retryAt: one.clock.now() + 5_000 });
    expect(one.asked).toEqual([]);
    one.clock.set(one.clock.now() + 5_000);
    expect(await one.outcome()).toMatchObject({ kind: 'refreshed' });
    expect(one.pauses).toEqual([undefined]);
    const other = none();
    expect(await other.outcome()).toMatchObject({ kind: 'refreshed' });
    expect(other.pauses).toEqual([]);
  });
});

test('tokens of a session that ends while they are written are left to its end, which erases them', async () => {
  const one = oneAttempt(base);
  one.write = () => {
    if (one.written.length < 2) return;
    void one.run.detach();
    one.manager.session.dispatch({ type: 'ended', reason: 'ended' });
  };
  expect(await one.outcome()).toMatchObject({ kind: 'refreshed' });
  expect(one.erased).toBe(0);
});

describe('a peer that holds the lock as well, and is faster', () => {
  test('keeps its record: what says why this one failed is not written over it', async () => {
    const one = oneAttempt(base);
    one.exclusive = false;
    const newer = recordWith({ revision: base.revision + 1 }, fresh);
    one.answer = async () => {
      hold(one.manager, newer);
      return new Response('', { status: 503 });
    };
    expect(await one.outcome()).toMatchObject({ kind: 'failed' });
    expect(one.written.filter(({ failure }) => failure)).toEqual([]);
  });

  test('leaves that as it is, and has the pause that the server has named stored after another look at the storage', async () => {
    for (const named of [true, false]) {
      const one = oneAttempt(base);
      one.exclusive = false;
      one.answer = async () => {
        hold(one.manager, recordWith({ revision: base.revision + 1 }, fresh));
        return new Response('', { status: 503, headers: named ? { 'Retry-After': '30' } : {} });
      };
      expect(await one.outcome()).toMatchObject({ kind: 'failed', named });
      expect(one.written).toMatchObject([{ unanswered: true, revision: base.revision }]); // the mark, before the request
      expect(one.clock.pending).toBe(Number(named));
    }
  });
});
