import { describe, expect, test } from 'vitest';
import { encodeRecord } from '../../src/core/codec.js';
import type { SessionRecord } from '../../src/core/session-record.js';
import { inProcess, type Platform, type RefreshRequest, type TokenManagerOptions } from '../../src/index.js';
import { Manager } from '../../src/manager/manager.js';
import { readOptions } from '../../src/manager/options.js';
import { fakeClock } from '../../src/testing.js';
import { hold, wasStored } from '../support/bare-manager.js';
import { failureUntil, recordWith } from '../support/session-records.js';

const LIFETIME_MS = 600_000;
const LEEWAY_MS = 60_000;
const good = (name: string) => ({ access_token: name, refresh_token: `refresh-${name}`, expires_in: 600 });
const busy = () => new Response('', { status: 503 });

/** A manager with a session of ten minutes that is due a minute before; the test answers for the server. */
async function serving(options: Partial<TokenManagerOptions> = {}, platform: Partial<Platform> = {}) {
  const clock = fakeClock();
  const asked: RefreshRequest[] = [];
  const answers: ((answer: unknown) => void)[] = [];
  const waits: Promise<unknown>[] = [];
  const reasons: string[] = [];
  const items = new Map<string, string>();
  const storage = {
    getItem: (key: string): string | null | Promise<string | null> => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  };
  const refresh = (request: RefreshRequest) => {
    asked.push(request);
    return new Promise<never>((resolve) => answers.push(resolve as never));
  };
  const manager = new Manager(
    readOptions(
      {
        refresh,
        proactive: false,
        leewayMs: LEEWAY_MS,
        retry: { attempts: 1 },
        platform: { ...inProcess(), clock, storage, random: () => 0, ...platform },
        ...options,
      },
      inProcess,
    ),
  );
  manager.watch({
    wait: (outcome) => void waits.push(outcome),
    event: (event) => void (event.type === 'refreshStarted' && reasons.push(event.payload.reason)),
    settled: () => undefined,
    disposed: () => undefined,
  });
  const { accessTokens } = manager;
  /** A record of tokens that were issued now. */
  const fresh = (more: Partial<SessionRecord> = {}, tokens: Partial<SessionRecord['tokens']> = {}) =>
    recordWith(more, {
      accessToken: 'mine',
      issuedAt: clock.now(),
      expiresAt: clock.now() + LIFETIME_MS,
      ...tokens,
    });
  /** Stores a record, and lets the manager know. */
  const start = async (record: SessionRecord = fresh()) => {
    manager.activate();
    await wasStored(manager, record);
    hold(manager, record);
    await clock.settle();
    reasons.length = 0;
    return record;
  };
  /** What this comes to without any time passing. */
  const now = async (promise: Promise<unknown>) => {
    const seen: { value?: unknown; code?: unknown; error?: unknown } = {};
    promise.then(
      (value) => Object.assign(seen, { value }),
      (error) => Object.assign(seen, { error, code: error?.code }),
    );
    await clock.settle();
    return 'value' in seen ? seen.value : 'error' in seen ? (seen.code ?? seen.error) : 'waits';
  };
  const answer = async (index: number, value: unknown) => {
    answers[index]?.(value);
    await clock.settle();
  };
  return { clock, asked, answer, waits, reasons, items, storage, manager, accessTokens, fresh, start, now };
}

