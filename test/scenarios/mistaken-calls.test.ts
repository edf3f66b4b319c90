import { expect, test } from 'vitest';
import { createTokenManager, inProcess, type TokenManager } from '../../src/index.js';
import { sentence } from '../support/sentence.js';

const { signal } = new AbortController();
const given = { access_token: 'secret', refresh_token: 'r', expires_in: 600 };

async function signedIn(): Promise<TokenManager> {
  const tokens = createTokenManager({ refresh: async () => given, platform: inProcess(), proactive: false });
  await tokens.startSession(given);
  return tokens;
}

/** The methods, as a program without types calls them. */
type Untyped = Record<string, (...args: unknown[]) => Promise<unknown>>;

test.each([
  ['getAccessToken', [60_000], 'Option options: expected { signal, minValidityMs }, but 60000 came.'],
  ['getAccessToken', [null], 'Option options: expected { signal, minValidityMs }, but null came.'],
  ['getAccessToken', [signal], 'Option options: expected { signal, minValidityMs }, but a value of type object came.'],
  ['getAccessToken', [{ minValidityMs: '60000' }], 'expected a number of at least 0, but a value of type string came.'],
  ['getAccessToken', [{ minValidityMs: -1 }], 'Option minValidityMs: expected a number of at least 0, but -1 came.'],
  ['getAccessToken', [{ minValidityMs: Number.NaN }], 'expected a number of at least 0, but NaN came.'],
  ['getAccessToken', [{ minValidity: 60 }], 'Option minValidity: expected one of signal, minValidityMs, but 60 came.'],
  ['getAccessToken', [{ signal: true }], 'Option signal.addEventListener: expected a value of type function'],
  ['getAccessToken', [{ signal: new AbortController() }], 'Option signal.addEventListener: expected a value of type'],
  [
    'replaceAccessToken',
    [],
    'Option rejected: expected the access token that was refused, but a value of type undefined',
  ],
  ['replaceAccessToken', [{ signal }], 'expected the access token that was refused, but a value of type object came.'],
  [
    'replaceAccessToken',
    ['secret', signal],
    'Option options: expected { signal, challenge }, but a value of type object',
  ],
  ['replaceAccessToken', ['secret', { reason: 1 }], 'Option reason: expected one of signal, challenge, but 1 came.'],
  ['refresh', [signal], 'Option options: expected { signal }, but a value of type object came.'],
  ['refresh', ['now'], 'Option options: expected { signal }, but a value of type string came.'],
  ['refresh', [{ force: true }], 'Option force: expected one of signal, but a value of type boolean came.'],
  [
    'startSession',
    [{ access_token: 'secret', expires_at: 1_900_000_000 }],
    'but expires_at, a moment, came: write startSession({ access_token, refresh_token, expires_in }), which is a number of seconds.',
  ],
] as const)('%s(%j) says what came and what to write instead', async (method, args, message) => {
  const tokens = await signedIn();
  const { sessionId } = tokens.getSnapshot();
  const error = await (tokens as unknown as Untyped)[method]?.(...args).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ name: 'OptionsError', code: 'ERR_OPTIONS', message: sentence(message, /.*/) });
  expect((error as Error).message).not.toContain('secret');
  expect(tokens.getSnapshot()).toMatchObject({ status: 'active', sessionId });
  tokens.dispose();
});

test('what is no mistake is none: no options, members without a value, a signal of null, a moment beside a lifetime', async () => {
  const tokens = await signedIn();
  await tokens.getAccessToken(undefined);
  await tokens.getAccessToken({ signal: undefined, minValidityMs: undefined });
  await tokens.getAccessToken({ signal: null as never, minValidityMs: Number.POSITIVE_INFINITY });
  await tokens.refresh({ signal });
  await tokens.startSession({ ...given, expires_at: 1_900_000_000 } as never);
  expect(tokens.getSnapshot().status).toBe('active');
  tokens.dispose();
});
