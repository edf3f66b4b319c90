import { describe, expect, it } from 'vitest';
import { browserKeys } from '../../src/adapters/indexed-db/browser-keys.js';
import { dpopKeysContract } from '../../src/testing.js';

let databases = 0;
const newDatabase = () => `dpop-keys-${++databases}`;

describe('browserKeys', () => {
  const make = () => {
    const database = newDatabase();
    return { keys: browserKeys({ database }), second: browserKeys({ database }) };
  };
  for (const { name, run } of dpopKeysContract(make, { shared: true })) it(name, run);

  it('J26: no private key can be exported in a browser, and none is ever in a string there', async () => {
    const database = newDatabase();
    const { binding } = await browserKeys({ database }).create();
    const stored = await readAll(database);
    const keys = Object(stored['evertoken:dpop-keys']) as Record<string, { privateKey: CryptoKey; publicKey: object }>;
    const { privateKey = {} as CryptoKey, publicKey = {} } = keys[binding] ?? {};
    expect(privateKey).toBeInstanceOf(CryptoKey);
    expect(privateKey.extractable).toBe(false);
    for (const format of ['jwk', 'pkcs8'] as const) {
      await expect(crypto.subtle.exportKey(format as 'jwk', privateKey)).rejects.toThrow();
    }
    expect(Object.keys(publicKey).sort()).toEqual(['crv', 'kty', 'x', 'y']);
  });
});

async function readAll(name: string): Promise<Record<string, unknown>> {
  const database = await settled(indexedDB.open(name));
  const store = database.transaction('items', 'readonly').objectStore('items');
  const [keys, values] = [store.getAllKeys(), store.getAll()];
  const names = await settled(keys);
  const found = await settled(values);
  const all = Object.fromEntries(names.map((key, index) => [String(key), found[index]]));
  database.close();
  return all;
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  if (request.readyState === 'done') return Promise.resolve(request.result);
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
