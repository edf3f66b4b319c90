import { inspect } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import {
  isTokenError,
  LockError,
  OptionsError,
  RefreshError,
  SessionError,
  StorageError,
  TokenError,
} from '../src/errors.js';

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

test('a fact that is zero is told, one that is undefined is left out', () => {
  const error = new RefreshError('ERR_REFRESH_NETWORK', 'no answer', { attempts: 0, retryAt: undefined });
  expect(error.attempts).toBe(0);
  expect('retryAt' in error).toBe(false);
});
