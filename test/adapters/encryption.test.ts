import { inspect } from 'node:util';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  encrypted,
  envelopeKeys,
  type KeyRing,
  reseal,
  type StaticKey,
  staticKeys,
} from '../../src/adapters/encryption.js';
import { inProcessLock } from '../../src/adapters/in-process-lock.js';
import { memoryStorage } from '../../src/adapters/memory-storage.js';
import { createTokenManager, inProcess, isRetryable, tokenEndpoint } from '../../src/index.js';
import type { Lock } from '../../src/ports/lock.js';
import type { TokenStorage } from '../../src/ports/storage.js';
import { createAuthServer, type FakeClock, fakeClock, storageContract } from '../../src/testing.js';
import { createKms } from '../support/kms.js';
import { outcome } from '../support/promise-world.js';

const HOUR = 3_600_000;
const secret = 'rt-canary-4711';
const oldKey: StaticKey = { id: '2025', key: new Uint8Array(32).fill(1) };
const newKey: StaticKey = { id: '2026', key: new Uint8Array(32).fill(2) };

/** A storage in memory whose stored strings can be looked at. */
function createStore() {
  const items = new Map<string, string>();
  const storage: TokenStorage = {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
  return { items, storage };
}

const failure = (call: unknown) => Promise.resolve(call).catch((error: unknown) => error);
const keysOf = (count: number) => Array.from({ length: count }, (_, index) => `evertoken:user-${index}`);

afterEach(() => {
  vi.useRealTimers();
});

describe.each<[string, () => KeyRing]>([
  ['keys at hand', () => staticKeys(newKey, oldKey)],
  ['envelope keys', () => envelopeKeys(createKms())],
])('the contract of a storage holds with %s', (_, keys) => {
  for (const { name, run } of storageContract(() => ({ storage: encrypted(memoryStorage(), keys()) }))) test(name, run);
});

describe('EN1 No token, in whole or in part, in a dump of the store', () => {
  test.each<[string, KeyRing]>([
    ['keys at hand', staticKeys(newKey)],
    ['envelope keys', envelopeKeys(createKms())],
  ])('with %s', async (_, keys) => {
    const { items, storage } = createStore();
    const clock = fakeClock();
    const server = createAuthServer({ clock });
    const tokens = createTokenManager({
      refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
      platform: { ...inProcess(), clock, storage: tracked(clock, encrypted(storage, keys)) },
    });
    const seen: string[] = [];
    const signedIn = server.signIn();
    await tokens.startSession(signedIn);
    seen.push(signedIn.access_token, signedIn.refresh_token ?? '');
    await outcome(clock, tokens.refresh());
    seen.push(await tokens.getAccessToken());
    const dump = [...items].flat().join('\n');
    expect(items.size).toBeGreaterThan(0);
    for (const token of seen) {
      for (let at = 0; at + 8 <= token.length; at++) expect(dump).not.toContain(token.slice(at, at + 8));
      expect(dump).not.toContain(btoa(token).slice(0, 12));
    }
    expect(dump).not.toContain(tokens.getSnapshot().sessionId);
  });
});

describe("EN2 A value under another session's key does not open", () => {
  test.each<[string, () => KeyRing]>([
    ['keys at hand', () => staticKeys(newKey, oldKey)],
    ['envelope keys', () => envelopeKeys(createKms())],
  ])('with %s, nor one that was changed anywhere', async (_, keys) => {
    const { items, storage } = createStore();
    const store = encrypted(storage, keys());
    await store.setItem('evertoken:ada', secret);
    const good = items.get('evertoken:ada') ?? '';
    items.set('evertoken:bob', good);
    expect(await failure(store.getItem('evertoken:bob'))).toMatchObject({ code: 'ERR_STORAGE_CORRUPT' });
    for (let at = 0; at < good.length; at++) {
      const other = good[at] === 'A' ? 'B' : 'A';
      items.set('evertoken:ada', good.slice(0, at) + other + good.slice(at + 1));
      const found = await failure(store.getItem('evertoken:ada'));
      expect(found, `changed at ${at}`).toBeInstanceOf(Error);
      expect(inspect(found)).not.toContain(secret);
    }
    for (const value of ['', secret, 'evertoken.2.', 'evertoken.3.x', good.slice(0, -9)]) {
      items.set('evertoken:ada', value);
      expect(await failure(store.getItem('evertoken:ada')), value).toMatchObject({ code: 'ERR_STORAGE_CORRUPT' });
    }
  });
});

describe('EN3 New key seals, old ones open; after reseal none needs the old one; interrupted anywhere, nothing is lost', () => {
  async function createOld(count: number, keys: KeyRing = staticKeys(oldKey)) {
    const store = createStore();
    const before = encrypted(store.storage, keys);
    for (const key of keysOf(count)) await before.setItem(key, `${secret} of ${key}`);
    return store;
  }

  test('the first key seals, and each opens what it has sealed', async () => {
    const { items, storage } = await createOld(1);
    const store = encrypted(storage, staticKeys(newKey, oldKey));
    expect(await store.getItem('evertoken:user-0')).toBe(`${secret} of evertoken:user-0`);
    expect(await store.sealOf('evertoken:user-0')).toEqual({ id: '2025', isCurrent: false });
    await store.setItem('evertoken:user-0', secret);
    expect(items.get('evertoken:user-0')).toMatch(/^evertoken\.2\.2026\.\./);
    expect(await encrypted(storage, staticKeys(newKey)).getItem('evertoken:user-0')).toBe(secret);
    expect(await store.sealOf('evertoken:nobody')).toBeUndefined();
  });

  test('after reseal the old key may go', async () => {
    const { storage } = await createOld(20);
    const store = encrypted(storage, staticKeys(newKey, oldKey));
    await store.setItem('evertoken:user-3', 'new already');
    const steps: number[] = [];
    const lock = inProcessLock();
    const keys = [...keysOf(20), 'evertoken:nobody'];
    const onProgress = ({ resealed }: { resealed: number }) => void steps.push(resealed);
    expect(await reseal(store, keys, { lock, onProgress })).toEqual({ resealed: 19, left: {} });
    expect(steps).toHaveLength(21);
    expect(await reseal(store, keys, { lock })).toEqual({ resealed: 0, left: {} });
    const alone = encrypted(storage, staticKeys(newKey));
    expect(await alone.getItem('evertoken:user-3')).toBe('new already');
    expect(await alone.getItem('evertoken:user-19')).toBe(`${secret} of evertoken:user-19`);
  });

  test('interrupted before or after any call to the store, every value opens, and the next run ends the work', async () => {
    for (let stop = 0, isDone = false; !isDone; stop++) {
      const { storage } = await createOld(3);
      let calls = 0;
      const dies = () => {
        if (calls++ >= stop) throw new Error('the process ends');
      };
      const dying: TokenStorage = {
        ...storage,
        getItem(key) {
          dies();
          return storage.getItem(key);
        },
        setItem(key, value) {
          dies();
          storage.setItem(key, value);
          dies();
        },
      };
      const keys = staticKeys(newKey, oldKey);
      isDone = await reseal(encrypted(dying, keys), keysOf(3), { lock: inProcessLock() }).then(
        () => true,
        () => false,
      );
      const store = encrypted(storage, keys);
      for (const key of keysOf(3)) expect(await store.getItem(key), `stopped at ${stop}`).toBe(`${secret} of ${key}`);
      const { left } = await reseal(store, keysOf(3), { lock: inProcessLock() });
      expect(left).toEqual({});
    }
  });

  test('a signal stops it between two values', async () => {
    const { storage } = await createOld(5);
    const store = encrypted(storage, staticKeys(newKey, oldKey));
    const stop = new AbortController();
    const reason = new Error('enough');
    const onProgress = ({ resealed }: { resealed: number }) => resealed === 2 && stop.abort(reason);
    const run = reseal(store, keysOf(5), {
      lock: inProcessLock(),
      signal: stop.signal,
      onProgress: (p) => void onProgress(p),
    });
    expect(await failure(run)).toBe(reason);
    expect(await store.sealOf('evertoken:user-1')).toMatchObject({ isCurrent: true });
    expect(await store.sealOf('evertoken:user-2')).toMatchObject({ isCurrent: false });
  });

  test('a session that is written meanwhile keeps what was written, and the fence of the lock goes with a value', async () => {
    const { storage } = await createOld(1);
    const store = encrypted(storage, staticKeys(newKey, oldKey));
    const fences: unknown[] = [];
    const watched = {
      ...store,
      setItem: async (...given: Parameters<typeof store.setItem>) => void fences.push(given[2]),
    };
    const late: Lock = {
      async run(key, _, task) {
        await store.setItem(key, 'newer');
        return task({ signal: new AbortController().signal, fence: 7 });
      },
    };
    await reseal(watched, keysOf(1), { lock: late });
    expect(fences).toEqual([]);
    const granted: Lock = { run: (_, __, task) => task({ signal: new AbortController().signal, fence: 7 }) };
    await encrypted(storage, staticKeys(oldKey)).setItem('evertoken:user-0', 'again');
    await reseal(watched, keysOf(1), { lock: granted });
    expect(fences).toEqual([{ fence: 7 }]);
  });

  test('nothing is written once the lock is lost, and the value is counted', async () => {
    const { storage } = await createOld(1);
    const store = encrypted(storage, staticKeys(newKey, oldKey));
    const lost: Lock = { run: (_, __, task) => task({ signal: AbortSignal.abort(), fence: 1 }) };
    expect(await reseal(store, keysOf(1), { lock: lost })).toEqual({ resealed: 0, left: { 2025: 1 } });
    expect(await store.sealOf('evertoken:user-0')).toMatchObject({ id: '2025' });
  });

  test('what no key opens, and a session that is busy, are counted by the key they need; the others are done', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { items, storage } = await createOld(4);
    await encrypted(storage, staticKeys({ id: '2019', key: new Uint8Array(32).fill(9) })).setItem(
      'evertoken:user-0',
      'x',
    );
    items.set('evertoken:user-1', 'never encrypted');
    const lock = inProcessLock();
    void lock.run('evertoken:user-2', new AbortController().signal, () => new Promise(() => undefined));
    const store = encrypted(storage, staticKeys(newKey, oldKey));
    const run = reseal(store, keysOf(4), { lock });
    await vi.advanceTimersByTimeAsync(15_000);
    expect(await run).toEqual({ resealed: 1, left: { 2019: 1, plain: 1, 2025: 1 } });
  });

  test('a store of plain sessions, or of those that redisStorage has encrypted, is taken over without a sign-out', async () => {
    const name = 'evertoken:ada';
    const { items, storage } = createStore();
    items.set('evertoken:plain', secret);
    items.set(
      name,
      'evertoken.1.+nhSb1gAWuyqhHVZERWZKhAroacg+qSL1ALwwwfwIp6KALeOIjp7dl3tz7LvKFH5/YEYoACCMViYjzLNYZeFTks=',
    );
    const store = encrypted(storage, staticKeys(newKey, oldKey), { acceptPlain: true });
    expect(await store.getItem('evertoken:plain')).toBe(secret);
    expect(await store.getItem(name)).toBe('{"evertoken":1,"refreshToken":"rt-1"}');
    expect(await store.sealOf(name)).toEqual({ id: 'unnamed', isCurrent: false });
    const done = await reseal(store, [name, 'evertoken:plain'], { lock: inProcessLock() });
    expect(done).toEqual({ resealed: 2, left: {} });
    const after = encrypted(storage, staticKeys(newKey));
    expect(await after.getItem('evertoken:plain')).toBe(secret);
    expect(await after.getItem(name)).toBe('{"evertoken":1,"refreshToken":"rt-1"}');
  });

  test('another key of the service seals from its first value on, and the service opens what the old one has wrapped', async () => {
    const kms = createKms('kms-2025');
    const { storage } = await createOld(3, envelopeKeys(kms));
    kms.id = 'kms-2026';
    const store = encrypted(storage, envelopeKeys(kms));
    expect(await store.sealOf('evertoken:user-0')).toEqual({ id: 'kms-2025', isCurrent: false });
    expect(await reseal(store, keysOf(3), { lock: inProcessLock() })).toEqual({ resealed: 3, left: {} });
    expect(await store.sealOf('evertoken:user-0')).toEqual({ id: 'kms-2026', isCurrent: true });
  });

  test('a value of a key that this process was not given yet can be read later, and ends nobody', async () => {
    const { storage } = createStore();
    await encrypted(storage, staticKeys(newKey)).setItem('evertoken:ada', secret);
    const error = await failure(encrypted(storage, staticKeys(oldKey)).getItem('evertoken:ada'));
    expect(error).toMatchObject({ code: 'ERR_STORAGE_READ', message: expect.stringContaining("'2026'") });
    expect(isRetryable(error)).toBe(true);
  });
});