describe('who waits is told to those who watch', () => {
  test('and whoever is served at once does not wait', async () => {
    const { clock, accessTokens, waits, start, now, manager } = await serving();
    await start();
    expect(await now(accessTokens.get())).toBe('mine');
    expect(await now(accessTokens.get({}))).toBe('mine');
    clock.set(clock.now() + LIFETIME_MS - LEEWAY_MS); // due, and usable
    expect(await now(accessTokens.get())).toBe('mine');
    expect(manager.refresher.isRunning).toBe(true);
    expect(waits).toEqual([]);
  });

  test('with what each is served: who asks for a longer life, or where work ends with the answer', async () => {
    const { accessTokens, waits, start, now } = await serving();
    await start();
    const longer = accessTokens.get({ minValidityMs: 1 });
    expect([await now(longer), waits]).toEqual(['mine', [longer]]);
    const ending = await serving({}, { background: false });
    await ending.start();
    ending.clock.set(ending.clock.now() + LIFETIME_MS - LEEWAY_MS);
    const better = ending.accessTokens.get();
    expect(ending.waits).toEqual([better]);
  });

  test('and who asks while nothing is known, or after the token has expired', async () => {
    const { clock, accessTokens, waits, start, now } = await serving();
    const first = accessTokens.get();
    expect(waits).toEqual([first]);
    expect(await now(first)).toBe('ERR_NO_SESSION');
    await start();
    clock.set(clock.now() + LIFETIME_MS);
    const expired = accessTokens.get();
    expect(waits).toEqual([first, expired]);
  });
});

describe('callers without options, while there is no usable token', () => {
  async function expired() {
    const world = await serving();
    await world.start();
    world.clock.set(world.clock.now() + LIFETIME_MS);
    world.manager.refresher.start('due');
    await world.clock.settle();
    return world;
  }

  test('wait together, for two seconds; who comes later waits on its own', async () => {
    const { clock, accessTokens } = await expired();
    const first = accessTokens.get();
    expect(accessTokens.get()).toBe(first);
    clock.set(clock.now() + 2_000);
    expect(accessTokens.get()).toBe(first);
    clock.set(clock.now() + 1);
    const later = accessTokens.get();
    expect(later).not.toBe(first);
    clock.set(clock.now() + 2_000);
    expect(accessTokens.get()).toBe(later);
  });

  test('wait on their own where they have options, also empty ones', async () => {
    const { accessTokens, answer, now } = await expired();
    const first = accessTokens.get();
    const other = accessTokens.get({});
    expect(other).not.toBe(first);
    await answer(0, good('new'));
    expect([await now(first), await now(other)]).toEqual(['new', 'new']);
  });

  test('do not wait with those whose wait is over, served or refused, or whose session has changed', async () => {
    const { clock, accessTokens, answer, now, fresh, start, manager } = await expired();
    const first = accessTokens.get();
    await answer(0, busy());
    expect(await now(first)).toBe('ERR_REFRESH_UNAVAILABLE');
    expect(accessTokens.get()).not.toBe(first);
    await start(fresh({ sessionId: 's2', revision: 9 }, { accessToken: 'other' }));
    clock.set(clock.now() + LIFETIME_MS);
    const second = accessTokens.get();
    manager.session.dispatch({ type: 'attempted', reason: 'due', attempt: 1 });
    expect(accessTokens.get()).not.toBe(second);
  });

  test('are refused at the end, and later ones as well, also where the token was fresh', async () => {
    const { accessTokens, manager, now } = await expired();
    const first = accessTokens.get();
    manager.dispose();
    expect(accessTokens.get()).not.toBe(first);
    expect([await now(first), await now(accessTokens.get())]).toEqual(['ERR_DISPOSED', 'ERR_DISPOSED']);
    const fresh = await serving();
    await fresh.start();
    fresh.manager.dispose();
    expect(await fresh.now(fresh.accessTokens.get())).toBe('ERR_DISPOSED');
  });

  test('are refused also where the end comes in the turn of the call', async () => {
    const { accessTokens, manager, now, start } = await serving();
    await start();
    const first = accessTokens.get({ minValidityMs: 1 });
    manager.dispose();
    expect(await now(first)).toBe('ERR_DISPOSED');
  });

  test('are not joined by the refresh function where it passes its signal on: it is told so at once', async () => {
    let inner: Promise<string> | undefined;
    const world = await serving({
      refresh: ({ signal }) => {
        inner = world.accessTokens.get({ signal });
        inner.catch(() => undefined);
        return new Promise(() => undefined);
      },
    });
    await world.start();
    world.clock.set(world.clock.now() + LIFETIME_MS);
    void world.accessTokens.get().catch(() => undefined);
    await world.clock.settle();
    expect(inner && (await world.now(inner))).toBe('ERR_OPTIONS');
  });
});

