import { describe, expect, test } from 'vitest';
import { createTokenManager, inProcess, type TokenManagerOptions, tokenEndpoint } from '../../src/index.js';
import { readOptions } from '../../src/manager/options.js';

const refresh = async () => ({ access_token: 'x' });
const secret = 'canary-4f9a7c1e';

/** What creating a manager with these options throws. */
function wrong(options: unknown): Error & { code: string } {
  try {
    createTokenManager(options as TokenManagerOptions);
  } catch (error) {
    return error as Error & { code: string };
  }
  throw new Error('expected these options to be refused');
}

describe('wrong options are refused at creation: the message says what was expected and what came, never a secret', () => {
  const platform = (members: object) => ({ refresh, platform: { ...inProcess(), ...members } });
  const table: [string, unknown, string][] = [
    ['no options', undefined, 'Option options: expected a value of type object, but a value of type undefined came.'],
    ['null', null, 'Option options: expected a value of type object, but null came.'],
    ['a string', secret, 'Option options: expected a value of type object, but a value of type string came.'],
    [
      'the refresh function alone',
      refresh,
      'Option options: expected an object, but a value of type function came: write createTokenManager({ refresh }).',
    ],
    ['no refresh', {}, 'Option refresh: expected a value of type function, but a value of type undefined came.'],
    ['refresh: null', { refresh: null }, 'Option refresh: expected a value of type function, but null came.'],
    [
      'refresh: string',
      { refresh: secret },
      'Option refresh: expected a value of type function, but a value of type string came.',
    ],
    [
      'revoke',
      { refresh, revoke: secret },
      'Option revoke: expected a value of type function, but a value of type string came.',
    ],
    [
      'endsSession',
      { refresh, endsSession: true },
      'Option endsSession: expected a value of type function, but a value of type boolean came.',
    ],
    [
      'empty key',
      { refresh, key: '' },
      'Option key: expected a string that is not empty, but a value of type string came.',
    ],
    ['key: 5', { refresh, key: 5 }, 'Option key: expected a string that is not empty, but 5 came.'],
    [
      'refreshTokenIn',
      { refresh, refreshTokenIn: secret },
      'Option refreshTokenIn: expected response or cookie or none, but a value of type string came.',
    ],
    [
      'leewayMs: -1',
      { refresh, leewayMs: -1 },
      'Option leewayMs: expected a number from 0 to 2147483647, but -1 came.',
    ],
    [
      'leewayMs: NaN',
      { refresh, leewayMs: Number.NaN },
      'Option leewayMs: expected a number from 0 to 2147483647, but NaN came.',
    ],
    [
      'leewayMs: string',
      { refresh, leewayMs: '5' },
      'Option leewayMs: expected a number from 0 to 2147483647, but a value of type string came.',
    ],
    [
      'timeoutMs: 0',
      { refresh, timeoutMs: 0 },
      'Option timeoutMs: expected a number from 1 to 2147483647, but 0 came.',
    ],
    [
      'timeoutMs: for ever',
      { refresh, timeoutMs: Number.POSITIVE_INFINITY },
      'Option timeoutMs: expected a number from 1 to 2147483647, but Infinity came.',
    ],
    [
      'timeoutMs: too long',
      { refresh, timeoutMs: 2 ** 31 },
      'Option timeoutMs: expected a number from 1 to 2147483647, but 2147483648 came.',
    ],
    ['retry: 3', { refresh, retry: 3 }, 'Option retry: expected a value of type object, but 3 came.'],
    [
      'retry.attempts: 0',
      { refresh, retry: { attempts: 0 } },
      'Option retry.attempts: expected a whole number from 1 to 2147483647, but 0 came.',
    ],
    [
      'retry.minDelayMs: 0',
      { refresh, retry: { minDelayMs: 0 } },
      'Option retry.minDelayMs: expected a number from 1 to 2147483647, but 0 came.',
    ],
    [
      'retry.maxDelayMs below the shortest',
      { refresh, retry: { minDelayMs: 800, maxDelayMs: 700 } },
      'Option retry.maxDelayMs: expected a number from 800 to 2147483647, but 700 came.',
    ],
    [
      'proactive',
      { refresh, proactive: 'yes' },
      'Option proactive: expected a value of type boolean, but a value of type string came.',
    ],
    ['platform', { refresh, platform: 5 }, 'Option platform: expected a value of type object, but 5 came.'],
    [
      'a preset that was not called',
      { refresh, platform: inProcess },
      'Option platform: expected what a preset returns, but a value of type function came: call it, as in browser().',
    ],
    [
      'no storage',
      platform({ storage: undefined }),
      'Option platform.storage: expected a value of type object, but a value of type undefined came.',
    ],
    ['no lock', platform({ lock: null }), 'Option platform.lock: expected a value of type object, but null came.'],
    ['no channel', platform({ channel: 1 }), 'Option platform.channel: expected a value of type object, but 1 came.'],
    [
      'no wakeups',
      platform({ wakeups: undefined }),
      'Option platform.wakeups: expected a value of type object, but a value of type undefined came.',
    ],
    [
      'no clock',
      platform({ clock: undefined }),
      'Option platform.clock: expected a value of type object, but a value of type undefined came.',
    ],
    [
      'no random',
      platform({ random: 0.5 }),
      'Option platform.random: expected a value of type function, but 0.5 came.',
    ],
    [
      'a misspelt option',
      { refresh, timeoutMS: 5 },
      'Option timeoutMS: expected one of refresh, revoke, key, refreshTokenIn, accessTokenIn, leewayMs, timeoutMs, retry, endsSession, proactive, platform, but 5 came.',
    ],
  ];
  test.each(table)('%s', (_, options, message) => {
    const error = wrong(options);
    expect(error).toMatchObject({ name: 'OptionsError', code: 'ERR_OPTIONS', message });
    expect(error.message).not.toContain(secret);
  });

  const ports = {
    storage: ['getItem', 'setItem', 'removeItem'],
    lock: ['run'],
    channel: ['announce', 'subscribe'],
    wakeups: ['subscribe', 'isAwake', 'isOnline'],
    clock: ['now', 'after'],
  } as const;
  const methods = Object.entries(ports).flatMap(([port, names]) => names.map((name) => [port, name] as const));
  test.each(methods)('a platform whose %s has no %s', (port, name) => {
    const broken = { ...inProcess()[port as keyof typeof ports], [name]: undefined };
    expect(wrong(platform({ [port]: broken })).message).toBe(
      `Option platform.${port}.${name}: expected a value of type function, but a value of type undefined came.`,
    );
  });

  const more: [string, unknown, string][] = [
    [
      'marks',
      platform({ marks: { get: () => null } }),
      'Option platform.marks.set: expected a value of type function, but a value of type undefined came.',
    ],
    [
      'background',
      platform({ background: 'no' }),
      'Option platform.background: expected a value of type boolean, but a value of type string came.',
    ],
    [
      'an unknown member of retry',
      { refresh, retry: { times: 3 } },
      'Option retry.times: expected one of attempts, minDelayMs, maxDelayMs, but 3 came.',
    ],
    [
      'an access token in a cookie beside a refresh token that is in none',
      { refresh, accessTokenIn: 'cookie' },
      "Option accessTokenIn: expected response, or cookie with refreshTokenIn: 'cookie', but a value of type string came.",
    ],
    [
      'an access token elsewhere',
      { refresh, refreshTokenIn: 'cookie', accessTokenIn: secret },
      "Option accessTokenIn: expected response, or cookie with refreshTokenIn: 'cookie', but a value of type string came.",
    ],
    [
      'leewayMs: too long',
      { refresh, leewayMs: 2 ** 31 },
      'Option leewayMs: expected a number from 0 to 2147483647, but 2147483648 came.',
    ],
  ];
  test.each(more)('%s', (_, options, message) => {
    expect(wrong(options)).toMatchObject({ name: 'OptionsError', code: 'ERR_OPTIONS', message });
  });

  test('a listener for an event that there is not is refused, with the names of those that there are', () => {
    const tokens = createTokenManager({ refresh });
    for (const type of ['sessionExpired', secret, 'toString', '*', undefined]) {
      expect(() => tokens.on(type as never, () => undefined)).toThrow(
        expect.objectContaining({
          code: 'ERR_OPTIONS',
          message: `Option type: expected one of sessionStarted, refreshStarted, refreshed, refreshFailed, requestRejected, requestPassedOver, storageFailed, revokeFailed, sessionEnded, but a value of type ${typeof type} came.`,
        }),
      );
    }
    tokens.dispose();
  });

  test('a wrong startSession() and a wrong minValidityMs are refused the same way', async () => {
    const tokens = createTokenManager({ refresh });
    for (const [given, came] of [
      [{}, 'no access_token'],
      [undefined, 'no access_token'],
      [{ access_token: `${secret}\n` }, 'an access_token that is empty, too long or not visible ASCII'],
      [{ access_token: secret, token_type: 'mac' }, 'a token that is bound to a key (mac)'],
    ] as const) {
      const error = await tokens.startSession(given as never).catch((reason: Error) => reason);
      expect(error).toMatchObject({ name: 'OptionsError', code: 'ERR_OPTIONS' });
      expect(error?.message).toBe(
        `Expected startSession() to be given a token response (RFC 6749 section 5.1), but ${came} came; check the answer to the sign-in.`,
      );
    }
    for (const minValidityMs of [-1, Number.NaN]) {
      const error = await tokens.getAccessToken({ minValidityMs }).catch((reason: Error) => reason);
      expect(error).toMatchObject({ code: 'ERR_OPTIONS', message: expect.stringContaining('minValidityMs') });
    }
    tokens.dispose();
  });
});

