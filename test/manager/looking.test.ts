import { expect, test } from 'vitest';
import type { TokenStorage } from '../../src/index.js';
import { createEngine } from '../../src/manager/engine.js';
import { attend, newId } from '../../src/manager/lifetime.js';
import { look } from '../../src/manager/looker.js';
import { isOutlived, markTokens } from '../../src/manager/token-marks.js';
import { fakeClock } from '../../src/testing.js';
import { bareEngine } from '../support/engine.js';
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

test('whoever looks while somebody looks already waits for the same look, which is then repeated once', async () => {
  let reads = 0;
  const engine = bareEngine({
    clock: fakeClock(),
    storage: storageThat(async () => {
      reads++;
      return null;
    }),
  });
  const first = look(engine, false);
  expect([look(engine, true), look(engine, false)]).toEqual([first, first]);
  expect(engine.looking).toBe(first);
  expect(engine.isGating).toBe(true);
  await first;
  expect(reads).toBe(2);
  expect([engine.isGating, engine.looking]).toEqual([false, undefined]);
});

test('a look during which the session was replaced is repeated', async () => {
  let reads = 0;
  const engine = bareEngine({
    clock: fakeClock(),
    storage: storageThat(() => {
      if (++reads === 1) engine.state = { status: 'active', revision: 1, record: recordOf('two') };
      return null;
    }),
  });
  engine.state = { status: 'active', revision: 1, record: recordOf('one') };
  await look(engine, false);
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
  const { settings, reactions } = bareEngine({});
  const { issued, outlived, begun } = createEngine(settings, reactions);
  expect([issued, outlived, begun]).toEqual([[], [], []]);
});

test('work that is over is not attended any more', async () => {
  const clock = fakeClock();
  const engine = bareEngine({ clock });
  await attend(engine, Promise.resolve());
  await attend(engine, Promise.reject('bad')).catch(() => undefined);
  await clock.settle();
  expect(engine.attended?.size).toBe(0);
});

test('the names of sessions are letters and digits, and differ where chance is constant', () => {
  const engine = bareEngine({ clock: fakeClock(), random: () => 0.123 });
  const [one = '', two] = [newId(engine), newId(engine)];
  expect(one).toMatch(/^[0-9a-z]+$/);
  expect(two).toMatch(/^[0-9a-z]+$/);
  expect(one).not.toBe(two);
});

test('of the access tokens that went before, the last hundred are known, and no more are kept', () => {
  const engine = bareEngine({});
  const use = (accessToken: string, isSameSession: boolean) =>
    markTokens(engine, isSameSession, { ...recordOf('one').tokens, accessToken });
  for (let index = 0; index < 300; index++) use(`alice-${index}`, true);
  expect(engine.issued).toHaveLength(100);
  for (let index = 0; index < 300; index++) use(`user-${index}`, false);
  expect(engine.outlived).toHaveLength(100);
  expect(engine.issued).toHaveLength(1);
  expect(['alice-299', 'user-0', 'user-199', 'user-298', 'user-299'].map((token) => isOutlived(engine, token))).toEqual(
    [false, false, true, true, false],
  );
  markTokens(engine, false, undefined);
  expect(engine.issued).toEqual([]);
});