describe('when the access token is due', () => {
  test('is a leeway before its end; at its end, rounded up, where there is no refresh token', async () => {
    const { accessTokens, fresh, clock } = await serving();
    const end = clock.now() + LIFETIME_MS;
    expect(accessTokens.update(fresh(), undefined)).toBe(end - LEEWAY_MS);
    const last = { refreshToken: undefined };
    const finals = [end, end + 0.5, undefined].map((expiresAt, revision) =>
      accessTokens.update(fresh({ revision }, { ...last, expiresAt }), undefined),
    );
    expect(finals).toEqual([end, end + 1, Number.POSITIVE_INFINITY]);
    expect(accessTokens.update(undefined, fresh())).toBe(0);
  });

  test('stays as it was while the tokens do', async () => {
    let draws = 0;
    const { accessTokens, fresh } = await serving({}, { random: () => draws++ });
    const due = accessTokens.update(fresh(), undefined);
    expect(accessTokens.update(fresh(), fresh())).toBe(due);
  });
});

describe('an access token that is due', () => {
  async function due(options: Partial<TokenManagerOptions> = {}, platform: Partial<Platform> = {}) {
    const world = await serving(options, platform);
    await world.start();
    world.clock.set(world.clock.now() + LIFETIME_MS - LEEWAY_MS);
    return world;
  }

  test('is served, and refreshed behind the caller', async () => {
    const { accessTokens, now, reasons } = await due();
    expect([await now(accessTokens.get()), reasons]).toEqual(['mine', ['due']]);
  });

  test('is served without a refresh while refreshing fails, and in the pause after that', async () => {
    const { accessTokens, answer, clock, now, reasons } = await due({ retry: { attempts: 1, minDelayMs: 1_000 } });
    await now(accessTokens.get());
    await answer(0, busy());
    clock.set(clock.now() + 999);
    expect([await now(accessTokens.get()), reasons]).toEqual(['mine', ['due']]);
    clock.set(clock.now() + 1);
    expect([await now(accessTokens.get()), reasons]).toEqual(['mine', ['due', 'due']]);
  });

  test('is served without a refresh right after one, whose tokens are due at once', async () => {
    const { accessTokens, answer, clock, now, reasons, manager } = await due({ leewayMs: 2 ** 31 - 1 });
    await now(accessTokens.get());
    await answer(0, { ...good('short'), expires_in: 1 });
    clock.set(clock.now() + 499);
    expect(manager.refresher.quietUntil).toBe(clock.now() + 1);
    expect([await now(accessTokens.get()), reasons]).toEqual(['short', ['due']]);
  });

  test('is refreshed although the last refresh was a moment ago, where the clock was set back meanwhile', async () => {
    const { accessTokens, answer, clock, now, reasons } = await due();
    await now(accessTokens.get());
    await answer(0, good('new'));
    clock.set(clock.now() - 60_001);
    expect([await now(accessTokens.get()), reasons]).toEqual(['new', ['due', 'due']]);
  });

  test('is waited for up to two seconds where work ends with the answer, and then served', async () => {
    const { accessTokens, clock, now, reasons } = await due({}, { background: false });
    const first = accessTokens.get();
    expect([await now(first), reasons]).toEqual(['waits', ['due']]);
    await clock.advance(1_999);
    expect(await now(first)).toBe('waits');
    await clock.advance(1);
    expect(await now(first)).toBe('mine');
  });

  test('is replaced by a better one in that time; by none where refreshing fails', async () => {
    const better = await due({}, { background: false });
    const first = better.accessTokens.get();
    await better.now(first);
    await better.answer(0, good('better'));
    expect(await better.now(first)).toBe('better');
    const failing = await due({}, { background: false });
    const second = failing.accessTokens.get();
    await failing.now(second);
    await failing.answer(0, busy());
    expect(await failing.now(second)).toBe('mine');
    expect([await failing.now(failing.accessTokens.get()), failing.reasons]).toEqual(['mine', ['due']]);
  });

  test('is not served where its session ended meanwhile', async () => {
    const { accessTokens, answer, now } = await due({}, { background: false });
    const first = accessTokens.get();
    await now(first);
    await answer(0, Response.json({ error: 'invalid_grant' }, { status: 400 }));
    expect(await now(first)).toBe('ERR_SESSION_REJECTED');
  });

  test('is asked for once more where it expired while it was waited for', async () => {
    const { accessTokens, clock, now, answer } = await due({}, { background: false });
    clock.set(clock.now() + LEEWAY_MS - 1_000); // a second is left
    const first = accessTokens.get();
    await clock.advance(2_500);
    expect(await now(first)).toBe('waits');
    await answer(0, good('new'));
    expect(await now(first)).toBe('new');
  });
});

