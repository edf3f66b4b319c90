import { describe, expect, test, vi } from 'vitest';
import { encodeRecord } from '../../src/core/codec.js';
import type { SessionEffect } from '../../src/core/session.js';
import type { SessionRecord } from '../../src/core/session-record.js';
import { OptionsError } from '../../src/errors.js';
import type { Lease, Lock, Marks, Platform, TokenManagerOptions, TokenResponse } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';
import { bareManager, hold, wasStored } from '../support/bare-manager.js';
import { recordWith } from '../support/session-records.js';

const NAME = 'evertoken:session';
const mine = recordWith({ sessionId: 'mine' });
const other = recordWith({ sessionId: 'other', revision: 9 }, { accessToken: 'other-access' });
const tokens = { access_token: 'new-access', refresh_token: 'new-refresh', expires_in: 60, token_type: 'Bearer' };

/** A manager, and what its commands do to the storage, the server, the peers and the next page. */
function commanded(options: Partial<TokenManagerOptions> = {}, platform: Partial<Platform> = {}) {
  const clock = fakeClock();
  const items = new Map<string, string>();
  const notes = new Map<string, string | null>();
  const marks: Marks = { get: (key) => notes.get(key) ?? null, set: (key, value) => void notes.set(key, value) };
  const announced: string[] = [];
  const asked: string[] = [];
  const revoked: (string | undefined)[] = [];
  const effects: SessionEffect[] = [];
  const answers: ((answer: TokenResponse) => void)[] = [];
  const storage = {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string): void | Promise<void> => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  };
  const manager = bareManager(
    {
      clock,
      marks,
      storage,
      channel: { announce: (key) => void announced.push(key), subscribe: () => () => undefined },
      ...platform,
    },
    { carryOut: (effect) => void effects.push(effect) },
    (request) => {
      asked.push(request.reason);
      return new Promise((resolve) => answers.push(resolve));
    },
    { revoke: async ({ accessToken }) => void revoked.push(accessToken), ...options },
  );
  /** Another page signs out of this session, and leaves. */
  const leave = (record: SessionRecord) => bareManager({ clock, marks }).store.bury([record.sessionId], true);
  const stored = () => items.get(NAME);
  return { manager, clock, items, notes, marks, storage, announced, asked, answers, revoked, effects, leave, stored };
}

/** A lock that is granted when the test says so, one holder at a time. */
function heldLock() {
  const waiting: (() => void)[] = [];
  const lease: Lease = { signal: new AbortController().signal };
  const lock: Lock = {
    run: async (_key, _signal, task) => {
      await new Promise<void>((resolve) => waiting.push(resolve));
      return task(lease);
    },
  };
  return { lock, grant: (index: number) => waiting[index]?.() };
}

describe('a sign-out whose page left', () => {
  test('is finished: the record is erased, the peers and the server are told', async () => {
    const { manager, clock, items, notes, announced, revoked, leave } = commanded();
    items.set(NAME, encodeRecord(other));
    leave(other);
    await clock.runUntil(manager.commands.finish());
    await clock.settle();
    expect([items.has(NAME), notes.get(`${NAME}:ended`), announced, revoked]).toEqual([
      false,
      null,
      [NAME],
      ['other-access'],
    ]);
  });

  test('is finished by nobody where it is over: what is stored stays', async () => {
    const { manager, clock, items, announced, revoked } = commanded();
    items.set(NAME, encodeRecord(other));
    await clock.runUntil(manager.commands.finish());
    await clock.settle();
    expect([items.has(NAME), announced, revoked]).toEqual([true, [], []]);
  });

  test.each(['response', 'cookie'] as const)(
    'and had erased the record already is finished with what is left: refresh token in %s',
    async (refreshTokenIn) => {
      const { manager, clock, announced, revoked, notes, leave } = commanded({ refreshTokenIn });
      leave(other);
      await clock.runUntil(manager.commands.finish());
      await clock.settle();
      expect([announced, notes.get(`${NAME}:ended`)]).toEqual([[NAME], null]);
      expect(revoked).toEqual(refreshTokenIn === 'cookie' ? [undefined] : []);
    },
  );

  test('is tried again where the storage fails, and the server is not told before', async () => {
    const { manager, clock, items, storage, revoked, leave } = commanded();
    items.set(NAME, encodeRecord(other));
    leave(other);
    storage.removeItem = () => Promise.reject(new Error('broken')) as never;
    await clock.runUntil(manager.commands.finish());
    const repair = vi.spyOn(manager.store, 'withLock');
    await clock.advance(1_000);
    expect([repair.mock.calls.length, revoked]).toEqual([1, []]);
  });

  test.each([
    ['cookie', false],
    ['response', true],
  ] as const)(
    'is over when the server knows, where the cookie could bring it back: refresh token in %s',
    async (refreshTokenIn, isOver) => {
      let answer = (): void => undefined;
      const revoke = () => new Promise<void>((resolve) => (answer = resolve));
      const { manager, clock, items, leave } = commanded({ refreshTokenIn, revoke });
      items.set(NAME, encodeRecord(other));
      leave(other);
      let isFinished = false;
      void manager.commands.finish().then(() => {
        isFinished = true;
      });
      await clock.settle();
      expect(isFinished).toBe(isOver);
      answer();
      await clock.settle();
      expect(isFinished).toBe(true);
    },
  );
});

