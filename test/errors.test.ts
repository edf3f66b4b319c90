import { inspect } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import {
  findTokenError,
  isRetryable,
  isTokenError,
  LockError,
  OptionsError,
  RefreshError,
  SessionError,
  StorageError,
  TokenError,
} from '../src/errors.js';
import { SignInError } from '../src/integrations/oauth.js';

const errors = [
  new SessionError('ERR_NO_SESSION', 'no session'),
  new RefreshError('ERR_REFRESH_NETWORK', 'no answer', { attempts: 3 }),
  new LockError('ERR_LOCK_TIMEOUT', 'no lock'),
  new StorageError('ERR_STORAGE_READ', 'no storage'),
  new OptionsError('ERR_OPTIONS', 'no option'),
];

describe.each(errors.map((error) => [error.constructor.name, error] as const))('%s', (name, error) => {
  test('is an Error that carries its class name, its code and its message', () => {
    expect(error).toBeInstanceOf(Error);
    expect(error).toBeInstanceOf(TokenError);
    expect(error.name).toBe(name);
    expect(error.code).toMatch(/^ERR_/);
    expect(String(error)).toBe(`${name}: ${error.message}`);
  });

  test('is recognised without instanceof', () => {
    expect(isTokenError(error)).toBe(true);
  });

  test('shows its code when it is logged, and nothing that it was not given', () => {
    expect(inspect(error)).toContain(`code: '${error.code}'`);
    expect(Object.keys(error).sort()).toEqual(name === 'RefreshError' ? ['attempts', 'code'] : ['code']);
    expect('cause' in error).toBe(false);
  });
});

test('an error of another copy of the package is recognised, although it is of another class', async () => {
  vi.resetModules();
  const copy = await import('../src/errors.js');
  const theirs = new copy.SessionError('ERR_NO_SESSION', 'no session');
  expect(theirs).not.toBeInstanceOf(SessionError);
  expect(isTokenError(theirs)).toBe(true);
});

test.each([
  undefined,
  null,
  'ERR_NO_SESSION',
  0,
  {},
  () => undefined,
  new Error('no session'),
  { name: 'SessionError', code: 'ERR_NO_SESSION', message: 'no session' },
  Object.assign(new Error('no session'), { code: 'ERR_NO_SESSION' }),
])('what only looks like an error of ours is not one: %o', (value) => {
  expect(isTokenError(value)).toBe(false);
});

test('the cause is kept', () => {
  const cause = new TypeError('fetch failed');
  expect(new LockError('ERR_LOCK_LOST', 'lost', { cause }).cause).toBe(cause);
});

test('facts are read from the error: when to try again, what the server said, how often it was asked', () => {
  const facts = { retryAt: 1_000, status: 503, oauthError: 'temporarily_unavailable', attempts: 2 };
  const error = new RefreshError('ERR_REFRESH_UNAVAILABLE', 'later', facts);
  expect(error).toMatchObject(facts);
});

test('the end of a session tells what the server said', () => {
  const facts = { status: 400, oauthError: 'invalid_grant' };
  expect(new SessionError('ERR_SESSION_REJECTED', 'refused', facts)).toMatchObject(facts);
  expect(Object.keys(new SessionError('ERR_SESSION_EXPIRED', 'over'))).toEqual(['code']);
});