test('whoever waits on, because the token expired in the first two seconds, may still leave', async () => {
  const { accessTokens, clock, now, start } = await serving({}, { background: false });
  await start();
  clock.set(clock.now() + LIFETIME_MS - 1_000);
  const abort = new AbortController();
  const first = accessTokens.get({ signal: abort.signal });
  await clock.advance(2_500);
  expect(await now(first)).toBe('waits');
  abort.abort('mine');
  await expect(first).rejects.toBe('mine');
});

describe('whoever needs a longer life', () => {
  test('waits for a refresh, and gets what is usable where that fails', async () => {
    const { accessTokens, answer, clock, now, reasons, start } = await serving();
    await start();
    clock.set(clock.now() + LIFETIME_MS - LEEWAY_MS - 1_000);
    const longer = accessTokens.get({ minValidityMs: LEEWAY_MS + 2_000 });
    expect([await now(longer), reasons]).toEqual(['waits', ['due']]);
    await answer(0, busy());
    expect(await now(longer)).toBe('mine');
  });

  test('leaves with the reason of its own signal, although there is a usable token', async () => {
    const { accessTokens, clock, now, start } = await serving();
    await start();
    clock.set(clock.now() + LIFETIME_MS - LEEWAY_MS - 1_000);
    const abort = new AbortController();
    const longer = accessTokens.get({ minValidityMs: LEEWAY_MS + 2_000, signal: abort.signal });
    expect(await now(longer)).toBe('waits');
    abort.abort('mine');
    await expect(longer).rejects.toBe('mine');
  });

  test('is told so where it is the refresh function, although there is a usable token', async () => {
    let inner: Promise<string> | undefined;
    const world = await serving({
      refresh: ({ signal }) => {
        inner = world.accessTokens.get({ signal, minValidityMs: LEEWAY_MS + 2_000 });
        inner.catch(() => undefined);
        return new Promise(() => undefined);
      },
    });
    await world.start();
    world.clock.set(world.clock.now() + LIFETIME_MS - LEEWAY_MS - 1_000);
    world.manager.refresher.start('due');
    await world.clock.settle();
    expect(inner && (await world.now(inner))).toBe('ERR_OPTIONS');
  });

  test('gets what a peer has brought meanwhile', async () => {
    const { accessTokens, answer, clock, now, start, manager, fresh } = await serving();
    const mine = await start();
    clock.set(clock.now() + LIFETIME_MS);
    const expired = accessTokens.get();
    await now(expired);
    const record = fresh({ revision: mine.revision + 1 }, { accessToken: 'of a peer' });
    manager.session.dispatch({ type: 'found', record, wasStored: true });
    await answer(0, busy());
    expect(await now(expired)).toBe('of a peer');
  });
});

