import { describe, expect, test, vi } from 'vitest';
import type { SessionEffect } from '../../src/core/session.js';
import type { Clock, TokenManagerOptions, TokenResponse } from '../../src/index.js';
import { longestMs } from '../../src/manager/hold-lock.js';
import { fakeClock } from '../../src/testing.js';
import { bareManager, hold } from '../support/bare-manager.js';
import { failureUntil, recordWith } from '../support/session-records.js';

const mine = recordWith();
const tokens = { access_token: 'new-access', refresh_token: 'new-refresh', expires_in: 60, token_type: 'Bearer' };

/** A refresher whose requests the test answers; with `isCutOff`, only timers of the refresher's own grace run. */
function refreshing(options: Partial<TokenManagerOptions> = {}, platformClock?: (clock: Clock) => Clock) {
  const fake = fakeClock();
  const clock = platformClock?.(fake) ?? fake;
  const asked: string[] = [];
  const answers: ((answer: TokenResponse | Response) => void)[] = [];
  const effects: SessionEffect[] = [];
  const manager = bareManager(
    { clock, random: () => 0.5 },
    { carryOut: (effect) => void effects.push(effect) },
    (request) => {
      asked.push(request.reason);
      return new Promise((resolve) => answers.push(resolve));
    },
    options,
  );
  const events = () => effects.flatMap((effect) => (effect.type === 'emit' ? [effect.event] : []));
  return { fake, manager, refresher: manager.refresher, session: manager.session, asked, answers, effects, events };
}

describe('asking whose the cookie is', () => {
  const cookie = { refreshTokenIn: 'cookie' } as const;

  test('starts a session with what the server says, told as one from a cookie', async () => {
    const { fake, refresher, session, answers, events } = refreshing(cookie);
    const signingIn = refresher.signIn('resume');
    await fake.settle();
    answers[0]?.(tokens);
    await signingIn;
    expect(session.record?.tokens.accessToken).toBe('new-access');
    expect(events()).toMatchObject([
      { type: 'refreshStarted' },
      { type: 'sessionStarted', payload: { from: 'cookie' } },
    ]);
  });

  test('is refused with what came instead, and with "nobody is signed in" where that was ended here', async () => {
    const refused = refreshing({ ...cookie, retry: { attempts: 1 } });
    const first = refused.refresher.signIn('resume').catch((error) => error);
    await refused.fake.settle();
    refused.answers[0]?.(new Response('', { status: 503 }));
    expect(await first).toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE' });
    const ended = refreshing(cookie);
    const second = ended.refresher.signIn('resume').catch((error) => error);
    await ended.fake.settle();
    void ended.refresher.detach();
    expect(await second).toMatchObject({ code: 'ERR_NO_SESSION' });
  });

  test('is shared by who calls refresh() meanwhile, and not by another sign-in, nor when it is over', async () => {
    const { fake, refresher, asked, answers } = refreshing(cookie);
    const first = refresher.signIn('resume');
    expect(refresher.signIn('asked')).toBe(first);
    await fake.settle();
    expect(asked).toEqual(['resume']);
    const second = refresher.signIn('resume');
    expect(second).not.toBe(first);
    first.catch(() => undefined);
    await fake.settle();
    expect(asked).toEqual(['resume', 'resume']);
    answers[1]?.(tokens);
    await second;
    const third = refresher.signIn('asked');
    expect(third).not.toBe(second);
    third.catch(() => undefined);
  });

  test('goes on when the session before it turns out to be over; a refresh of that session does not', async () => {
    const { fake, refresher } = refreshing(cookie);
    refresher.signIn('resume').catch(() => undefined);
    await fake.settle();
    await refresher.detach('session-over');
    expect(refresher.isRunning).toBe(true);
    const other = refreshing();
    hold(other.manager, mine);
    other.refresher.start('due');
    await other.fake.settle();
    void other.refresher.detach('session-over');
    expect(other.refresher.isRunning).toBe(false);
  });
});

