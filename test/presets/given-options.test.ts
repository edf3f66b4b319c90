import { describe, expect, test } from 'vitest';
import { fileLock, fileStorage } from '../../src/adapters/file.js';
import { indexedDb } from '../../src/adapters/indexed-db.js';
import { type RedisLike, redisLock, redisStorage } from '../../src/adapters/redis.js';
import { browser } from '../../src/presets/browser.js';
import { node } from '../../src/presets/node.js';
import { reactNative } from '../../src/presets/react-native.js';
import { webStorage } from '../../src/presets/web-storage.js';
import { createAppState, createPhone, secureStoreOf } from '../support/phone.js';

const client: RedisLike = { eval: async () => null, evalsha: () => undefined };
const appState = createAppState();
const secureStore = secureStoreOf(createPhone());

/** A call as users write it by mistake; what types forbid is written all the same. */
type Mistake = [call: string, make: () => unknown, came: RegExp, instead: string];

describe('a mistake is refused at once, and the error says what came and what to write', () => {
  test.each<Mistake>([
    ["node('f.json')", () => node('hunter2.json' as never), /a value of type string/, "node({ file: 'session.json' })"],
    ['node(null)', () => node(null as never), /null/, 'node({ file:'],
    ["node({ path: 'f' })", () => node({ path: 'f' } as never), /'path'/, 'node({ file:'],
    ["browser(webStorage('local'))", () => browser(webStorage('local') as never), /a storage/, 'browser({ storage: '],
    ["browser('local')", () => browser('local' as never), /type string/, 'browser({ storage: '],
    [
      'browser({ storage: webStorage })',
      () => browser({ storage: webStorage } as never),
      /function that was not called/,
      'browser({ storage: ',
    ],
    [
      "browser({ storage: 'local' })",
      () => browser({ storage: 'local' } as never),
      /without getItem/,
      'browser({ storage: ',
    ],
    ['browser({ database })', () => browser({ database: 'x' } as never), /'database'/, 'browser({ storage: '],
    ["indexedDb('name')", () => indexedDb('name' as never), /type string/, "indexedDb({ database: 'name' })"],
    ['indexedDb({ name })', () => indexedDb({ name: 'x' } as never), /'name'/, 'indexedDb({ database: '],
    ['indexedDb({ database: 1 })', () => indexedDb({ database: 1 } as never), /type number/, 'indexedDb({ database: '],
    ['reactNative()', () => (reactNative as () => unknown)(), /got undefined/, 'reactNative({ secureStore: '],
    [
      'reactNative(SecureStore)',
      () => reactNative(secureStore as never),
      /got undefined/,
      'reactNative({ secureStore: ',
    ],
    [
      'reactNative without a storage',
      () => reactNative({ appState } as never),
      /without getItem/,
      'reactNative({ secureStore: ',
    ],
    [
      'reactNative({ netinfo })',
      () => reactNative({ appState, secureStore, netinfo: 1 } as never),
      /'netinfo'/,
      'reactNative({ secureStore: ',
    ],
    [
      'a default import',
      () => reactNative({ appState, secureStore: undefined } as never),
      /expo-secure-store, got undefined/,
      'import * as SecureStore',
    ],
    [
      'fileStorage(path, 0o640)',
      () => fileStorage('f', 0o640 as never),
      /type number/,
      "fileStorage(path, { mode: 'mount' })",
    ],
    [
      'fileLock(path, { leaseMs })',
      () => fileLock('f', { leaseMs: 1 } as never),
      /'leaseMs'/,
      'fileLock(path, { mode:',
    ],
    [
      'redisStorage(client, 60)',
      () => redisStorage(client, 60 as never),
      /type number/,
      'redisStorage(client, { ttlMs: ',
    ],
    [
      'redisStorage({ ttl })',
      () => redisStorage(client, { ttl: 60 } as never),
      /'ttl'/,
      'redisStorage(client, { ttlMs: ',
    ],
    ['redisLock(client, 5000)', () => redisLock(client, 5000 as never), /type number/, 'redisLock(client, { leaseMs: '],
    ['redisLock({ leaseMs: NaN })', () => redisLock(client, { leaseMs: Number.NaN }), /NaN/, 'leaseMs'],
  ])('%s', (_, make, came, instead) => {
    expect(make).toThrow(expect.objectContaining({ name: 'OptionsError', code: 'ERR_OPTIONS' }));
    expect(make).toThrow(came);
    expect(make).toThrow(instead);
    expect(make).not.toThrow(/hunter2/);
  });

  test('a name that may be a secret in the wrong place is not shown', () => {
    const secret = 'rt-canary-91c3-0123456789-abcdefghij';
    expect(() => node({ [secret]: true } as never)).toThrow(/another name/);
    expect(() => node({ [secret]: true } as never)).not.toThrow(/canary/);
  });
});