describe('an access token that has expired', () => {
  test('is refreshed for whoever asks; while that fails, everybody is refused until it may be tried again', async () => {
    const { accessTokens, answer, clock, now, reasons, start } = await serving({
      retry: { attempts: 1, minDelayMs: 1_000 },
    });
    await start();
    clock.set(clock.now() + LIFETIME_MS);
    const first = accessTokens.get();
    expect([await now(first), reasons]).toEqual(['waits', ['expired']]);
    await answer(0, busy());
    expect(await now(first)).toBe('ERR_REFRESH_UNAVAILABLE');
    expect([await now(accessTokens.get()), reasons]).toEqual(['ERR_REFRESH_UNAVAILABLE', ['expired']]);
    clock.set(clock.now() + 1_000);
    expect([await now(accessTokens.get()), reasons]).toEqual(['waits', ['expired', 'expired']]);
  });

  test.each([
    [false, 'waits'],
    [true, 'ERR_REFRESH_UNAVAILABLE'],
  ])('refresh() asks all the same, unless the server named the pause: %s', async (isNamed, expected) => {
    const { accessTokens, clock, now, start, fresh } = await serving();
    await start(fresh({ failure: failureUntil(clock.now() + LIFETIME_MS + 5_000, isNamed) }));
    clock.set(clock.now() + LIFETIME_MS);
    expect(await now(accessTokens.get())).toBe('ERR_REFRESH_UNAVAILABLE');
    expect(await now(accessTokens.refresh())).toBe(expected);
  });

  test.each([
    [false, 'waits'],
    [true, 'ERR_REFRESH_UNAVAILABLE'],
  ])('a wake-up lets callers ask once more, unless the server named the pause: %s', async (isNamed, expected) => {
    const wakeups = { subscribe: () => () => undefined, isAwake: () => false, isOnline: () => true };
    const { accessTokens, clock, now, start, fresh, manager } = await serving({}, { wakeups });
    await start(fresh({ failure: failureUntil(clock.now() + LIFETIME_MS + 5_000, isNamed) }));
    clock.set(clock.now() + LIFETIME_MS);
    await clock.runUntil(manager.alarm.wake());
    expect(await now(accessTokens.get())).toBe(expected);
  });

  test('and cannot be refreshed is not asked for, and what is missing is said', async () => {
    const { accessTokens, now, start, fresh, asked } = await serving();
    await start(fresh({}, { refreshToken: undefined }));
    const refused = accessTokens.refresh();
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_REFRESH_CONFIG',
      attempts: 0,
      message: expect.stringMatching(/^Nothing was asked: .+\.$/),
    });
    expect([await now(accessTokens.replace('mine')), asked]).toEqual(['ERR_REFRESH_CONFIG', []]);
  });
});

