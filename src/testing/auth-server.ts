import type { TokenResponse } from '../core/token-set.js';
import { type AuthServerOptions, type AuthServerSwitches, readOrigin, readSwitches } from './auth-server-options.js';
import type { World } from './auth-world.js';
import { createDesk, type Desk } from './desk.js';
import { createGrants, type Grants, type TokenFacts } from './grants.js';
import { type ListeningServer, listen } from './listen.js';
import { createMint } from './mint.js';
import { createMswHandlers } from './msw-handlers.js';
import { createProofBook } from './proofs.js';
import type { ApiRequest, TokenRequest } from './request-log.js';
import { createScript, type Endpoint, type Scripted } from './script.js';
import { createResponder, createServerFetch, type Responder } from './server-fetch.js';
import { systemClock } from './system-clock.js';

/** Whom to sign in; see {@link AuthServer.signIn}. */
export interface SignInOptions {
  /** The subject. Default `ada`. */
  user?: string;
  /** Scopes, separated by spaces; with `openid` there is an ID token. Default none. */
  scope?: string;
  /** The client that alone may use the refresh token. Default any. */
  clientId?: string;
  /** Further claims of the ID token. */
  claims?: Record<string, unknown>;
  /** The resources that access tokens may be for (RFC 8707), the first by default; any other is `invalid_target`. Default any. */
  resources?: readonly string[];
}

/** An authorization server and an API, in memory; see {@link createAuthServer}. */
export interface AuthServer {
  /** Where the server pretends to be, and its endpoints there. */
  readonly origin: string;
  /** Trades refresh tokens (RFC 6749 section 6). */
  readonly tokenUrl: string;
  /** Revokes tokens (RFC 7009). */
  readonly revokeUrl: string;
  /** Signs in with `{ user, scope, client_id }` as JSON or form; no password. */
  readonly signInUrl: string;
  /** Everything below it wants an access token and echoes the request; `/api/scope/NAME` also wants that scope. */
  readonly apiUrl: string;
  /** Signs users in by code (RFC 6749 section 4.1), without asking them; `origin` is the issuer to discover. */
  readonly authorizeUrl: string;
  /**
   * Goes where a user's browser would be sent to sign in, and resolves to the address that it comes back to.
   *
   * Takes a URL such as `createSignIn().begin()` gives. Rejects where the server shows a page instead.
   */
  authorize(url: string): Promise<string>;
  /**
   * Answers like any `fetch`, without a network, for this origin alone.
   *
   * An abort takes the client away, not the request: the server still acts on it. Redirects are not followed.
   */
  readonly fetch: typeof fetch;
  /**
   * For `setupServer(...server.handlers)` and `setupWorker` of msw 3, which has to be installed.
   *
   * Answers requests to `origin` and leaves all others to the handlers after it.
   */
  readonly handlers: readonly never[];
  /** Listens on a loopback port in Node, a free one by default; rejects elsewhere. */
  listen(port?: number): Promise<ListeningServer>;
  /** Starts a session for a user, as after a sign-in; in cookie mode the refresh token goes into the cookie. */
  signIn(options?: SignInOptions): TokenResponse;
  /** Changes switches; the others stay as they are. Throws `OptionsError` for one that does not exist. */
  set(switches: Partial<AuthServerSwitches>): void;
  /** Scripts what the next requests to an endpoint (default `token`) meet; after what is scripted already. */
  next<E extends Endpoint = 'token'>(scripted: Scripted<E>, options?: { times?: number; endpoint?: E }): void;
  /** Scripts what all requests to an endpoint (default `token`) meet when nothing is `next`; undefined ends that. */
  always<E extends Endpoint = 'token'>(scripted: Scripted<E> | undefined, options?: { endpoint?: E }): void;
  /** From now on refuses the access tokens issued so far, or this one alone; refresh tokens stay good. */
  revokeAccessTokens(token?: string): void;
  /** Revokes the family of this token, or all of them, and returns how many that were. */
  revokeFamily(token?: string): number;
  /** What the server knows about a token; undefined when it does not know it. */
  inspect(token: string): TokenFacts | undefined;
  /** Back to how it was created: no sessions, no requests, no script, the first switches. */
  reset(): void;
  /** The requests to the token endpoint, in the order of arrival. Holds secrets. */
  readonly tokenRequests: readonly TokenRequest[];
  /** The requests to the API, in the order of arrival. Holds secrets. */
  readonly apiRequests: readonly ApiRequest[];
  /** What has happened so far. */
  readonly counts: AuthServerCounts;
}

