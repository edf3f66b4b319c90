import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { expoSecureStore } from '../../src/adapters/expo-secure-store.js';
import { fileChannel, fileLock, fileStorage } from '../../src/adapters/file.js';
import { inProcessChannel } from '../../src/adapters/in-process-channel.js';
import { inProcessLock } from '../../src/adapters/in-process-lock.js';
import { keychain } from '../../src/adapters/keychain.js';
import { memoryStorage } from '../../src/adapters/memory-storage.js';
import { redisChannel, redisLock, redisStorage } from '../../src/adapters/redis.js';
import type { TokenStorage } from '../../src/ports/storage.js';
import { type ContractCheck, channelContract, lockContract, storageContract } from '../../src/testing.js';
import { createAsyncStorage } from '../support/async-storage.js';
import { createPhone, keychainOf, secureStoreOf } from '../support/phone.js';
import { type Connection, libraries } from '../support/redis-clients.js';
import { hasRedis, type RedisServer, startRedis } from '../support/redis-server.js';

function keep(checks: ContractCheck[]): void {
  for (const { name, run } of checks) test(name, run);
}

describe('memoryStorage', () => {
  keep(storageContract(() => ({ storage: memoryStorage() })));
});

describe('inProcessLock', () => {
  keep(lockContract(() => ({ lock: inProcessLock() })));
});

describe('inProcessChannel', () => {
  keep(
    channelContract(() => {
      const channel = inProcessChannel();
      return { channel, second: channel };
    }),
  );
});

/** Disks and servers take their time on a busy machine; the bound is a guard against hangs. */
const boundMs = 30_000;

/** A path in a new folder that goes after the check. */
function newPath() {
  const folder = mkdtempSync(join(tmpdir(), 'evertoken-contract-'));
  return { path: join(folder, 'credentials.json'), cleanup: () => rmSync(folder, { recursive: true, force: true }) };
}

describe('fileStorage', () => {
  const make = () => {
    const { path, cleanup } = newPath();
    return { storage: fileStorage(path), second: fileStorage(path), cleanup };
  };
  keep(storageContract(make, { shared: true, fences: true, boundMs }));
});

describe('fileLock', () => {
  const make = () => {
    const { path, cleanup } = newPath();
    return { lock: fileLock(path), second: fileLock(path), cleanup };
  };
  keep(lockContract(make, { shared: true, fences: true, takesOver: true, boundMs }));
});

describe('fileChannel', () => {
  const make = async () => {
    const { path, cleanup } = newPath();
    await fileStorage(path).setItem('any', 'value');
    return { channel: fileChannel(path), second: fileChannel(path), cleanup };
  };
  keep(channelContract(make, { boundMs }));
});

describe.skipIf(!hasRedis).each(libraries)('with %s', (_, connect) => {
  let server: RedisServer;
  let first: Connection;
  let second: Connection;
  beforeAll(async () => {
    server = await startRedis();
    [first, second] = await Promise.all([connect(server), connect(server)]);
  });
  afterAll(async () => {
    await Promise.all([first?.close(), second?.close()]);
    await server?.stop();
  });

  describe('redisStorage', () => {
    const make = () => ({ storage: redisStorage(first.client), second: redisStorage(second.client) });
    keep(storageContract(make, { shared: true, fences: true, boundMs }));
  });

  describe('redisStorage with a key of encryption', () => {
    const options = { encryptionKey: new Uint8Array(32).fill(7) };
    const make = () => ({
      storage: redisStorage(first.client, options),
      second: redisStorage(second.client, options),
    });
    keep(storageContract(make, { shared: true, fences: true, boundMs }));
  });

  describe('redisLock', () => {
    const make = () => ({ lock: redisLock(first.client), second: redisLock(second.client) });
    keep(lockContract(make, { shared: true, fences: true, takesOver: true, boundMs }));
  });

  describe('redisChannel', () => {
    keep(
      channelContract(
        () => ({
          channel: redisChannel(first.client, second.client),
          second: redisChannel(second.client, first.client),
        }),
        { boundMs },
      ),
    );
  });
});

describe('expoSecureStore', () => {
  keep(storageContract(() => ({ storage: expoSecureStore(secureStoreOf(createPhone())) })));
});

describe('keychain', () => {
  keep(storageContract(() => ({ storage: keychain(keychainOf(createPhone())) })));
});

describe('AsyncStorage, as it is', () => {
  keep(storageContract(() => ({ storage: createAsyncStorage() as TokenStorage })));
});