describe('letting go of a refresh', () => {
  test('without a session is told as its end where a command did it, and not where the session was over', () => {
    for (const why of ['command', 'session-over', undefined] as const) {
      const { refresher, events } = refreshing({ refreshTokenIn: 'cookie' });
      refresher.start('resume');
      void refresher.detach(why);
      const ends = events().filter(({ type }) => type === 'refreshFailed');
      expect(ends).toMatchObject(
        why === 'session-over' ? [] : [{ payload: { reason: 'resume', attempt: 1, again: false } }],
      );
    }
  });

  test('forgets tokens that came late for it, and changes nothing where none is under way', async () => {
    const { manager, refresher, session } = refreshing();
    hold(manager, mine);
    manager.unstored.put(mine, { ...mine.tokens, accessToken: 'late' });
    const dispatched = vi.spyOn(session, 'dispatch');
    expect(await refresher.detach()).toBe(undefined);
    expect([manager.unstored.follow(mine), dispatched.mock.calls]).toEqual([false, []]);
  });
});

describe('a refresh that is dead by the clock', () => {
  /** Timers that are set before `isAlive` never run: the runtime has cut them off. */
  function cutOff() {
    const state = { isAlive: false, delays: [] as number[] };
    const world = refreshing({}, (clock) => ({
      now: clock.now,
      after: (delayMs, task, options) => {
        if (!state.isAlive) return () => undefined;
        state.delays.push(delayMs);
        return clock.after(delayMs, task, options);
      },
    }));
    hold(world.manager, mine);
    return { ...world, state, limitMs: longestMs(world.manager.settings) };
  }

  test('counts as running until then', async () => {
    const { fake, refresher, limitMs } = cutOff();
    refresher.start('expired');
    await fake.settle();
    fake.set(fake.now() + limitMs);
    expect(refresher.isRunning).toBe(true);
    fake.set(fake.now() + 1);
    expect(refresher.isRunning).toBe(false);
  });

  test('is dead as well when the clock was set back by more than that', async () => {
    const { fake, refresher, limitMs } = cutOff();
    refresher.start('expired');
    await fake.settle();
    fake.set(fake.now() - limitMs);
    expect(refresher.isRunning).toBe(true);
    fake.set(fake.now() - 1);
    expect(refresher.isRunning).toBe(false);
  });

  test('is given the time of one more request, and then replaced by another one', async () => {
    const { fake, refresher, asked, state, limitMs } = cutOff();
    refresher.start('expired');
    await fake.settle();
    fake.set(fake.now() + limitMs + 1);
    state.isAlive = true;
    refresher.start('expired');
    expect(refresher.isRunning).toBe(true);
    expect(state.delays).toEqual([15_001]);
    await fake.advance(15_000);
    expect(refresher.isRunning).toBe(true);
    const stopped = vi.spyOn(refresher, 'start');
    await fake.advance(1);
    expect(stopped.mock.calls).toEqual([['expired', undefined]]);
    expect([asked.length, refresher.isRunning]).toEqual([1, true]); // the lock is still held by the dead one
  });

  test.each<['asked' | 'expired', string, string, { named: boolean; leftMs: number }]>([
    ['expired', 'that the server named', 'is not replaced', { named: true, leftMs: 1 }],
    ['asked', 'that the server named', 'is not replaced', { named: true, leftMs: 1 }],
    ['expired', 'that nobody named', 'is not replaced', { named: false, leftMs: 1 }],
    ['asked', 'that nobody named', 'is replaced', { named: false, leftMs: 1 }],
    ['expired', 'that is over by then', 'is replaced', { named: true, leftMs: 0 }],
  ])('where another one comes as %s, and a peer has noted a pause %s, it %s', async (...row) => {
    const [reason, , expected, { named, leftMs }] = row;
    const { fake, manager, refresher, session, asked, state, limitMs } = cutOff();
    refresher.start('expired');
    await fake.settle();
    fake.set(fake.now() + limitMs + 1);
    state.isAlive = true;
    refresher.start(reason);
    const caller = manager.callers.wait(undefined).catch((error) => error);
    const failure = failureUntil(fake.now() + 15_001 + leftMs, named);
    // an errand of the peer has been refused since
    session.dispatch({ type: 'found', record: { ...mine, notes: 1, others: {}, failure }, wasStored: true });
    await fake.advance(15_001);
    expect(refresher.isRunning).toBe(expected === 'is replaced');
    if (expected === 'is replaced') return;
    expect(await caller).toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE', retryAt: failure?.retryAt });
    expect([asked.length, session.state.status]).toEqual([1, 'waiting']);
    await fake.advance(1);
    refresher.start('expired');
    expect(refresher.isRunning).toBe(true);
  });

  test('is not replaced if it lives after all', async () => {
    const { fake, refresher, session, answers, state, limitMs } = cutOff();
    refresher.start('expired');
    await fake.settle();
    fake.set(fake.now() + limitMs + 1);
    state.isAlive = true;
    refresher.start('expired');
    answers[0]?.(tokens);
    await fake.settle();
    expect(session.record?.tokens.accessToken).toBe('new-access');
    const started = vi.spyOn(refresher, 'start');
    await fake.advance(60_000);
    expect(started).not.toHaveBeenCalled();
  });
});

