import { afterEach, beforeAll, expect, test } from 'vitest';
import { createTokenManager, inProcess } from '../../../src/index.js';
import { deviceSignIn } from '../../../src/integrations/device.js';
import { createSignIn, oauthClient, refreshWith, revokeWith } from '../../../src/integrations/oauth.js';
import { sha256 } from '../../../src/testing/sha256.js';
import { createAuthServer, fakeClock } from '../../../src/testing.js';

/** As React Native has it: it cannot copy another one, and reads an object by its own keys alone. */
class OwnParameters {
  pairs: [string, string][] = [];
  constructor(init?: Record<string, string>) {
    for (const name of Object.keys(init ?? {})) this.append(name, init?.[name] ?? '');
  }
  append(name: string, value: string): void {
    this.pairs.push([name, String(value)]);
  }
  set(name: string, value: string): void {
    this.pairs = this.pairs.filter(([other]) => other !== name);
    this.append(name, value);
  }
  toString(): string {
    return this.pairs.map((pair) => pair.map(encodeURIComponent).join('=')).join('&');
  }
}

const MISSING = [
  'URL',
  'crypto',
  'TextEncoder',
  'TextDecoder',
  'structuredClone',
  'DOMException',
  'location',
  'document',
];
const real = new Map(
  [...MISSING, 'URLSearchParams'].map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]),
);

function bare(): void {
  for (const name of MISSING)
    Object.defineProperty(globalThis, name, { value: undefined, configurable: true, writable: true });
  Object.defineProperty(globalThis, 'URLSearchParams', { value: OwnParameters, configurable: true, writable: true });
}

function full(): void {
  for (const [name, descriptor] of real) {
    if (descriptor) Object.defineProperty(globalThis, name, descriptor);
    else Reflect.deleteProperty(globalThis, name);
  }
}

// Node loads its own fetch on first use, and that needs them
beforeAll(() => new Response('', { headers: new Headers() }).text());
afterEach(full);

function app() {
  const clock = fakeClock();
  const server = createAuthServer({ clock, accessTokenLifetimeMs: 60_000, random: Math.random });
  // the server is no part of the phone
  const send: typeof fetch = async (input, init) => {
    full();
    try {
      const response = await server.fetch(input, {
        ...init,
        body: init?.body === undefined ? null : String(init.body),
      });
      const text = await response.text(); // with the TextDecoder of Node
      return Object.defineProperties(response, { text: { value: async () => text }, bodyUsed: { value: false } });
    } finally {
      bare();
    }
  };
  const client = oauthClient({
    issuer: server.origin,
    clientId: 'app',
    redirectUri: 'shop://callback',
    scopes: ['openid', 'offline_access'],
    fetch: send,
  });
  const platform = { ...inProcess(), clock };
  const tokens = createTokenManager({
    refresh: refreshWith(client),
    revoke: revokeWith(client),
    platform,
    proactive: false,
  });
  const crypto = {
    getRandomValues: (bytes: Uint8Array) => bytes.map(() => Math.random() * 256),
    sha256: async (bytes: Uint8Array) => sha256(bytes).buffer as ArrayBuffer,
  };
  return { clock, server, client, tokens, signIn: createSignIn({ client, tokens, platform, crypto }) };
}

test('J19: with its own globals and the crypto given, React Native signs in, refreshes and signs out', async () => {
  const { clock, server, tokens, signIn } = app();
  bare();
  const url = await clock.runUntil(signIn.begin({ returnTo: '/orders' }));
  full();
  const back = await server.authorize(url);
  bare();
  expect(await clock.runUntil(signIn.finish(back))).toEqual({ returnTo: '/orders' });
  await clock.advance(60_000);
  const token = await clock.runUntil(tokens.getAccessToken());
  const out = await clock.runUntil(signIn.end());
  full();
  expect(out).toMatch(/^https:\/\/auth\.test\/logout\?id_token_hint=.+&client_id=app$/);
  expect(server.inspect(token)?.active).toBe(false);
  tokens.dispose();
});

test('a device signs in with no more than that', async () => {
  const { clock, client, tokens } = app();
  bare();
  await clock.runUntil(deviceSignIn({ client, tokens, clock, onCode: () => undefined }));
  full();
  expect(tokens.getSnapshot().status).toBe('active');
  tokens.dispose();
});
