import { afterEach, beforeAll, expect, test } from 'vitest';
import { dpop, jwkKeys, type SubtleLike } from '../../../src/dpop.js';
import { createFetch, createTokenManager, inProcess } from '../../../src/index.js';
import { createSignIn, oauthClient, refreshWith, revokeWith } from '../../../src/integrations/oauth.js';
import { createAuthServer } from '../../../src/testing.js';

// what a native module brings: no global at all, not even CryptoKey
const { subtle } = crypto;
const nativeSubtle: SubtleLike = {
  generateKey: (...args) => subtle.generateKey(...(args as Parameters<typeof subtle.generateKey>)),
  exportKey: (format, key) => subtle.exportKey(format, key as CryptoKey),
  importKey: (...args) => subtle.importKey(...(args as unknown as Parameters<typeof subtle.importKey>)),
  sign: (...args) => subtle.sign(...(args as Parameters<typeof subtle.sign>)),
  digest: (...args) => subtle.digest(...(args as Parameters<typeof subtle.digest>)),
};
const nativeCrypto = {
  getRandomValues: (bytes: Uint8Array) => bytes.map(() => Math.random() * 256),
  sha256: (bytes: Uint8Array) => subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>),
};

const MISSING = ['URL', 'crypto', 'CryptoKey', 'TextEncoder', 'TextDecoder', 'structuredClone', 'DOMException'];
const real = new Map(MISSING.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]));

function bare(): void {
  for (const name of MISSING)
    Object.defineProperty(globalThis, name, { value: undefined, configurable: true, writable: true });
}

function full(): void {
  for (const [name, descriptor] of real) if (descriptor) Object.defineProperty(globalThis, name, descriptor);
}

beforeAll(() => new Response('', { headers: new Headers() }).text());
afterEach(full);

test('React Native with keys given: it signs in, calls its API, refreshes and signs out, bound to a key', async () => {
  const server = createAuthServer({ dpop: 'required', dpopNonceUses: 3, random: Math.random });
  // the server is no part of the phone
  const send: typeof fetch = async (input, init) => {
    full();
    try {
      const response = await server.fetch(input, init);
      const text = await response.text();
      const again = () =>
        Object.defineProperties(new Response(null, { status: response.status, headers: response.headers }), {
          text: { value: async () => text },
          clone: { value: again },
        });
      return again();
    } finally {
      bare();
    }
  };
  const { storage } = inProcess();
  const keys = dpop({ keys: jwkKeys({ storage, subtle: nativeSubtle }), crypto: nativeCrypto });
  const client = oauthClient({
    issuer: server.origin,
    clientId: 'app',
    redirectUri: 'shop://callback',
    scopes: ['openid', 'offline_access'],
    dpop: keys,
    fetch: send,
  });
  const platform = inProcess();
  const tokens = createTokenManager({
    refresh: refreshWith(client),
    revoke: revokeWith(client),
    platform,
    proactive: false,
  });
  const signIn = createSignIn({ client, tokens, platform, crypto: nativeCrypto });
  const api = createFetch(tokens, { origins: [server.origin], fetch: keys.fetch(tokens, send) });
  bare();
  const url = await signIn.begin({ returnTo: '/orders' });
  full();
  const back = await server.authorize(url);
  bare();
  expect(await signIn.finish(back)).toEqual({ returnTo: '/orders' });
  expect((await api(`${server.apiUrl}/orders`)).status).toBe(200);
  await tokens.refresh();
  expect((await api(`${server.apiUrl}/orders`, { method: 'POST', body: 'x' })).status).toBe(200);
  const [binding] = await keys.keys.list();
  await signIn.end();
  await tokens.settled();
  expect(await keys.keys.list()).toEqual([]);
  full();
  expect(server.apiRequests.every(({ headers }) => headers.authorization?.startsWith('DPoP '))).toBe(true);
  expect(server.apiRequests.filter(({ status }) => status === 200)).toHaveLength(2);
  expect(binding).toMatch(/^[\w-]{43}$/);
  tokens.dispose();
});