describe('an access token that was refused', () => {
  test('has to be one, and its options those of this call', async () => {
    const { accessTokens, now, start } = await serving();
    await start();
    await expect(accessTokens.replace(5 as never)).rejects.toMatchObject({
      code: 'ERR_OPTIONS',
      message: 'Option rejected: expected the access token that was refused, but 5 came.',
    });
    expect(await now(accessTokens.replace('mine', { minValidityMs: 5 } as never))).toBe('ERR_OPTIONS');
    expect(await now(accessTokens.refresh({ challenge: undefined, minValidityMs: 5 } as never))).toBe('ERR_OPTIONS');
    expect(await now(accessTokens.get({ challenge: {} } as never))).toBe('ERR_OPTIONS');
  });

  test('is replaced by a refresh, or at once by the one that has replaced it', async () => {
    const { accessTokens, answer, now, reasons, start } = await serving();
    await start();
    const replaced = accessTokens.replace('mine');
    expect([await now(replaced), reasons]).toEqual(['waits', ['rejected']]);
    await answer(0, good('new'));
    expect(await now(replaced)).toBe('new');
    expect([await now(accessTokens.replace('mine')), reasons]).toEqual(['new', ['rejected']]);
  });

  test('and is the outcome of the refresh that was under way is asked for once more', async () => {
    const { accessTokens, answer, now, reasons, start } = await serving();
    await start();
    void accessTokens.refresh().catch(() => undefined);
    await now(Promise.resolve());
    const replaced = accessTokens.replace('mine');
    expect([await now(replaced), reasons]).toEqual(['waits', ['asked']]);
    await answer(0, good('mine'));
    expect([await now(replaced), reasons]).toEqual(['waits', ['asked', 'rejected']]);
    await answer(1, good('new'));
    expect(await now(replaced)).toBe('new');
  });

  test('for want of claims is replaced by one that was asked for with them, and by no other', async () => {
    const { accessTokens, answer, now, asked, start } = await serving();
    await start();
    const claims = btoa(JSON.stringify({ access_token: { acr: { essential: true } } }));
    const challenge = { scheme: 'bearer', parameters: { error: 'insufficient_claims', claims } };
    void accessTokens.refresh().catch(() => undefined);
    await now(Promise.resolve());
    const replaced = accessTokens.replace('mine', { challenge });
    await answer(0, good('without'));
    expect([await now(replaced), asked.length]).toEqual(['waits', 2]);
    expect(asked[1]).toMatchObject({ reason: 'rejected', challenge });
    await answer(1, good('with'));
    expect(await now(replaced)).toBe('with');
    expect([await now(accessTokens.replace('mine', { challenge })), asked.length]).toEqual(['with', 2]);
  });

  test('for no want of claims is replaced at once by one that was asked for with some', async () => {
    const { accessTokens, now, reasons, start, fresh } = await serving();
    await start(fresh({ claims: 'asked for' }));
    expect([await now(accessTokens.replace('older')), reasons]).toEqual(['mine', []]);
  });

  test('and is of a session that is over is replaced by none: by what it was sent with, where that is known', async () => {
    const { accessTokens, now, start, fresh } = await serving();
    await start();
    const other = await start(fresh({ sessionId: 's2', revision: 9 }, { accessToken: 'other' }));
    const sent = { sessionId: 's1', revision: 3 };
    expect(await now(accessTokens.replace('mine'))).toBe('ERR_NO_SESSION');
    expect(await now(accessTokens.replace('unknown', {}, sent))).toBe('ERR_NO_SESSION');
    expect(await now(accessTokens.replace('mine', {}, { ...sent, sessionId: other.sessionId }))).toBe('other');
    expect([accessTokens.isOfPastSession('mine'), accessTokens.isOfPastSession('other')]).toEqual([true, false]);
  });

  describe('in a cookie', () => {
    async function inCookie() {
      const world = await serving({ refreshTokenIn: 'cookie', accessTokenIn: 'cookie' });
      const record = await world.start(world.fresh({}, { accessToken: '', refreshToken: undefined }));
      return { ...world, record };
    }

    test('is the present one where the request was sent with it, and not where it was sent before', async () => {
      const { accessTokens, now, record, reasons } = await inCookie();
      const { sessionId, revision } = record;
      const before = { sessionId, revision: revision - 1 };
      expect([await now(accessTokens.replace('', {}, before)), reasons]).toEqual(['', []]);
      expect([await now(accessTokens.replace('', {}, { sessionId, revision })), reasons]).toEqual([
        'waits',
        ['rejected'],
      ]);
    });

    test.each([
      [0, []],
      [499, []],
      [500, ['rejected']],
      [-1, ['rejected']],
    ])('counts for the one before, where nothing more is known, right after a new one: %i ms', async (ms, expected) => {
      const { accessTokens, now, reasons, clock } = await inCookie();
      clock.set(clock.now() + ms);
      await now(accessTokens.replace(''));
      expect(reasons).toEqual(expected);
    });
  });
});

