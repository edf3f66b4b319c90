import { expect, test } from 'vitest';
import {
  createTokenManager,
  inProcess,
  isTokenError,
  OptionsError,
  type TokenManagerOptions,
} from '../../src/index.js';
import { createWorld, outcome } from '../support/promise-world.js';
import { sentence } from '../support/sentence.js';

const good = { refresh: async () => ({ access_token: 'a' }) };
const wrong: Array<[string, unknown]> = [
  ['nothing', undefined],
  ['null', null],
  ['a function', () => 1],
  ['a string', 'x'],
  ['an array', []],
  ['no refresh', {}],
  ...[null, 'x', {}, 5, true].map((refresh): [string, unknown] => [`refresh ${refresh}`, { refresh }]),
  ...[null, 'x', {}, 5].map((revoke): [string, unknown] => [`revoke ${revoke}`, { ...good, revoke }]),
  ...[null, '', 5, {}].map((key): [string, unknown] => [`key ${key}`, { ...good, key }]),
  ...[null, 'header', '', 5].map((refreshTokenIn): [string, unknown] => [
    `refreshTokenIn ${refreshTokenIn}`,
    { ...good, refreshTokenIn },
  ]),
  ...[null, -1, Number.NaN, Infinity, '5', 2 ** 31].flatMap(
    (ms): Array<[string, unknown]> => [
      [`leewayMs ${ms}`, { ...good, leewayMs: ms }],
      [`timeoutMs ${ms}`, { ...good, timeoutMs: ms }],
      [`minDelayMs ${ms}`, { ...good, retry: { minDelayMs: ms } }],
      [`maxDelayMs ${ms}`, { ...good, retry: { maxDelayMs: ms } }],
    ],
  ),
  ...[null, 0, -1, Number.NaN, '3'].map((attempts): [string, unknown] => [
    `attempts ${attempts}`,
    { ...good, retry: { attempts } },
  ]),
  ['timeoutMs 0', { ...good, timeoutMs: 0 }],
  ...[null, 5, 'x'].map((retry): [string, unknown] => [`retry ${retry}`, { ...good, retry }]),
  ['a misspelled retry', { ...good, retry: { attemps: 5 } }],
  ['min above max', { ...good, retry: { minDelayMs: 5_000, maxDelayMs: 1_000 } }],
  ...[null, true, {}].map((endsSession): [string, unknown] => [`endsSession ${endsSession}`, { ...good, endsSession }]),
  ...[null, 1, 'yes', {}].map((proactive): [string, unknown] => [`proactive ${proactive}`, { ...good, proactive }]),
  ...[null, 1, 'browser', {}, () => inProcess()].map((platform): [string, unknown] => [
    `platform ${platform}`,
    { ...good, platform },
  ]),
  ...['storage', 'lock', 'channel', 'wakeups', 'clock', 'random'].flatMap(
    (port): Array<[string, unknown]> => [
      [`platform without ${port}`, { ...good, platform: { ...inProcess(), [port]: undefined } }],
      [`platform with an empty ${port}`, { ...good, platform: { ...inProcess(), [port]: {} } }],
    ],
  ),
  ['an unknown option', { ...good, onRefresh: () => 1 }],
];
test.each(wrong)('%s: refused at creation, with what was expected and what came', (_, options) => {
  let error: unknown;
  try {
    createTokenManager(options as TokenManagerOptions);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(OptionsError);
  expect(error).toMatchObject({ code: 'ERR_OPTIONS', name: 'OptionsError' });
  expect((error as Error).message).toEqual(sentence(/expected/i, /[\w.]+ .+/));
  expect((error as Error).message).toMatch(/came|got/i);
});

test('undefined means the default, for every option', () => {
  const { refresh } = good;
  const none = {
    revoke: undefined,
    key: undefined,
    refreshTokenIn: undefined,
    leewayMs: undefined,
    timeoutMs: undefined,
    endsSession: undefined,
    proactive: undefined,
    platform: undefined,
  };
  createTokenManager({ refresh, ...none, retry: undefined } as TokenManagerOptions).dispose();
  createTokenManager({
    refresh,
    retry: { attempts: undefined, minDelayMs: undefined, maxDelayMs: undefined },
  } as never).dispose();
});

const responses = [
  undefined,
  null,
  5,
  'a',
  [],
  {},
  { access_token: '' },
  { access_token: 5 },
  { access_token: 'a\nb' },
  { access_token: 'ä' },
  { access_token: 'x'.repeat(65_537) },
  new Response('{}'),
  { error: 'invalid_grant' },
  new Proxy(
    {},
    {
      get() {
        throw new Error('proxy');
      },
    },
  ),
];
test.each(responses.map((response, index) => [index, response]))(
  'startSession refuses what is no token response (%i), keeps the session, and quotes nothing',
  async (_, response) => {
    const { clock, server, tokens } = createWorld();
    const first = server.signIn();
    await tokens.startSession(first);
    const got = await outcome(
      clock,
      Promise.resolve().then(() => tokens.startSession(response as never)),
    );
    expect(got).toMatchObject({ ok: false, error: { code: 'ERR_OPTIONS' } });
    expect((got.error as Error).message).not.toMatch(/xxx|a\nb/);
    expect(await tokens.getAccessToken()).toBe(first.access_token);
    tokens.dispose();
  },
);

test('wrong arguments of methods never hang and never throw anything untyped', async () => {
  const { clock, server, tokens } = createWorld();
  await tokens.startSession(server.signIn());
  for (const argument of [null, 5, 'x', [], () => 1]) {
    for (const call of [
      () => tokens.getAccessToken(argument as never),
      () => tokens.refresh(argument as never),
      () => tokens.replaceAccessToken(argument as never),
      () => tokens.replaceAccessToken('x', argument as never),
      () => tokens.getAccessToken({ signal: argument as never }),
    ]) {
      const got = await outcome(clock, Promise.resolve().then(call as () => Promise<unknown>));
      if (!got.ok && !isTokenError(got.error)) expect(got.error).toBeInstanceOf(TypeError);
    }
  }
  for (const listener of [undefined, null, 5, 'x', {}]) {
    expect(() => tokens.subscribe(listener as never)).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }));
    expect(() => tokens.on('refreshed', listener as never)).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }));
  }
  await clock.advance(1);
  tokens.dispose();
});