describe('a sign-in', () => {
  test('without tokens asks whose the cookie is; with tokens, nobody is asked', async () => {
    const resumed = commanded({ refreshTokenIn: 'cookie' });
    void resumed.manager.commands.start(undefined).catch(() => undefined);
    await resumed.clock.settle();
    expect(resumed.asked).toEqual(['resume']);
    const given = commanded({ refreshTokenIn: 'cookie' });
    await given.clock.runUntil(given.manager.commands.start(tokens));
    expect([given.asked, given.manager.session.snapshot.status]).toEqual([[], 'active']);
    await expect(commanded().manager.commands.start(undefined)).rejects.toMatchObject({ code: 'ERR_OPTIONS' });
  });

  test('is told as one', async () => {
    const { manager, clock, effects } = commanded();
    await clock.runUntil(manager.commands.start(tokens));
    const events = effects.flatMap((effect) => (effect.type === 'emit' ? [effect.event] : []));
    expect(events).toMatchObject([{ type: 'sessionStarted', payload: { from: 'sign-in' } }]);
  });

  test('is followed by a read that holds nobody back, whatever became of it', async () => {
    for (const lock of [undefined, { run: () => Promise.reject(new OptionsError('ERR_OPTIONS', 'no')) }]) {
      const { manager, clock } = commanded({}, lock && { lock });
      const read = vi.spyOn(manager.reader, 'read');
      await clock.runUntil(manager.commands.start(tokens).catch(() => undefined));
      expect(read.mock.calls).toEqual([[false]]);
    }
  });

  test('is refused where the platform keeps no session, and is over then', async () => {
    const error = new OptionsError('ERR_OPTIONS', 'no sessions here');
    const { manager, clock } = commanded({}, { lock: { run: () => Promise.reject(error) } });
    await expect(clock.runUntil(manager.commands.start(tokens))).rejects.toBe(error);
    expect([manager.pending.isStarting, manager.session.record]).toEqual([false, undefined]);
  });

  test('that is signed out of while it is written leaves nothing, and its tokens are revoked', async () => {
    const { manager, clock, items, storage, revoked } = commanded();
    storage.setItem = (key, value) => {
      items.set(key, value);
      manager.pending.beginEnd().finish();
    };
    await expect(clock.runUntil(manager.commands.start(tokens))).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
    await clock.settle();
    expect([items.has(NAME), revoked]).toEqual([false, ['new-access']]);
  });

  test('that a later one replaces while it is written is erased, should the later one not be stored', async () => {
    const { lock, grant } = heldLock();
    const { manager, clock, storage } = commanded({}, { lock });
    const written: string[] = [];
    let done = (): void => undefined;
    storage.setItem = (_, value) => {
      written.push(value);
      return new Promise((resolve) => (done = resolve));
    };
    void manager.commands.start(tokens);
    grant(0);
    await clock.settle();
    void manager.commands.start({ ...tokens, access_token: 'later-access' });
    done();
    await clock.settle();
    const [first] = written.map((text) => JSON.parse(text) as SessionRecord);
    expect(first && manager.store.isBuried(first)).toBe(true);
    expect(manager.session.state.status).toBe('loading');
  });

  test('comes after the end of the session before it, also in the order in which they are told', async () => {
    const { lock, grant } = heldLock();
    const { manager, clock, effects } = commanded({}, { lock });
    const told: string[] = [];
    manager.emitter.on('sessionEnded', ({ reason }) => told.push(`ended: ${reason}`));
    hold(manager, mine);
    void manager.commands.end();
    void manager.commands.start(tokens);
    await clock.settle();
    expect(told).toEqual([]);
    effects.length = 0;
    grant(1); // the sign-out waits on
    await clock.settle();
    expect(told).toEqual(['ended: ended']);
    expect(effects.some((effect) => effect.type === 'emit' && effect.event.type === 'sessionStarted')).toBe(true);
  });
});