/** Lets the clock wait for encryption, which it cannot see ahead. */
function tracked(clock: FakeClock, storage: TokenStorage): TokenStorage {
  return {
    getItem: (key) => clock.track(Promise.resolve(storage.getItem(key))),
    setItem: (key, value, options) => clock.track(Promise.resolve(storage.setItem(key, value, options))),
    removeItem: (key, options) => clock.track(Promise.resolve(storage.removeItem(key, options))),
  };
}

describe('EN4 KMS away: sessions at hand are served, others get a retryable StorageError, nobody is ended', () => {
  test('while it is away, and they go on when it is back', async () => {
    const clock = fakeClock();
    const server = createAuthServer({ clock, accessTokenLifetimeMs: HOUR });
    const { storage } = createStore();
    const kms = createKms();
    const create = (user: string) =>
      createTokenManager({
        refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
        platform: { ...inProcess(), clock, storage: tracked(clock, encrypted(storage, envelopeKeys(kms))) },
        proactive: false,
        key: user,
      });
    const [ada, bob] = [create('ada'), create('bob')];
    await ada.startSession(server.signIn());
    await bob.startSession(server.signIn());
    bob.dispose();
    kms.fault = Object.assign(new Error(`the request was ${secret}`), { code: 'ThrottlingException' });
    const restarted = create('bob'); // a new process: no data key at hand

    expect(await ada.getAccessToken()).toMatch(/./);
    const { error } = await outcome(clock, restarted.getAccessToken());
    expect(error).toMatchObject({ code: 'ERR_STORAGE_READ', message: expect.stringContaining('ThrottlingException') });
    expect(isRetryable(error)).toBe(true);
    expect(inspect(error)).not.toContain(secret);
    expect(restarted.getSnapshot().status).not.toBe('none');
    await clock.advance(HOUR + 1);
    expect((await outcome(clock, ada.getAccessToken())).value).toMatch(/./); // its data key is at hand

    kms.fault = undefined;
    await clock.advance(60_000);
    expect((await outcome(clock, restarted.getAccessToken())).value).toMatch(/./);
    expect(restarted.getSnapshot().status).toBe('active');
  });

  test('a data key that is due for renewal goes on sealing, and a new one seals when it is back', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { items, storage } = createStore();
    const kms = createKms();
    const store = encrypted(storage, envelopeKeys(kms));
    const wrappedBy = async () => {
      await store.setItem('evertoken:ada', secret);
      return items.get('evertoken:ada')?.split('.')[3];
    };
    const first = await wrappedBy();
    kms.fault = new Error('away');
    vi.setSystemTime(Date.now() + HOUR);
    expect(await wrappedBy()).toBe(first);
    expect(await wrappedBy()).toBe(first);
    kms.fault = undefined;
    expect(await wrappedBy()).toBe(first); // the new one is being made
    await vi.waitFor(async () => expect(await wrappedBy()).not.toBe(first), { timeout: 15_000 });
  });

  test('a call that is never answered is made once more after five seconds, and holds up nobody who has a key', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { storage } = createStore();
    const kms = createKms();
    await encrypted(storage, envelopeKeys(kms)).setItem('evertoken:ada', secret);
    kms.calls.length = 0;
    kms.gate = new Promise(() => undefined);
    const store = encrypted(storage, envelopeKeys(kms));
    void store.getItem('evertoken:ada');
    void store.setItem('evertoken:bob', secret);
    await vi.waitFor(() => expect(kms.calls).toHaveLength(2), { timeout: 15_000 });
    kms.gate = undefined;
    vi.setSystemTime(Date.now() + 5_000);
    expect(await store.getItem('evertoken:ada')).toBe(secret);
    await store.setItem('evertoken:bob', secret);
    expect(kms.calls.sort()).toEqual(['unwrap', 'unwrap', 'wrap', 'wrap']);
  });

  test('an answer that is no data key is refused, and asked for again', async () => {
    const { storage } = createStore();
    const kms = createKms();
    await encrypted(storage, envelopeKeys(kms)).setItem('evertoken:ada', secret);
    let bytes: Uint8Array | undefined = new Uint8Array(16);
    const { unwrap } = kms;
    const store = encrypted(storage, envelopeKeys({ ...kms, unwrap: async (...of) => bytes ?? unwrap(...of) }));
    expect(await failure(store.getItem('evertoken:ada'))).toMatchObject({
      code: 'ERR_STORAGE_READ',
      message: expect.stringContaining('NOT_A_DATA_KEY'),
    });
    bytes = undefined;
    expect(await store.getItem('evertoken:ada')).toBe(secret);
  });
});

