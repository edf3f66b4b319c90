import { OptionsError, StorageError, type StorageErrorCode } from '../errors.js';
import type { TokenStorage } from '../ports/storage.js';
import { checkOptions } from './parts/check-options.js';
import { type Cipher, createCipher, type RedisEncryptionKey } from './redis/cipher.js';
import { type Complaint, type RedisLike, scriptRunner } from './redis/client.js';
import { GET, REMOVE, SET } from './redis/scripts.js';

export type { CryptoKeyLike } from '../sealing/sealing-key.js';
export {
  type IoRedisSubscriberLike,
  type NodeRedisSubscriberLike,
  type RedisPublisherLike,
  type RedisSubscriberLike,
  redisChannel,
} from './redis/channel.js';
export type { RedisEncryptionKey } from './redis/cipher.js';
export type { IoRedisLike, NodeRedisLike, RedisLike } from './redis/client.js';
export { type RedisDueIndexOptions, redisDueIndex } from './redis/due-index.js';
export { type RedisLockOptions, redisLock } from './redis/lock.js';

/** See {@link redisStorage}. */
export interface RedisStorageOptions {
  /**
   * Milliseconds that a session outlives its last write; at least 1. Default: for ever.
   *
   * Every refresh writes, so choose what the server grants a refresh token that is not used.
   */
  ttlMs?: number;
  /**
   * Encrypts every value with AES-256-GCM: 32 random bytes, or a `CryptoKey`. Default: values are stored as they are.
   *
   * Of several keys the first encrypts and any decrypts, so that keys can be changed. A value that no key opens, or that
   * is not encrypted, is `ERR_STORAGE_CORRUPT`.
   */
  encryptionKey?: RedisEncryptionKey | readonly RedisEncryptionKey[];
}

const FENCE_MEMORY_MS = 7 * 86_400_000;

/**
 * Keeps sessions in Redis (5 and later), where a fleet of processes shares them.
 *
 * Takes an ioredis (5 and later) or node-redis (4 and later) client, alone or of a cluster; connect and close it
 * yourself. A session is one hash under its key. A write or removal under a lock that was taken over in the meantime is
 * refused in the same step that would have written it.
 *
 * Rejects with a `StorageError`; waits as long as the client does for a Redis that is down.
 */
export function redisStorage(client: RedisLike, options: RedisStorageOptions = {}): TokenStorage {
  const script = scriptRunner(client);
  const instead = 'redisStorage(client, { ttlMs: 2_592_000_000 })';
  const { ttlMs, encryptionKey } = checkOptions<RedisStorageOptions>(
    'redisStorage',
    options,
    ['ttlMs', 'encryptionKey'],
    instead,
  );
  if (ttlMs !== undefined && !(Number.isSafeInteger(ttlMs) && ttlMs > 0)) {
    throw new OptionsError('ERR_OPTIONS', `Expected ttlMs to be a whole number of milliseconds above 0, got ${ttlMs}.`);
  }
  const cipher = encryptionKey === undefined ? plain : createCipher([encryptionKey].flat() as RedisEncryptionKey[]);

  return {
    async getItem(key) {
      const stored = await script(GET, key).catch(fail('ERR_STORAGE_READ', key));
      return stored === null || stored === undefined ? null : cipher.open(key, String(stored));
    },
    async setItem(key, value, given) {
      const sealed = await cipher.seal(key, value);
      const written = script(SET, key, given?.fence ?? '', ttlMs ?? 0, sealed);
      refuseLate(key, await written.catch(fail('ERR_STORAGE_WRITE', key)));
    },
    async removeItem(key, given) {
      const removed = script(REMOVE, key, given?.fence ?? '', FENCE_MEMORY_MS);
      refuseLate(key, await removed.catch(fail('ERR_STORAGE_WRITE', key)));
    },
  };
}

const plain: Cipher = {
  seal: async (_, value) => value,
  open: async (_, sealed) => sealed,
};

function fail(code: StorageErrorCode, key: string): (complaint: Complaint) => never {
  return ({ text, ...cause }) => {
    const action = code === 'ERR_STORAGE_READ' ? 'read' : 'write';
    if (cause.code === 'WRONGTYPE') {
      throw new StorageError('ERR_STORAGE_CORRUPT', `Expected a hash in Redis under ${key}, found something else.`, {
        cause,
      });
    }
    throw new StorageError(code, `Could not ${action} ${key} in Redis: ${text}`, { cause });
  };
}

function refuseLate(key: string, answer: unknown): void {
  if (Number(answer) === 1) return;
  throw new StorageError(
    'ERR_STORAGE_WRITE',
    `A write to ${key} came too late: its lock was taken over. What is stored is newer.`,
  );
}
