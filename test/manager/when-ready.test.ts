import { describe, expect, test } from 'vitest';
import { encodeRecord } from '../../src/core/codec.js';
import { OptionsError } from '../../src/errors.js';
import type { TokenManagerOptions, TokenResponse } from '../../src/index.js';
import type { Manager } from '../../src/manager/manager.js';
import { whenReady } from '../../src/manager/when-ready.js';
import { fakeClock } from '../../src/testing.js';
import { bareManager, hold } from '../support/bare-manager.js';
import { recordWith } from '../support/session-records.js';

const mine = recordWith({ sessionId: 'mine' });
const tokens = { access_token: 'new-access', refresh_token: 'new-refresh', expires_in: 60, token_type: 'Bearer' };

/** Somebody waits until it is known whether there is a session; the test answers for the storage and the server. */
function waiting(options: Partial<TokenManagerOptions> = {}) {
  const clock = fakeClock();
  const reads: ((text: string | null | Promise<never>) => void)[] = [];
  const answers: ((answer: TokenResponse | Response) => void)[] = [];
  const state = { isDisposed: false, uses: 0, whenKnown: (): void => undefined };
  const getItem = (key: string) =>
    key === 'evertoken:session' ? new Promise<string | null>((resolve) => reads.push(resolve)) : null;
  const storage = { getItem, setItem: () => undefined, removeItem: () => undefined };
  const manager = bareManager(
    { clock, storage },
    {
      activate: () => {
        if (state.isDisposed) throw new OptionsError('ERR_DISPOSED', 'no more');
        state.uses++;
      },
      sessionChanged: () => state.whenKnown(),
      carryOut: (effect) => {
        if (effect.type === 'refuse') manager.callers.reject(effect.error);
      },
    },
    () => new Promise((resolve) => answers.push(resolve)),
    { retry: { attempts: 1 }, ...options },
  );
  const seen: { status?: string; sessionId?: string | undefined; error?: unknown } = {};
  const wait = async () => {
    whenReady(manager).then(
      ({ status, sessionId }) => Object.assign(seen, { status, sessionId }),
      (error) => Object.assign(seen, { error }),
    );
    await clock.settle();
  };
  return { clock, manager, reads, answers, seen, state, wait };
}

describe('whether there is a session is known', () => {
  test('at once where it is known already: nothing is read', async () => {
    const { manager, seen, state, reads, wait } = waiting();
    hold(manager, mine);
    await wait();
    expect(seen).toEqual({ status: 'active', sessionId: 'mine' });
    expect([reads.length, state.uses]).toEqual([0, 1]);
  });

  test('when the storage was read, for which callers wait as well', async () => {
    const { clock, manager, reads, seen, wait } = waiting();
    await wait();
    expect([seen, manager.reader.isBlocking]).toEqual([{}, true]);
    reads[0]?.(encodeRecord(mine));
    await clock.settle();
    expect(seen).toEqual({ status: 'active', sessionId: 'mine' });
  });

  test('also where the storage is empty, or cannot be read', async () => {
    const empty = waiting();
    await empty.wait();
    empty.reads[0]?.(null);
    await empty.clock.settle();
    expect(empty.seen).toEqual({ status: 'none', sessionId: undefined });
    const broken = waiting();
    await broken.wait();
    broken.reads[0]?.(Promise.reject(new Error('broken')));
    await broken.clock.settle();
    expect(broken.seen).toEqual({ status: 'loading', sessionId: undefined });
  });

  test.each([
    ['somebody has signed in', tokens, 'active'],
    ['nobody has', new Response('', { status: 401 }), 'none'],
    ['it cannot tell', new Response('', { status: 503 }), 'loading'],
  ])('when the server was asked about the cookie, and says that %s', async (_, answer, status) => {
    const { clock, reads, answers, seen, wait } = waiting({ refreshTokenIn: 'cookie' });
    await wait();
    reads[0]?.(null);
    await clock.settle();
    expect(seen).toEqual({});
    reads[1]?.(null); // an attempt reads it as well
    await clock.settle();
    answers[0]?.(answer);
    await clock.settle();
    for (const read of reads) read(null); // one more before "nobody" is believed
    await clock.settle();
    expect(seen).toMatchObject({ status });
  });

  test('when the cookie that is being asked about already has an answer: the storage is not read for it', async () => {
    const { clock, manager, reads, answers, seen, wait } = waiting({ refreshTokenIn: 'cookie' });
    manager.refresher.start('resume');
    await wait();
    expect([reads.length, manager.reader.isReading]).toEqual([1, false]); // the attempt's own read
    reads[0]?.(null);
    await clock.settle();
    expect(seen).toEqual({});
    answers[0]?.(tokens);
    await clock.settle();
    expect(seen).toMatchObject({ status: 'active' });
  });

  test('when a sign-in under way is over: what the storage holds is no news', async () => {
    const { clock, manager, reads, seen, wait } = waiting();
    const turn = manager.pending.beginStart('new');
    await wait();
    expect([reads.length, seen]).toEqual([0, {}]);
    hold(manager, mine);
    turn.finish();
    await clock.settle();
    expect(seen).toEqual({ status: 'active', sessionId: 'mine' });
  });

  test('when a sign-in is over that began while the storage was read', async () => {
    const { clock, manager, reads, seen, wait } = waiting();
    await wait();
    const turn = manager.pending.beginStart('new');
    reads[0]?.(encodeRecord(mine));
    await clock.settle();
    expect(seen).toEqual({});
    turn.finish();
    await clock.settle();
    expect(seen).toMatchObject({ status: 'loading' });
  });
});

describe('whoever waits is not held up once it is known', () => {
  test.each([
    ['a sign-in', ({ pending }: Manager): unknown => pending.beginStart('next')],
    ['a refresh', ({ refresher }: Manager): unknown => refresher.start('expired')],
  ] as const)('by %s that follows from it', async (_, begin) => {
    const { clock, manager, reads, seen, state, wait } = waiting();
    await wait();
    state.whenKnown = (): void => {
      state.whenKnown = (): void => undefined;
      begin(manager);
    };
    reads[0]?.(encodeRecord(mine));
    await clock.settle();
    expect(manager.pending.isStarting || manager.refresher.isRunning).toBe(true);
    expect(seen).toEqual({ status: 'active', sessionId: 'mine' });
  });
});

describe('after the end', () => {
  test('nobody learns whether there is a session', async () => {
    const { seen, state, reads, wait } = waiting();
    state.isDisposed = true;
    await wait();
    expect(seen).toMatchObject({ error: { code: 'ERR_DISPOSED' } });
    expect(reads).toEqual([]);
  });

  test('who waits is refused, also where an answer comes', async () => {
    const { clock, seen, state, reads, wait } = waiting();
    await wait();
    state.isDisposed = true;
    reads[0]?.(encodeRecord(mine));
    await clock.settle();
    expect(seen).toMatchObject({ error: { code: 'ERR_DISPOSED' } });
  });
});
