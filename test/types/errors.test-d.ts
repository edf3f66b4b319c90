import { describe, expectTypeOf, test } from 'vitest';
import {
  type AnyTokenError,
  findTokenError,
  isRetryable,
  isTokenError,
  type LockError,
  OptionsError,
  RefreshError,
  type SessionError,
  type StorageError,
  type TokenError,
} from '../../src/index.js';

const caught: unknown = undefined;

describe('a caught error narrows by its code to the class that says what to do', () => {
  test('before the test it is unknown, after it any error of ours', () => {
    if (isTokenError(caught)) expectTypeOf(caught).toEqualTypeOf<AnyTokenError>();
    else expectTypeOf(caught).toBeUnknown();
  });

  test('a switch over the code narrows, and is exhaustive', () => {
    if (!isTokenError(caught)) return;
    switch (caught.code) {
      case 'ERR_NO_SESSION':
      case 'ERR_SESSION_REJECTED':
      case 'ERR_SESSION_LOST':
      case 'ERR_SESSION_EXPIRED':
        expectTypeOf(caught).toEqualTypeOf<SessionError>();
        expectTypeOf(caught.status).toEqualTypeOf<number | undefined>();
        expectTypeOf(caught.oauthError).toEqualTypeOf<string | undefined>();
        return;
      case 'ERR_REFRESH_NETWORK':
      case 'ERR_REFRESH_TIMEOUT':
      case 'ERR_REFRESH_UNAVAILABLE':
      case 'ERR_REFRESH_RESPONSE':
      case 'ERR_REFRESH_CONFIG':
      case 'ERR_REFRESH_INTERACTION':
        expectTypeOf(caught).toEqualTypeOf<RefreshError>();
        expectTypeOf(caught.attempts).toBeNumber();
        expectTypeOf(caught.status).toEqualTypeOf<number | undefined>();
        return;
      case 'ERR_LOCK_TIMEOUT':
      case 'ERR_LOCK_LOST':
        expectTypeOf(caught).toEqualTypeOf<LockError>();
        return;
      case 'ERR_STORAGE_READ':
      case 'ERR_STORAGE_WRITE':
      case 'ERR_STORAGE_CORRUPT':
        expectTypeOf(caught).toEqualTypeOf<StorageError>();
        return;
      case 'ERR_OPTIONS':
      case 'ERR_DISPOSED':
        expectTypeOf(caught).toEqualTypeOf<OptionsError>();
        return;
      default:
        expectTypeOf(caught).toBeNever();
    }
  });

  test('what is found in the error of an HTTP client narrows the same way', () => {
    expectTypeOf(findTokenError(caught)).toEqualTypeOf<AnyTokenError | undefined>();
    expectTypeOf(isRetryable(caught)).toBeBoolean();
  });

  test('a code that does not exist does not compile', () => {
    if (!isTokenError(caught)) return;
    // @ts-expect-error no such code
    if (caught.code === 'ERR_TOKEN_INVALID') return;
  });
});

describe('errors are made of what their class knows', () => {
  test('every one is an Error with a code', () => {
    expectTypeOf<AnyTokenError>().toExtend<TokenError>();
    expectTypeOf<TokenError>().toExtend<Error>();
  });

  test('a code belongs to one class', () => {
    new OptionsError('ERR_OPTIONS', 'leewayMs: expected a number');
    // @ts-expect-error a lock's code
    new OptionsError('ERR_LOCK_LOST', 'leewayMs: expected a number');
  });

  test('a refresh error says how many requests it took', () => {
    new RefreshError('ERR_REFRESH_NETWORK', 'no answer', { attempts: 3 });
    // @ts-expect-error attempts is missing
    new RefreshError('ERR_REFRESH_NETWORK', 'no answer', {});
  });
});