describe('EN5 One KMS call per data key and process', () => {
  test('however many values are read and written at once', async () => {
    const { storage } = createStore();
    const kms = createKms();
    const first = encrypted(storage, envelopeKeys(kms));
    await Promise.all(keysOf(50).map((key) => first.setItem(key, secret)));
    await Promise.all(keysOf(50).map((key) => first.getItem(key)));
    expect(kms.calls).toEqual(['wrap']);
    const second = encrypted(storage, envelopeKeys(kms));
    await Promise.all(keysOf(50).map((key) => second.getItem(key)));
    await Promise.all(keysOf(50).map((key) => second.getItem(key)));
    expect(kms.calls).toEqual(['wrap', 'unwrap']);
    expect([...kms.contexts]).toEqual(['evertoken']);
  });

  test('one more each hour, and for those that were forgotten after keepMs or beyond atHand', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { storage } = createStore();
    const kms = createKms();
    const options = { keepMs: 2 * HOUR, atHand: 2, context: 'shop' };
    const write = async (key: string) => encrypted(storage, envelopeKeys(kms, options)).setItem(key, secret);
    for (const key of keysOf(3)) await write(key); // three processes: three data keys
    kms.calls.length = 0;
    const store = encrypted(storage, envelopeKeys(kms, options));
    const read = async (...indices: number[]) => {
      for (const index of indices) await store.getItem(`evertoken:user-${index}`);
      return kms.calls.splice(0);
    };
    expect(await read(0, 1, 0)).toHaveLength(2);
    expect(await read(2, 0)).toHaveLength(1); // 1 was used longest ago
    expect(await read(1)).toHaveLength(1);
    vi.setSystemTime(Date.now() + 2 * HOUR);
    expect(await read(0, 0)).toHaveLength(1);
    expect([...kms.contexts]).toEqual(['shop']);
  });

  test('a data key is not used beyond keepMs, even while the service is away', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { storage } = createStore();
    const kms = createKms();
    const store = encrypted(storage, envelopeKeys(kms, { keepMs: 60_000 }));
    await store.setItem('evertoken:ada', secret);
    kms.fault = new Error('away');
    vi.setSystemTime(Date.now() + 60_000);
    expect(await failure(store.setItem('evertoken:ada', secret))).toMatchObject({ code: 'ERR_STORAGE_WRITE' });
    expect(await failure(store.getItem('evertoken:ada'))).toMatchObject({ code: 'ERR_STORAGE_READ' });
  });
});

