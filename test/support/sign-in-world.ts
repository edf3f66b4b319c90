import { onTestFinished } from 'vitest';
import { createTokenManager, type Platform, type TokenManager } from '../../src/index.js';
import {
  type CryptoLike,
  createSignIn,
  type OAuthClient,
  type OAuthClientOptions,
  oauthClient,
  refreshWith,
  revokeWith,
  type SignIn,
} from '../../src/integrations/oauth.js';
import { sha256 } from '../../src/testing/sha256.js';
import {
  type AuthServer,
  type AuthServerOptions,
  createAuthServer,
  type FakeClock,
  fakeClock,
  type Peer,
  peers,
} from '../../src/testing.js';

export const CALLBACK = 'https://app.test/callback';
const NOON = Date.UTC(2026, 5, 1, 12);

/** A page of the application that signs in. */
export interface Page {
  readonly peer: Peer;
  readonly client: OAuthClient;
  readonly tokens: TokenManager;
  readonly signIn: SignIn;
  readonly platform: Platform;
}

/** One server, one clock, and any number of pages that share a storage. */
export interface SignInWorld {
  readonly clock: FakeClock;
  readonly server: AuthServer;
  /** Every request that a page made, as `METHOD /path`. */
  readonly requests: string[];
  /** Every text that a page gave to the network, with its answer's own. */
  readonly bodies: string[];
  readonly first: Peer;
  /** Is told of every call of a port and of the network, before and after. */
  onMoment: ((name: string) => void) | undefined;
  page(peer?: Peer, options?: Partial<OAuthClientOptions>): Page;
  /** Where the user comes back to. */
  visit(url: string): Promise<string>;
  /** The stored item of sign-ins under way. */
  pending(): string | undefined;
  run<T>(promise: Promise<T>): Promise<T>;
  /** The reason of a rejection; fails where there is none. */
  reason(
    promise: Promise<unknown>,
  ): Promise<Error & { code?: string; returnTo?: string; again?: string; oauthError?: string }>;
}

// crypto.subtle answers from another thread, which the fake clock cannot see
export const inThisTurn: CryptoLike = {
  getRandomValues: (bytes) => crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>),
  sha256: async (bytes) => sha256(bytes).buffer as ArrayBuffer,
};

export function signInWorld(options: AuthServerOptions = {}): SignInWorld {
  const clock = fakeClock(NOON);
  const server = createAuthServer({ clock, ...options });
  const [first] = peers(1, { clock });
  const requests: string[] = [];
  const bodies: string[] = [];

  const world: SignInWorld = {
    clock,
    server,
    requests,
    bodies,
    first,
    onMoment: undefined,
    page(peer = first, more = {}) {
      const tell = (name: string) => world.onMoment?.(name);
      const send: typeof fetch = async (input, init) => {
        const { method, url } = new Request(input, init);
        requests.push(`${method} ${new URL(url).pathname}`);
        tell(`${method} ${new URL(url).pathname}`);
        const response = await peer.through(() => server.fetch(input, init));
        bodies.push(await response.clone().text());
        tell(`answer ${new URL(url).pathname}`);
        return response;
      };
      const platform = observed(peer.platform, tell);
      const client = oauthClient({
        issuer: server.origin,
        clientId: 'app',
        redirectUri: CALLBACK,
        scopes: ['openid', 'offline_access'],
        fetch: send,
        ...more,
      });
      const tokens = createTokenManager({
        refresh: refreshWith(client),
        revoke: revokeWith(client),
        platform,
        proactive: false,
      });
      onTestFinished(() => tokens.dispose());
      return { peer, client, tokens, platform, signIn: createSignIn({ client, tokens, platform, crypto: inThisTurn }) };
    },
    visit: (url) => server.authorize(url),
    pending: () => first.items.get('evertoken:session:sign-ins'),
    run: (promise) => clock.runUntil(promise),
    reason: (promise) =>
      clock.runUntil(
        promise.then(
          (value) => {
            throw new Error(`Expected a rejection, but ${JSON.stringify(value)} came.`);
          },
          (error) => error,
        ),
      ),
  };
  return world;
}

function observed(platform: Platform, tell: (name: string) => void): Platform {
  const { storage, lock } = platform;
  const about = async <T>(name: string, work: () => T): Promise<Awaited<T>> => {
    tell(name);
    try {
      return await work();
    } finally {
      tell(`${name} settled`);
    }
  };
  return {
    ...platform,
    storage: {
      getItem: (key) => about(`get ${key}`, () => storage.getItem(key)),
      setItem: (key, value, options) => about(`set ${key}`, () => storage.setItem(key, value, options)),
      removeItem: (key, options) => about(`remove ${key}`, () => storage.removeItem(key, options)),
    },
    lock: {
      run: (key, signal, task, options) =>
        about('lock', () =>
          lock.run(
            key,
            signal,
            (lease) => {
              tell('granted');
              return task(lease);
            },
            options,
          ),
        ),
    },
  };
}