describe('a sign-out', () => {
  test('marks the session for the next page in the turn of the call, and takes the mark back when it is erased', async () => {
    const { manager, clock, items, notes, announced } = commanded();
    hold(manager, mine);
    await wasStored(manager, mine);
    announced.length = 0;
    const ending = manager.commands.end();
    expect(notes.get(`${NAME}:ended`)).toBe('mine');
    expect(announced).toEqual([NAME]); // should the page leave now
    expect(manager.pending.isErasing).toBe(true);
    await clock.runUntil(ending);
    expect([items.has(NAME), notes.get(`${NAME}:ended`), announced]).toEqual([false, null, [NAME, NAME]]);
    expect(manager.pending.isErasing).toBe(false);
  });

  test('revokes each access token once', async () => {
    const { manager, clock, items, revoked } = commanded();
    hold(manager, mine);
    items.set(NAME, encodeRecord({ ...mine, revision: mine.revision + 1 }));
    await clock.runUntil(manager.commands.end());
    await clock.settle();
    expect(revoked).toEqual(['old-access-token-1']);
  });

  test('revokes the tokens that a request under way still brings, and nothing where it brings none', async () => {
    const brought = commanded({ refreshTokenIn: 'cookie' });
    void brought.manager.commands.start(undefined).catch(() => undefined);
    await brought.clock.settle();
    await brought.clock.runUntil(brought.manager.commands.end());
    brought.revoked.length = 0;
    brought.answers[0]?.(tokens);
    await brought.clock.settle();
    expect(brought.revoked).toEqual(['new-access']);
    const silent = commanded({ refreshTokenIn: 'cookie' });
    await silent.clock.runUntil(silent.manager.commands.end());
    await silent.clock.settle();
    expect(silent.revoked).toEqual([undefined]);
  });

  test('before anything is known is refused with the fault of the lock, and tried again', async () => {
    const lock: Lock = { run: () => Promise.reject(new Error('broken')) };
    const { manager, clock } = commanded({}, { lock });
    await expect(clock.runUntil(manager.commands.end())).rejects.toMatchObject({ code: 'ERR_LOCK_LOST' });
    expect(manager.pending.isErasing).toBe(false);
    const repair = vi.spyOn(manager.store, 'withLock');
    await clock.advance(1_000);
    expect(repair).toHaveBeenCalled();
  });
});

describe('a sign-out that did not know who was signed in, and was granted the lock late', () => {
  async function late(laterMs: number, kept: { marks?: Marks } = {}) {
    const { lock, grant } = heldLock();
    const { clock, marks, storage, items, manager, stored } = commanded({}, { lock, ...kept });
    items.set(NAME, encodeRecord(other));
    const ending = manager.commands.end();
    await clock.settle();
    const peer = bareManager({ clock, storage, marks, ...kept });
    await clock.runUntil(peer.store.withLock((locked) => locked.erase()));
    clock.set(clock.now() + laterMs); // the page is frozen
    await clock.runUntil(peer.commands.start(tokens));
    grant(0);
    await clock.runUntil(ending);
    await clock.advance(10_000);
    return { isThere: stored()?.includes('new-access') === true, status: manager.session.state.status };
  }

  test('leaves a session alone that has begun after a peer had finished it, and follows it', async () => {
    expect(await late(60_000)).toEqual({ isThere: true, status: 'active' });
  });

  test('ends one that has begun beside it, and whoever is signed in where nothing tells that it was finished', async () => {
    const over = { isThere: false, status: 'none' };
    expect(await late(0)).toEqual(over);
    expect(await late(60_000, { marks: { get: () => null, set: () => undefined } })).toEqual(over);
  });
});