describe('refresh()', () => {
  test('is met by no request that was sent before it', async () => {
    const { accessTokens, answer, now, asked, start, manager } = await serving();
    await start();
    manager.refresher.start('due');
    await now(Promise.resolve());
    const refreshed = accessTokens.refresh();
    await now(refreshed);
    await answer(0, good('before'));
    expect([await now(refreshed), asked.length]).toEqual(['waits', 2]);
    await answer(1, good('after'));
    expect([await now(refreshed), asked.length]).toEqual([undefined, 2]);
  });

  test('gives up where peers were faster three times, with tokens that may be older than the call', async () => {
    const { accessTokens, asked, start, fresh, storage, clock } = await serving();
    let { revision } = await start();
    let reads = 0;
    storage.getItem = () => {
      reads++;
      return encodeRecord(fresh({ revision: ++revision }));
    };
    const refreshed = accessTokens.refresh().catch((error) => error);
    await clock.settle();
    expect(await refreshed).toMatchObject({
      code: 'ERR_LOCK_TIMEOUT',
      message: 'Expected a refresh that begins after the call, but 3 others came first; try again.',
    });
    expect([reads, asked]).toEqual([3, []]);
  });

  test.each(['cookie', 'response'] as const)(
    'where nobody is signed in asks whose the cookie is, if there is one: refresh token in %s',
    async (refreshTokenIn) => {
      const { accessTokens, answer, clock, now, reasons, manager } = await serving({ refreshTokenIn });
      manager.session.dispatch({ type: 'ended', reason: 'ended' });
      const refreshed = accessTokens.refresh();
      const isCookie = refreshTokenIn === 'cookie';
      expect([await now(refreshed), reasons]).toEqual(isCookie ? ['waits', ['asked']] : ['ERR_NO_SESSION', []]);
      expect(clock.pendingKeepAlive > 0).toBe(isCookie);
      await answer(0, good('new'));
      if (isCookie) expect(await now(accessTokens.get())).toBe('new');
    },
  );

  test('asks whose the cookie is also where the storage cannot be read', async () => {
    const { accessTokens, now, reasons, storage } = await serving({ refreshTokenIn: 'cookie' });
    storage.getItem = () => Promise.reject(new Error('broken'));
    expect([await now(accessTokens.get()), reasons]).toEqual(['ERR_STORAGE_READ', []]);
    expect([await now(accessTokens.refresh()), reasons]).toEqual(['waits', ['asked']]);
  });

  test('asks nobody whose the cookie is in the pause after that has failed', async () => {
    const { accessTokens, answer, now, asked } = await serving({ refreshTokenIn: 'cookie' });
    const first = accessTokens.get();
    await now(first);
    await answer(0, busy());
    expect(await now(first)).toBe('ERR_REFRESH_UNAVAILABLE');
    expect([await now(accessTokens.refresh()), asked.length]).toEqual(['ERR_REFRESH_UNAVAILABLE', 1]);
  });

  test('with a cookie starts no other session where the storage fails the one that there is', async () => {
    const { accessTokens, now, start, fresh, clock, storage, manager } = await serving({ refreshTokenIn: 'cookie' });
    await start(fresh({}, { expiresAt: clock.now() }));
    storage.getItem = () => Promise.reject(new Error('broken'));
    expect(await now(accessTokens.get())).toBe('ERR_STORAGE_READ');
    const refreshed = accessTokens.refresh();
    await Promise.resolve();
    expect(manager.pending.isStarting).toBe(false);
    expect(await now(refreshed)).toBe('ERR_STORAGE_READ');
  });

  test('with a cookie refreshes the session that there is', async () => {
    const { accessTokens, now, asked, start, manager } = await serving({ refreshTokenIn: 'cookie' });
    await start();
    await now(accessTokens.refresh());
    expect([asked.length, manager.session.record?.tokens.accessToken, manager.pending.isStarting]).toEqual([
      1,
      'mine',
      false,
    ]);
  });
});

