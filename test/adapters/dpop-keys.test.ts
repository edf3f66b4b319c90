import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { fileStorage } from '../../src/adapters/file.js';
import { browserKeys } from '../../src/adapters/indexed-db/browser-keys.js';
import { jwkKeys } from '../../src/adapters/jwk-keys.js';
import { memoryKeys } from '../../src/adapters/memory-keys.js';
import { memoryStorage } from '../../src/adapters/memory-storage.js';
import { type ContractCheck, dpopKeysContract, runContract } from '../../src/testing.js';

function keep(checks: ContractCheck[]): void {
  for (const { name, run } of checks) test(name, run);
}

function newPath() {
  const folder = mkdtempSync(join(tmpdir(), 'evertoken-keys-'));
  return { path: join(folder, 'keys.json'), cleanup: () => rmSync(folder, { recursive: true, force: true }) };
}

describe('memoryKeys', () => {
  keep(dpopKeysContract(() => ({ keys: memoryKeys() })));
});

describe('jwkKeys in memory', () => {
  keep(
    dpopKeysContract(
      () => {
        const storage = memoryStorage();
        return { keys: jwkKeys({ storage }), second: jwkKeys({ storage }) };
      },
      { shared: true },
    ),
  );
});

describe('jwkKeys in a file that processes share', () => {
  const make = () => {
    const { path, cleanup } = newPath();
    return {
      keys: jwkKeys({ storage: fileStorage(path) }),
      second: jwkKeys({ storage: fileStorage(path) }),
      cleanup,
    };
  };
  keep(dpopKeysContract(make, { shared: true }));

  test('the file is private, and goes with the last key', async () => {
    const { path, cleanup } = newPath();
    onTestFinished(cleanup);
    const keys = jwkKeys({ storage: fileStorage(path) });
    const { binding } = await keys.create();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8')).toContain(binding);
    await keys.remove(binding);
    expect(existsSync(path)).toBe(false);
  });

  test('a damaged key is gone, and shows nothing of what it was', async () => {
    const storage = memoryStorage();
    const keys = jwkKeys({ storage });
    const { binding } = await keys.create();
    for (const text of ['{"kty":"EC","d":"sec', '{"kty":"RSA"}', '[]', 'null']) {
      await storage.setItem(`evertoken:dpop-key:${binding}`, text);
      expect(await keys.find(binding)).toBeUndefined();
    }
  });

  test('a storage that fails is no key that is gone', async () => {
    const storage = { ...memoryStorage(), getItem: () => Promise.reject(new Error('locked')) };
    await expect(jwkKeys({ storage }).find('A'.repeat(43))).rejects.toThrow('locked');
  });
});

describe('browserKeys without IndexedDB', () => {
  keep(dpopKeysContract(() => ({ keys: browserKeys() })));
});

test('the private half cannot be exported from memory', async () => {
  const exported: unknown[] = [];
  const { subtle } = crypto;
  const generate = subtle.generateKey.bind(subtle) as (...args: unknown[]) => Promise<CryptoKeyPair>;
  Object.defineProperty(subtle, 'generateKey', {
    configurable: true,
    value: async (...args: unknown[]) => {
      const pair = await generate(...args);
      exported.push(pair.privateKey);
      return pair;
    },
  });
  onTestFinished(() => void Reflect.deleteProperty(subtle, 'generateKey'));
  await memoryKeys().create();
  const [privateKey] = exported as CryptoKey[];
  expect(privateKey?.extractable).toBe(false);
  await expect(subtle.exportKey('jwk', privateKey as CryptoKey)).rejects.toThrow();
});

test('mistakes in the options are refused with what to write instead', () => {
  expect(() => jwkKeys({} as never)).toThrow(/Write jwkKeys\(\{ storage \}\)/);
  expect(() => browserKeys({ database: '' })).toThrow(/Write browserKeys/);
  expect(() => browserKeys('x' as never)).toThrow(/Write browserKeys/);
});

test('without crypto.subtle the error says what to do', async () => {
  Object.defineProperty(globalThis, 'crypto', { value: undefined, configurable: true, writable: true });
  onTestFinished(
    () => void Object.defineProperty(globalThis, 'crypto', { value: webcrypto, configurable: true, writable: true }),
  );
  await expect(memoryKeys().create()).rejects.toMatchObject({
    code: 'ERR_OPTIONS',
    message: expect.stringMatching(/https/),
  });
});
const webcrypto = globalThis.crypto;

test('a contract that is not kept is told by its sentence', async () => {
  const broken = memoryKeys();
  const keys = { ...broken, find: async () => undefined, list: async () => [] };
  await expect(runContract(dpopKeysContract(() => ({ keys })))).rejects.toThrow(/finds a key that it has made/);
  const forgetful = { ...broken, remove: async () => undefined };
  await expect(runContract(dpopKeysContract(() => ({ keys: forgetful })))).rejects.toThrow(/removes one key/);
});
