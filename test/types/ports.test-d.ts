import { expectTypeOf, test } from 'vitest';
import type { Lock, RefreshRequest, RefreshTokens, TokenResponse, TokenStorage } from '../../src/index.js';

test('localStorage is a storage as it is', () => {
  expectTypeOf<Storage>().toExtend<TokenStorage>();
});

test('a storage whose methods return promises fits, like AsyncStorage of React Native', () => {
  interface AsyncStorageLike {
    getItem(key: string): Promise<string | null>;
    setItem(key: string, value: string): Promise<void>;
    removeItem(key: string): Promise<void>;
  }
  expectTypeOf<AsyncStorageLike>().toExtend<TokenStorage>();
});

test('a refresh function returns the answer unread, or a token response', () => {
  expectTypeOf<() => Promise<Response>>().toExtend<RefreshTokens>();
  expectTypeOf<(request: RefreshRequest) => Promise<TokenResponse>>().toExtend<RefreshTokens>();
  expectTypeOf<() => Promise<string>>().not.toExtend<RefreshTokens>();
  expectTypeOf<() => Promise<{ token: string }>>().not.toExtend<RefreshTokens>();
});

test('what the refresh function is given cannot be changed by it', () => {
  const change = (request: RefreshRequest): void => {
    // @ts-expect-error read-only
    request.attempt = 2;
  };
  expectTypeOf(change).toBeFunction();
});

test('a lock hands back what its task returns', () => {
  const run = (lock: Lock, signal: AbortSignal) => lock.run('session', signal, async () => 42);
  expectTypeOf(run).returns.resolves.toBeNumber();
});
