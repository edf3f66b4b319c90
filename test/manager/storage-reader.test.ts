import { expect, test, vi } from 'vitest';
import type { TokenStorage } from '../../src/index.js';
import { TokenMarks } from '../../src/manager/token-marks.js';
import { Waiters } from '../../src/manager/waiters.js';
import { fakeClock } from '../../src/testing.js';
import { bareManager, hold } from '../support/bare-manager.js';
import { recordWith } from '../support/session-records.js';
import { signedIn } from '../support/signed-in.js';

const recordOf = (sessionId: string) =>
  recordWith(
    { sessionId, revision: 1, attemptId: 'first' },
    { accessToken: 'a', refreshToken: 'r', scopes: [], expiresAt: undefined },
  );

const storageThat = (getItem: TokenStorage['getItem']): TokenStorage => ({
  getItem,
  setItem: () => undefined,
  removeItem: () => undefined,
});

test('whoever reads while somebody reads already waits for the same read, which is then repeated once', async () => {
  let reads = 0;
  const { reader } = bareManager({
    clock: fakeClock(),
    storage: storageThat(async () => {
      reads++;
      return null;
    }),
  });
  const first = reader.read(false);
  expect([reader.read(true), reader.read(false)]).toEqual([first, first]);
  expect(reader.read(false)).toBe(first);
  expect(reader.isBlocking).toBe(true);
  await first;
  expect(reads).toBe(2);
  expect(reader.isBlocking).toBe(false);
  const next = reader.read(false);
  expect(next).not.toBe(first);
  await next;
  expect(reads).toBe(3);
});

test('a read during which the session was replaced is repeated', async () => {
  let reads = 0;
  const manager = bareManager({
    clock: fakeClock(),
    storage: storageThat(() => {
      if (++reads === 1) hold(manager, recordOf('two'));
      return null;
    }),
  });
  hold(manager, recordOf('one'));
  await manager.reader.read(false);
  expect(reads).toBe(2);
});

test('with a cookie, a session that is stored is taken without asking anybody', async () => {
  const { world, first } = await signedIn();
  world.moments.length = 0;
  const { tokens, events } = world.manager({ refreshTokenIn: 'cookie' });
  expect(await world.run(tokens.getAccessToken())).toBe(first.access_token);
  expect(world.moments.filter((name) => name.startsWith('lock'))).toEqual([]);
  expect(events.map(({ type }) => type)).toEqual(['sessionStarted']);
});

test('a manager begins with nothing in hand', () => {
  const { accessTokens, pending } = bareManager({});
  expect(['', 'alice-0'].map((token) => accessTokens.isOfPastSession(token))).toEqual([false, false]);
  expect([pending.isStarting, pending.isErasing, pending.ends]).toEqual([false, false, 0]);
  expect(pending.beginEnd().startingIds).toEqual([]);
});

test('work that is over is not attended any more', async () => {
  /** How many groups of callers are refused at the end of a manager that has had this work to wait for. */
  async function refusedAfter(...work: Promise<void>[]): Promise<number> {
    const clock = fakeClock();
    const manager = bareManager({ clock });
    for (const command of work) await manager.track(command).catch(() => undefined);
    await clock.settle();
    const refused = vi.spyOn(Waiters.prototype, 'reject');
    manager.dispose();
    const { length } = refused.mock.calls;
    refused.mockRestore();
    return length;
  }
  expect(await refusedAfter(Promise.resolve(), Promise.reject('bad'))).toBe(await refusedAfter());
});

test('the names of sessions are letters and digits, and differ where chance is constant', () => {
  const { records } = bareManager({ clock: fakeClock(), random: () => 0.123 });
  const [one = '', two] = [records.newId(), records.newId()];
  expect(one).toMatch(/^[0-9a-z]+$/);
  expect(two).toMatch(/^[0-9a-z]+$/);
  expect(one).not.toBe(two);
});

test('of the access tokens that went before, the last hundred are known, and no more are kept', () => {
  const marks = new TokenMarks();
  const past = (...tokens: string[]) => tokens.map((token) => marks.isPast(token));
  for (let index = 0; index < 300; index++) marks.add(`alice-${index}`, true);
  expect(past('alice-0', 'alice-299')).toEqual([false, false]);
  marks.add('user-0', false);
  // of one session, as many as of all that went before
  expect(past('alice-0', 'alice-199', 'alice-200', 'alice-299')).toEqual([false, false, true, true]);
  for (let index = 1; index < 300; index++) marks.add(`user-${index}`, false);
  expect(past('alice-299', 'user-0', 'user-198', 'user-199', 'user-298', 'user-299')).toEqual([
    false,
    false,
    false,
    true,
    true,
    false,
  ]);
  marks.add(undefined, false);
  expect(past('user-199', 'user-200', 'user-299')).toEqual([false, true, true]);
  // a token that comes again is one of the present session, as long as it is among its last hundred
  marks.add('user-299', false);
  for (let index = 1; index < 100; index++) marks.add(`bob-${index}`, true);
  expect(past('user-299')).toEqual([false]);
  marks.add('bob-100', true);
  expect(past('user-299')).toEqual([true]);
});