describe('before a caller is served', () => {
  test('its signal is looked at', async () => {
    const { accessTokens, now, start, asked } = await serving();
    await start();
    const signal = AbortSignal.abort('mine');
    expect(await now(accessTokens.get({ signal }))).toBe('mine');
    await expect(accessTokens.replace('mine', { signal })).rejects.toBe('mine');
    expect(asked).toEqual([]);
  });

  test('a sign-in under way is waited for, where there is no session yet', async () => {
    const { accessTokens, now, manager, fresh, waits } = await serving();
    manager.session.dispatch({ type: 'found', record: undefined, wasStored: false });
    const turn = manager.pending.beginStart('new');
    const first = accessTokens.get();
    expect([await now(first), waits]).toEqual(['waits', [first]]);
    hold(manager, fresh());
    turn.finish();
    expect(await now(first)).toBe('mine');
  });

  test('no sign-in is waited for where there is a session', async () => {
    const { accessTokens, now, manager, start } = await serving();
    await start();
    manager.pending.beginStart('new');
    expect(await now(accessTokens.get())).toBe('mine');
  });

  test.each([true, false])(
    'no sign-in is waited for by the refresh function that it asks: with its signal %s',
    async (has) => {
      let inner: Promise<string> | undefined;
      const world = await serving({
        refreshTokenIn: 'cookie',
        refresh: ({ signal }) => {
          inner = world.accessTokens.get(has ? { signal } : undefined);
          inner.catch(() => undefined);
          return new Promise(() => undefined);
        },
      });
      world.manager.session.dispatch({ type: 'ended', reason: 'ended' });
      void world.accessTokens.refresh().catch(() => undefined);
      await world.clock.settle();
      expect(world.manager.pending.isStarting).toBe(true);
      expect(inner && (await world.now(inner))).toBe('ERR_NO_SESSION');
    },
  );

  test('a client that is granted tokens by itself begins anew, though its session has ended', async () => {
    const { accessTokens, answer, now, manager, reasons } = await serving({ refreshTokenIn: 'none' });
    manager.session.dispatch({ type: 'ended', reason: 'ended' });
    const first = accessTokens.get();
    expect([await now(first), reasons]).toEqual(['waits', ['resume']]);
    await answer(0, good('granted'));
    expect(await now(first)).toBe('granted');
  });

  test('and asks no second time in the pause after that has failed', async () => {
    const { accessTokens, answer, now, asked } = await serving({ refreshTokenIn: 'none' });
    const first = accessTokens.get();
    await now(first);
    await answer(0, busy());
    expect(await now(first)).toBe('ERR_REFRESH_UNAVAILABLE');
    expect([await now(accessTokens.get()), asked.length]).toEqual(['ERR_REFRESH_UNAVAILABLE', 1]);
  });

  test('but not while that end is being carried out', async () => {
    const { accessTokens, now, manager, reasons } = await serving({ refreshTokenIn: 'none' });
    manager.session.dispatch({ type: 'ended', reason: 'ended' });
    manager.pending.beginEnd();
    expect([await now(accessTokens.get()), reasons]).toEqual(['ERR_NO_SESSION', []]);
  });

  test('the storage is read where nothing is known yet, and others wait for that read too', async () => {
    const { accessTokens, now, manager, storage, items, fresh, clock } = await serving();
    let read: (text: string | null) => void = () => undefined;
    let reads = 0;
    storage.getItem = () => {
      reads++;
      return new Promise<string | null>((resolve) => {
        read = resolve;
      });
    };
    const first = accessTokens.get();
    const second = accessTokens.get();
    expect([await now(first), await now(second), reads, manager.reader.isBlocking]).toEqual([
      'waits',
      'waits',
      1,
      true,
    ]);
    await wasStored(manager, fresh());
    read(items.get('evertoken:session') ?? null);
    await clock.settle();
    expect([await now(first), await now(second), reads]).toEqual(['mine', 'mine', 1]);
  });

  test('the storage is read again where it was found empty a second ago, without holding others back', async () => {
    const { accessTokens, now, manager, storage, clock, fresh, items } = await serving();
    expect(await now(accessTokens.get())).toBe('ERR_NO_SESSION');
    let reads = 0;
    storage.getItem = (key) => {
      reads++;
      return new Promise((resolve) => clock.after(100, () => resolve(items.get(key) ?? null)));
    };
    expect([await now(accessTokens.get()), reads]).toEqual(['ERR_NO_SESSION', 0]);
    await clock.advance(1_000);
    await wasStored(manager, fresh()); // by a peer
    const [first, second] = [accessTokens.get(), accessTokens.get()];
    expect([await now(first), reads, manager.reader.isBlocking]).toEqual(['waits', 1, false]);
    await clock.advance(100);
    expect([await now(first), await now(second), reads]).toEqual(['mine', 'mine', 1]);
  });

  test('a sign-out is heard: who asked before it gets nothing of what began after it', async () => {
    const { accessTokens, now, manager, storage, fresh, clock } = await serving();
    storage.getItem = () => new Promise((resolve) => clock.after(100, () => resolve(null)));
    const first = accessTokens.get();
    await now(first);
    manager.pending.beginEnd().finish();
    hold(manager, fresh());
    await clock.advance(1_000);
    expect(await now(first)).toBe('ERR_NO_SESSION');
  });
});