/** What has happened at an auth server so far. */
export interface AuthServerCounts {
  /** Refreshes that issued tokens; the same answer given again does not count. */
  readonly refreshesGranted: number;
  /** Used refresh tokens presented outside the reuse window. */
  readonly reusesDetected: number;
  /** Families revoked, for whatever reason. */
  readonly familiesRevoked: number;
  /** The most requests to the token endpoint that were under way at one moment. */
  readonly mostTokenRequestsAtOnce: number;
}

/**
 * Makes an authorization server and API in memory, with one-time refresh tokens and family revocation.
 *
 * Strict as the strictest real servers: a refresh token works once, and presenting it again revokes every token that
 * descends from the same sign-in. Tokens are kept as hashes. Throws `OptionsError` for wrong options.
 *
 * @example
 * const server = createAuthServer({ accessTokenLifetimeMs: 60_000 });
 * const { access_token } = server.signIn();
 * await server.fetch(server.apiUrl, { headers: { Authorization: `Bearer ${access_token}` } });
 */
export function createAuthServer(options: AuthServerOptions = {}): AuthServer {
  const world = createWorld(options);
  const { origin, script, load, tokenRequests, apiRequests } = world;
  const respond = createResponder(world);
  return {
    origin,
    tokenUrl: `${origin}/token`,
    revokeUrl: `${origin}/revoke`,
    signInUrl: `${origin}/sign-in`,
    apiUrl: `${origin}/api`,
    authorizeUrl: `${origin}/authorize`,
    authorize: (url) => authorize(respond, url),
    tokenRequests,
    apiRequests,
    fetch: createServerFetch(world, respond),
    handlers: createMswHandlers(origin, respond),
    listen: (port = 0) => listen(world, port),
    signIn({ user = 'ada', scope = '', clientId, claims = {}, resources } = {}) {
      const tokens = world.grants.start({ user, scope, clientId, claims, ...(resources && { resources }) });
      if (world.switches.refreshTokenIn === 'response') return tokens;
      const { refresh_token: cookie, ...visible } = tokens;
      world.jar = cookie;
      return visible;
    },
    set: (switches) => {
      world.switches = readSwitches(switches, world.switches);
    },
    next: (scripted, { times = 1, endpoint } = {}) => script.next<Endpoint>(scripted, times, endpoint ?? 'token'),
    always: (scripted, { endpoint } = {}) => script.always<Endpoint>(scripted, endpoint ?? 'token'),
    revokeAccessTokens: (token) => world.grants.revokeAccess(token),
    revokeFamily: (token) => world.grants.revoke(token),
    inspect: (token) => world.grants.find(token),
    reset: () => {
      world.mint = createMint(options.random);
      Object.assign(world, { grants: freshGrants(world), desk: freshDesk(world) });
      Object.assign(world, { switches: readSwitches(options), jar: undefined, proofs: createProofBook() });
      for (const list of [tokenRequests, apiRequests]) list.length = 0;
      script.clear();
      world.windows.clear();
      load.most = load.now;
    },
    get counts() {
      return { ...world.grants.counts, mostTokenRequestsAtOnce: load.most };
    },
  };
}

function createWorld(options: AuthServerOptions): World {
  const { clock = systemClock, clients, keepRequests = Number.POSITIVE_INFINITY } = options;
  const origin = readOrigin(options.origin ?? 'https://auth.test');
  const world: Omit<World, 'grants' | 'desk'> = {
    origin,
    mint: createMint(options.random),
    clock,
    clients,
    keepRequests,
    script: createScript(),
    tokenRequests: [],
    apiRequests: [],
    windows: new Map(),
    load: { now: 0, most: 0 },
    proofs: createProofBook(),
    switches: readSwitches(options),
    jar: undefined,
  };
  return Object.assign(world, { grants: freshGrants(world), desk: freshDesk(world) });
}

function freshGrants(world: Omit<World, 'grants' | 'desk'>): Grants {
  const { origin: issuer, clock, mint } = world;
  return createGrants({ mint, issuer, now: () => clock.now(), switches: () => world.switches });
}

function freshDesk({ mint, clock }: Omit<World, 'grants' | 'desk'>): Desk {
  return createDesk(mint, () => clock.now());
}

async function authorize(respond: Responder, url: string): Promise<string> {
  const response = await respond(new Request(url));
  if (response === 'dropped') throw new TypeError('Expected an answer at the authorization endpoint, but none came.');
  const location = response.headers.get('location');
  if (location !== null) return location;
  const answer = await response.text();
  throw new Error(
    `Expected a redirect back to the client, but status ${response.status} came: ${answer.slice(0, 200)}`,
  );
}