describe('what is not fit is refused at once', () => {
  const wrong = expect.objectContaining({ code: 'ERR_OPTIONS' });
  const { key } = newKey;

  test.each<[string, () => unknown]>([
    ['no key', () => staticKeys()],
    ['two keys of one id', () => staticKeys(newKey, { ...oldKey, id: newKey.id })],
    ['16 bytes', () => staticKeys({ id: 'a', key: new Uint8Array(16) })],
    ['an id with a dot', () => staticKeys({ id: 'a.b', key })],
    ['an id that is reserved', () => staticKeys({ id: 'plain', key })],
    ['a key instead of an object', () => staticKeys(key as never)],
    ['a service without unwrap', () => envelopeKeys({ wrap: async (bytes: Uint8Array) => bytes } as never)],
    ['a service of a bad id', () => envelopeKeys({ ...createKms(), id: 'arn:aws' })],
    ['a lifetime of zero', () => envelopeKeys(createKms(), { renewMs: 0 })],
    ['an option that there is not', () => envelopeKeys(createKms(), { renew: 1 } as never)],
    ['no storage', () => encrypted({} as never, staticKeys(newKey))],
    ['a key where a ring belongs', () => encrypted(memoryStorage(), key as never)],
  ])('%s', (_, call) => {
    expect(call).toThrowError(wrong);
  });

  test('a storage that is not encrypted cannot be resealed', async () => {
    expect(await failure(reseal(memoryStorage() as never, [], { lock: inProcessLock() }))).toEqual(wrong);
  });
});

