import { expect, test, vi } from 'vitest';
import { PendingWork } from '../../src/manager/pending-work.js';
import { UnstoredTokens } from '../../src/manager/unstored-tokens.js';
import { fakeClock } from '../../src/testing.js';
import { jwt } from '../support/promise-world.js';
import { recordWith } from '../support/session-records.js';

const base = recordWith();
const newer = recordWith({ revision: 4 });
const { tokens } = recordWith({}, { accessToken: 'late' });

test('tokens that came late are told, and handed out once, for the record that they follow from', () => {
  const tokensArrivedLate = vi.fn();
  const unstored = new UnstoredTokens({ tokensArrivedLate });
  expect([unstored.follow(undefined), unstored.follow(base), unstored.take(base)]).toEqual([false, false, undefined]);
  unstored.put(base, tokens);
  expect(tokensArrivedLate).toHaveBeenCalledOnce();
  expect([unstored.follow(newer), unstored.take(newer)]).toEqual([false, undefined]);
  expect([unstored.follow(base), unstored.take(base)]).toEqual([true, tokens]);
  expect([unstored.follow(base), unstored.take(base)]).toEqual([false, undefined]);
});

test('of tokens that came late, a session that went on meanwhile gets the refresh token alone, and keeps its own facts', () => {
  const unstored = new UnstoredTokens({ tokensArrivedLate: () => undefined });
  const claims = 'asked for';
  const late = { ...tokens, refreshToken: 'late', refreshExpiresAt: 7 };
  unstored.put(base, late, { claims: 'others' });
  const on = recordWith({ revision: 4, claims }, { accessToken: 'stronger' });
  expect(unstored.take(on)).toEqual({ ...on.tokens, refreshToken: 'late', refreshExpiresAt: 7 });
  expect(unstored.facts).toEqual({ claims });
});

test('and nothing where its refresh token is another one by now, or they are of somebody else', () => {
  const idToken = (sub: string) => jwt({ sub, iss: 'https://auth.test' });
  for (const [mine, theirs] of [
    [{ refreshToken: 'newer' }, {}],
    [{ idToken: idToken('ada') }, { idToken: idToken('bob') }],
  ]) {
    const unstored = new UnstoredTokens({ tokensArrivedLate: () => undefined });
    unstored.put(base, { ...tokens, refreshToken: 'late', ...theirs });
    expect(unstored.take(recordWith({ revision: 4 }, mine))).toBe(undefined);
  }
});

test('and nothing where it is another session, has no refresh token, or the late tokens brought no other one', () => {
  const none = { refreshToken: undefined };
  for (const [presented, late, held] of [
    [base, { refreshToken: 'late' }, recordWith({ revision: 4, sessionId: 'other' })],
    [recordWith({}, none), { refreshToken: 'late' }, recordWith({ revision: 4 }, none)],
    [base, {}, newer],
    [base, { refreshToken: 'late' }, undefined],
    [undefined, { refreshToken: 'late' }, newer],
    [undefined, { refreshToken: 'late' }, recordWith({ revision: 4 }, none)],
  ] as const) {
    const unstored = new UnstoredTokens({ tokensArrivedLate: () => undefined });
    unstored.put(presented, { ...tokens, ...late });
    expect([unstored.follow(held), unstored.take(held)]).toEqual([false, undefined]);
  }
});

test('tokens that came late for a cookie are handed out while there is no session, with what belongs to them', () => {
  const unstored = new UnstoredTokens({ tokensArrivedLate: () => undefined });
  const facts = { claims: 'asked for' };
  unstored.put(undefined, tokens, facts);
  expect([unstored.take(undefined), unstored.facts]).toEqual([tokens, facts]);
  unstored.put(base, tokens);
  expect([unstored.take(base), unstored.facts]).toEqual([tokens, {}]);
});

test('before tokens have come late, nothing belongs to them', () => {
  expect(new UnstoredTokens({ tokensArrivedLate: () => undefined }).facts).toEqual({});
});

test('tokens that came late are forgotten when their session is over', () => {
  const unstored = new UnstoredTokens({ tokensArrivedLate: () => undefined });
  unstored.put(base, tokens);
  unstored.clear();
  expect(unstored.take(base)).toBe(undefined);
});

test('settled() waits for all that is under way, or for its limit, and leaves no timer', async () => {
  const clock = fakeClock();
  const work = new PendingWork(clock);
  const ends: (() => void)[] = [];
  for (let one = 0; one < 2; one++) void work.track(new Promise<void>((resolve) => ends.push(resolve)));
  let settled = 0;
  void work.settled(100).then(() => settled++);
  await clock.advance(100);
  expect(settled).toBe(1);
  void work.settled(100).then(() => settled++);
  ends[0]?.();
  await clock.settle();
  expect(settled).toBe(1);
  ends[1]?.();
  await clock.settle();
  expect([settled, clock.pending]).toEqual([2, 0]);
});
