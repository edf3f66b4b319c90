// Every subpath, as TypeScript sees it; but evertoken/react, which needs the types of React.
import {
  createFetch,
  createTokenManager,
  isTokenError,
  type Platform,
  type TokenManager,
  tokenEndpoint,
} from 'evertoken';
import { type AxiosLike, tokenAdapter } from 'evertoken/axios';
import { browser } from 'evertoken/browser';
import { explain } from 'evertoken/debug';
import { fileChannel, fileLock, fileStorage } from 'evertoken/file';
import { indexedDb } from 'evertoken/indexed-db';
import { node } from 'evertoken/node';
import { expoSecureStore, keychain, reactNative } from 'evertoken/react-native';
import { type RedisLike, redisChannel, redisLock, redisStorage } from 'evertoken/redis';
import { createAuthServer, storageContract } from 'evertoken/testing';
import { webStorage } from 'evertoken/web-storage';

declare const client: RedisLike;
const platform: Platform = { ...node(), storage: redisStorage(client), lock: redisLock(client, { leaseMs: 5_000 }) };
export const onFile: Platform = {
  ...node(),
  storage: fileStorage('x'),
  lock: fileLock('x'),
  channel: fileChannel('x'),
};
export const inPage: Platform = browser({ storage: webStorage('local') });
export const encrypted: Platform = { ...browser(), storage: indexedDb({ database: 'app' }) };
export const names: readonly unknown[] = [expoSecureStore, keychain, redisChannel];
export const tokens: TokenManager = createTokenManager({
  refresh: tokenEndpoint({ url: 'https://auth.example/token', clientId: 'app' }),
  platform,
});
export const api: typeof fetch = createFetch(tokens, { origins: ['https://api.example'] });
declare const axios: AxiosLike;
export const adapter = tokenAdapter(tokens, { axios, origins: ['https://api.example'] });
export const quiet: () => void = explain(tokens);
export const contract = storageContract(() => ({ storage: platform.storage }));
export const phone = reactNative({
  appState: { currentState: 'active', addEventListener: () => ({ remove() {} }) },
  storage: platform.storage,
});
export function why(error: unknown): string {
  if (!isTokenError(error)) return 'unknown';
  return error.code === 'ERR_NO_SESSION' ? 'sign in' : error.message;
}
export const server = createAuthServer({ accessTokenLifetimeMs: 60_000 });
// @ts-expect-error a token manager needs a refresh function
createTokenManager({});