describe('right options', () => {
  const settings = (options: Partial<TokenManagerOptions> = {}) => readOptions({ refresh, ...options }, inProcess);

  test('have defaults', () => {
    const { endsSession, platform, ...rest } = settings();
    expect(rest).toEqual({
      refresh,
      revoke: undefined,
      key: undefined,
      owner: undefined,
      accessTokenIn: 'response',
      isGrant: false,
      isHidden: false,
      needsRefreshToken: true,
      name: 'evertoken:session',
      refreshTokenIn: 'response',
      isCookie: false,
      leewayMs: undefined,
      timeoutMs: 10_000,
      retry: { attempts: 3, minDelayMs: 500, maxDelayMs: 60_000 },
      proactive: true,
    });
    expect(Object.keys(platform).sort()).toEqual(Object.keys(inProcess()).sort());
    expect(
      (['dead', 'transient', 'interaction', 'config', 'unknown'] as const).map((kind) => endsSession({ kind })),
    ).toEqual([true, false, false, false, false]);
  });

  test('take every value at the edge of its range, and undefined for the default', () => {
    const edge = { leewayMs: 0, timeoutMs: 1, retry: { attempts: 1, minDelayMs: 1, maxDelayMs: 1 } };
    expect(settings(edge)).toMatchObject(edge);
    const longest = { leewayMs: 2 ** 31 - 1, timeoutMs: 2 ** 31 - 1 };
    expect(settings(longest)).toMatchObject(longest);
    expect(settings({ key: undefined, timeoutMs: undefined, retry: undefined })).toMatchObject({
      name: 'evertoken:session',
      timeoutMs: 10_000,
    });
  });

  test('may leave out parts of retry', () => {
    expect(settings({ retry: { attempts: 5 } }).retry).toEqual({ attempts: 5, minDelayMs: 500, maxDelayMs: 60_000 });
  });

  test('say about proactive what the caller says, else what the platform says', () => {
    const quiet = { ...inProcess(), proactive: false };
    expect(settings({ platform: quiet }).proactive).toBe(false);
    expect(settings({ platform: quiet, proactive: true }).proactive).toBe(true);
    expect(settings({ proactive: false }).proactive).toBe(false);
  });

  test('say about proactive what the platform says of work in the background, where it says nothing else', () => {
    const ending = { ...inProcess(), background: false };
    expect(settings({ platform: ending }).proactive).toBe(false);
    expect(settings({ platform: { ...ending, proactive: true } }).proactive).toBe(true);
    expect(settings({ platform: ending, proactive: true }).proactive).toBe(true);
  });

  test.each([
    ['response', { isCookie: false, isGrant: false, needsRefreshToken: true }],
    ['cookie', { isCookie: true, isGrant: false, needsRefreshToken: false }],
    ['none', { isCookie: false, isGrant: true, needsRefreshToken: false }],
  ] as const)('say where the refresh token is: %s', (refreshTokenIn, expected) => {
    expect(settings({ refreshTokenIn })).toMatchObject({ ...expected, isHidden: false });
  });

  test('may say that script sees no token at all', () => {
    expect(settings({ refreshTokenIn: 'cookie', accessTokenIn: 'cookie' })).toMatchObject({
      isCookie: true,
      isHidden: true,
    });
  });

  test('are named after the endpoint and the client of the refresh function, unless they have a key', () => {
    const url = 'https://auth.example/token';
    const named = tokenEndpoint({ url, clientId: 'app' });
    const { name, owner } = settings({ refresh: named });
    expect([name, owner]).toEqual([`evertoken:${owner}`, expect.stringContaining('app')]);
    expect(settings({ refresh: named, key: 'mine' })).toMatchObject({ name: 'evertoken:mine', owner });
  });

  test('keep the functions that were given', () => {
    const given = { revoke: async () => undefined, endsSession: () => true };
    expect(settings(given)).toMatchObject(given);
  });

  test('name storage, lock and channel with a prefix', () => {
    expect(settings({ key: 'mine' }).name).toBe('evertoken:mine');
    expect(settings({ refreshTokenIn: 'cookie' }).isCookie).toBe(true);
  });
});