describe('an error of ours is found in what an HTTP client throws', () => {
  const ours = new SessionError('ERR_NO_SESSION', 'no session');
  const wrap = (error: unknown, levels: number): unknown =>
    levels === 0 ? error : new Error('wrapped', { cause: wrap(error, levels - 1) });

  test.each<[string, unknown]>([
    ['itself', ours],
    ['the cause, as of got', new Error('RequestError', { cause: ours })],
    ['the cause, as of axios', Object.assign(new Error('x'), { isAxiosError: true, config: {}, cause: ours })],
    ['the cause of the cause', wrap(ours, 2)],
    ['98 causes further in', wrap(ours, 98)],
    ['what Promise.any throws', new AggregateError([new Error('x'), new Error('y', { cause: ours })])],
    ['a plain object', { cause: ours }],
    ['a function', Object.assign(() => undefined, { cause: ours })],
  ])('%s', (_, error) => {
    expect(findTokenError(error)).toBe(ours);
  });

  test('the nearest one counts', () => {
    const inner = new OptionsError('ERR_DISPOSED', 'over');
    const outer = new RefreshError('ERR_REFRESH_NETWORK', 'no answer', { attempts: 1, cause: inner });
    expect(findTokenError(new Error('x', { cause: outer }))).toBe(outer);
    expect(findTokenError(new AggregateError([wrap(inner, 3), outer]))).toBe(outer);
  });

  test('an error of another copy of the package is found as well', async () => {
    vi.resetModules();
    const copy = await import('../src/errors.js');
    const theirs = new copy.SessionError('ERR_NO_SESSION', 'no session');
    expect(findTokenError(new Error('x', { cause: theirs }))).toBe(theirs);
  });

  test.each([
    undefined,
    null,
    0,
    '',
    'ERR_NO_SESSION',
    {},
    [],
    new Error('x'),
    { errors: 'none' },
    { errors: { 0: ours } },
  ])('and nothing in %o', (error) => {
    expect(findTokenError(error)).toBeUndefined();
  });

  test('circles, getters that throw and very long chains end, with nothing found', () => {
    const circle = new Error('x');
    Object.assign(circle, { cause: { cause: circle } });
    expect(findTokenError(circle)).toBeUndefined();
    const hostile = {
      get cause(): unknown {
        throw new Error('was run');
      },
    };
    expect(findTokenError(hostile)).toBeUndefined();
    expect(findTokenError(new AggregateError([hostile, ours]))).toBe(ours);
    expect(findTokenError(wrap(ours, 100))).toBeUndefined();
    let made = 0;
    const endless = (): unknown => ({
      get cause() {
        made++;
        return endless();
      },
    });
    expect(findTokenError(endless())).toBeUndefined();
    expect(made).toBeLessThanOrEqual(100);
    expect(findTokenError(new AggregateError(Array.from({ length: 1000 }, () => new Error('x'))))).toBeUndefined();
  });
});

describe('waiting may help', () => {
  const refresh = (code: ConstructorParameters<typeof RefreshError>[0]) => new RefreshError(code, 'x', { attempts: 1 });
  test.each([
    refresh('ERR_REFRESH_NETWORK'),
    refresh('ERR_REFRESH_TIMEOUT'),
    refresh('ERR_REFRESH_UNAVAILABLE'),
    refresh('ERR_REFRESH_RESPONSE'),
    new LockError('ERR_LOCK_TIMEOUT', 'x'),
    new LockError('ERR_LOCK_LOST', 'x'),
    new StorageError('ERR_STORAGE_READ', 'x'),
    new StorageError('ERR_STORAGE_WRITE', 'x'),
    new Error('of an HTTP client', { cause: refresh('ERR_REFRESH_NETWORK') }),
    new SignInError('ERR_SIGN_IN_NETWORK', 'x'),
  ])('with %o', (error) => {
    expect(isRetryable(error)).toBe(true);
  });

  test.each([
    new SessionError('ERR_NO_SESSION', 'x'),
    new SessionError('ERR_SESSION_REJECTED', 'x'),
    new SessionError('ERR_SESSION_LOST', 'x'),
    new SessionError('ERR_SESSION_EXPIRED', 'x'),
    refresh('ERR_REFRESH_CONFIG'),
    refresh('ERR_REFRESH_INTERACTION'),
    new StorageError('ERR_STORAGE_CORRUPT', 'x'),
    new OptionsError('ERR_OPTIONS', 'x'),
    new OptionsError('ERR_DISPOSED', 'x'),
    new SignInError('ERR_SIGN_IN_CANCELLED', 'x'),
    new SignInError('ERR_SIGN_IN_CONFIG', 'x'),
    new TypeError('fetch failed'),
    { code: 'ERR_REFRESH_NETWORK' },
    undefined,
    new Error('of an HTTP client', { cause: new SessionError('ERR_NO_SESSION', 'x') }),
  ])('but not with %o', (error) => {
    expect(isRetryable(error)).toBe(false);
  });
});

test('a fact that is zero is told, one that is undefined is left out', () => {
  const error = new RefreshError('ERR_REFRESH_NETWORK', 'no answer', { attempts: 0, retryAt: undefined });
  expect(error.attempts).toBe(0);
  expect('retryAt' in error).toBe(false);
});