test('a fault and fences of the storage are passed through, and so is what it rejects with', async () => {
  const { storage } = createStore();
  const given: unknown[] = [];
  const fault = new Error('fault') as never;
  const store = encrypted(
    {
      ...storage,
      fault,
      setItem: (...all) => void given.push(all[2]),
      removeItem: (...all) => void given.push(all[1]),
    },
    staticKeys(newKey),
  );
  await store.setItem('evertoken:ada', secret, { fence: 3 });
  await store.removeItem('evertoken:ada', { fence: 4 });
  expect(given).toEqual([{ fence: 3 }, { fence: 4 }]);
  expect(store.fault).toBe(fault);
});

describe('wrong keys and options', () => {
  const refused = expect.objectContaining({ name: 'OptionsError', code: 'ERR_OPTIONS' });
  const lock = inProcessLock();

  test('bytes of a key may be erased as soon as they were handed over', async () => {
    const { items, storage } = createStore();
    const key = new Uint8Array(32).fill(1);
    const early = encrypted(storage, staticKeys({ id: '2025', key }));
    key.fill(0);
    await early.setItem('a', 'value');
    expect(await encrypted(storage, staticKeys(oldKey)).getItem('a')).toBe('value');
    expect(items.size).toBe(1);
  });

  test.each([
    ['for decrypting alone', { name: 'AES-GCM', length: 256 }, ['decrypt']],
    ['for encrypting alone', { name: 'AES-GCM', length: 256 }, ['encrypt']],
    ['of 128 bits', { name: 'AES-GCM', length: 128 }, ['encrypt', 'decrypt']],
  ] as const)('a CryptoKey %s is refused at once', async (_, algorithm, uses) => {
    const key = await crypto.subtle.generateKey(algorithm, false, [...uses]);
    expect(() => staticKeys({ id: 'a', key })).toThrow(refused);
  });

  test.each(['false', 1, null])('acceptPlain of %j opens no store to plain sessions', (acceptPlain) => {
    const options = { acceptPlain: acceptPlain as unknown as boolean };
    expect(() => encrypted(createStore().storage, staticKeys(newKey), options)).toThrow(refused);
  });

  test.each([{ renewMs: '1' }, { keepMs: '1' }, { atHand: '5' }, { context: 5 }, { context: null }])(
    'envelopeKeys() refuses %j',
    (options) => expect(() => envelopeKeys(createKms(), options as never)).toThrow(refused),
  );

  test.each([
    ['nothing', undefined],
    ['no bytes', new Uint8Array()],
    ['a text', 'wrapped'],
  ])('where the key service gives %s, nothing is written that nobody could open', async (_, answer) => {
    const { items, storage } = createStore();
    const kms = { ...createKms(), wrap: async () => answer as Uint8Array };
    const error = await failure(encrypted(storage, envelopeKeys(kms)).setItem('a', 'value'));
    expect(error).toMatchObject({ code: 'ERR_STORAGE_WRITE', message: expect.stringContaining('NO_WRAPPED_KEY') });
    expect(isRetryable(error)).toBe(true);
    expect(items.size).toBe(0);
  });

  test.each([
    ['without options', ['a'], undefined],
    ['without a lock', ['a'], {}],
    ['with a key in place of keys', 'user-1', { lock }],
    ['with no keys', undefined, { lock }],
  ])('reseal() %s is refused', async (_, keys, options) => {
    const storage = encrypted(createStore().storage, staticKeys(newKey));
    await expect(reseal(storage, keys as never, options as never)).rejects.toEqual(refused);
  });
});

test('a value that was cut short or changed at any place is a typed error, and shows nothing', async () => {
  const { items, storage } = createStore();
  const store = encrypted(storage, staticKeys(newKey));
  await store.setItem('a', secret);
  const whole = items.get('a') ?? '';
  for (let at = 0; at < whole.length; at++) {
    for (const broken of [whole.slice(0, at), `${whole.slice(0, at)}\u0000${whole.slice(at + 1)}`]) {
      items.set('a', broken);
      const error = await failure(store.getItem('a'));
      expect(error, `at ${at}`).toMatchObject({ code: expect.stringMatching(/^ERR_STORAGE_(CORRUPT|READ)$/) });
      expect(inspect(error)).not.toContain(secret);
    }
  }
});