test('tokens of another subject are given back to the server, with the session they came for', async () => {
  const jwt = (sub: string) => `${btoa('{}')}.${btoa(JSON.stringify({ sub }))}.`;
  const revoked: (string | undefined)[] = [];
  const revoke = async ({ accessToken }: { accessToken?: string }) => void revoked.push(accessToken);
  const { fake, manager, refresher, answers } = refreshing({ revoke });
  hold(manager, recordWith({}, { idToken: jwt('alice') }));
  refresher.start('expired');
  await fake.settle();
  answers[0]?.({ ...tokens, id_token: jwt('bob') });
  await fake.settle();
  expect([manager.session.state.status, revoked]).toEqual(['none', ['new-access']]);
});

test('tokens that are over when their page thaws are not served beside those of the peer who went on without it', async () => {
  const { fake, manager, refresher, session, answers } = refreshing();
  hold(manager, mine);
  const caller = manager.callers.wait(undefined).catch((error) => error);
  refresher.start('expired');
  await fake.settle();
  fake.set(fake.now() + 70_000); // frozen, for longer than a token lives
  const failure = failureUntil(fake.now() + 30_000);
  const theirs = recordWith({ revision: mine.revision + 1, failure }, { accessToken: 'theirs', refreshToken: 'next' });
  session.dispatch({ type: 'found', record: theirs, wasStored: true });
  answers[0]?.(tokens);
  expect(await caller).toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE', retryAt: failure?.retryAt });
});

test('a rejected token is not given back by a refresh that had begun before, also one that the clock takes for dead', async () => {
  for (const sleptMs of [0, 7_200_000]) {
    const { fake, manager, refresher, session, asked, answers } = refreshing();
    hold(manager, mine);
    refresher.start('due');
    await fake.settle();
    const lasting = { accessToken: 'new-access', expiresAt: undefined };
    const record = recordWith({ revision: mine.revision + 1 }, lasting);
    session.dispatch({ type: 'found', record, wasStored: true });
    fake.set(fake.now() + sleptMs);
    const replaced = manager.accessTokens.replace('new-access');
    await fake.settle();
    answers[0]?.(tokens);
    await fake.settle();
    answers[1]?.({ ...tokens, access_token: 'another' });
    expect([await fake.runUntil(replaced), asked]).toEqual(['another', ['due', 'rejected']]);
  }
});

test('the last tokens of a session without a refresh token are not asked for again', () => {
  const { manager, refresher } = refreshing();
  hold(manager, recordWith({}, { refreshToken: undefined, expiresAt: undefined }));
  refresher.start('due');
  expect(refresher.isRunning).toBe(false);
});
