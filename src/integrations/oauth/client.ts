import { readDestination } from '../../core/origin.js';
import type { Dpop } from '../dpop.js';
import { checkNames, checkSender, insecure, refuse } from '../origins.js';
import { senderFor } from '../sender.js';
import { type ClientAuthentication, clientAuthentication } from './authentication.js';
import { type AskOptions, check, discover, type ServerMetadata } from './metadata.js';

/** One client at one authorization server; see {@link oauthClient}. */
export interface OAuthClientOptions {
  /** The issuer identifier, to the last slash; or the server's metadata, and nothing is discovered. Required. */
  issuer: string | ServerMetadata;
  /** The client identifier (RFC 6749 section 2.2); also the address of a client metadata document. Required. */
  clientId: string;
  /**
   * How the client proves itself: a secret, or a function such as `PrivateKeyJwt(key)` of oauth4webapi. Default: not at all.
   *
   * Without a `method`, a secret goes into HTTP Basic, or into the form where the server knows only that.
   */
  authentication?: { secret: string; method?: 'basic' | 'post' } | ClientAuthentication | undefined;
  /** Where the server sends the user back to. Required for signing in. */
  redirectUri?: string | undefined;
  /** Scopes to ask for; `openid` brings an ID token, `offline_access` a refresh token where the server wants that said. */
  scopes?: readonly string[] | undefined;
  /** What access tokens are for (RFC 8707), sent letter by letter. Of a list, all are authorized and the first is asked for. */
  resource?: string | readonly string[] | undefined;
  /** More parameters of the authorization request, such as `audience`. */
  parameters?: Readonly<Record<string, string>> | undefined;
  /** What `dpop()` gave: binds sessions that are signed in from now on to a key of their own (RFC 9449). Default: none. */
  dpop?: Dpop | undefined;
  /** What sends. Default: the global `fetch`, looked up on each call. One with a certificate makes mutual TLS. */
  fetch?: typeof fetch | undefined;
  /** Also accept `http:` endpoints that are not loopback. Default `false`. */
  allowInsecure?: boolean | undefined;
}

/** Everything that is known of a client; for the functions that take one. */
export interface ClientInternals {
  readonly options: OAuthClientOptions;
  readonly authenticate: ReturnType<typeof clientAuthentication>;
  readonly resources: readonly string[];
  readonly ask: AskOptions;
  /** What sends to the server, with proofs where a key is named. */
  sender(binding: string | undefined): typeof globalThis.fetch;
  /** The server's metadata, asked for once for all who wait; `anew` asks again. Rejects with `SignInError`. */
  metadata(anew?: boolean): Promise<ServerMetadata>;
}

/** Names the member that this package's functions read, also across copies of the package. */
const internals: unique symbol = Symbol.for('evertoken.client') as never;

/** A client that the functions of this package take. */
export interface OAuthClient {
  /** The issuer identifier of its server. */
  readonly issuer: string;
  readonly clientId: string;
  /** For the functions of this package only. */
  readonly [internals]: ClientInternals;
}

const NAMES = [
  'issuer',
  'clientId',
  'authentication',
  'redirectUri',
  'scopes',
  'resource',
  'parameters',
  'dpop',
  'fetch',
  'allowInsecure',
];

/**
 * One client at one authorization server. Creating asks nothing; metadata is asked for at first use, once for all who wait.
 *
 * @throws {OptionsError} `ERR_OPTIONS`: says which option, and what was expected
 *
 * @example
 * const client = oauthClient({ issuer: 'https://auth.example', clientId: 'shop', redirectUri: 'https://shop.example/callback', scopes: ['openid'] });
 */
export function oauthClient(options: OAuthClientOptions): OAuthClient {
  const issuer = checkOptions(options);
  const { clientId, fetch, allowInsecure, resource = [] } = options;
  const ask: AskOptions = { fetch, allowInsecure };
  const given = typeof options.issuer === 'string' ? undefined : options.issuer;
  let known: ServerMetadata | undefined = given;
  let asking: Promise<ServerMetadata> | undefined;

  async function find(): Promise<ServerMetadata> {
    try {
      known = given ? check(given, ask) : await discover(issuer, ask);
      return known;
    } finally {
      asking = undefined;
    }
  }

  return {
    issuer,
    clientId,
    [internals]: {
      options: { ...options },
      authenticate: clientAuthentication(clientId, options.authentication),
      resources: [resource].flat(),
      ask,
      sender: (binding) => senderFor(binding, options),
      metadata: async (anew = false) => {
        if (known && (!anew || given)) return known;
        asking ??= find();
        // If asking again fails, the earlier metadata stay in use.
        return asking.catch((error) => {
          if (known) return known;
          throw error;
        });
      },
    },
  };
}

/** The client's internals, or `OptionsError` for what is no client. */
export function internalsOf(client: OAuthClient): ClientInternals {
  const found = (client as Partial<OAuthClient> | undefined)?.[internals];
  if (!found) refuse('client', 'what oauthClient() gave', client);
  return found;
}

function checkOptions(options: OAuthClientOptions): string {
  const given = Object(options) as Partial<OAuthClientOptions>;
  checkNames(options, NAMES);
  const { clientId, redirectUri, scopes = [], resource = [], parameters = {}, authentication, dpop } = given;
  const issuer = checkIssuer(given.issuer, given.allowInsecure);
  if (typeof clientId !== 'string' || !clientId) refuse('clientId', 'a string that is not empty', clientId);
  if (redirectUri !== undefined) checkAddress('redirectUri', redirectUri);
  checkScopes(scopes);
  for (const one of [resource].flat()) checkAddress('resource', one);
  checkParameters(parameters);
  if (authentication !== undefined && typeof authentication !== 'function') {
    if (typeof authentication === 'object') checkNames(authentication ?? {}, ['secret', 'method']);
    const { secret, method } = Object(authentication) as { secret?: unknown; method?: unknown };
    if (typeof secret !== 'string' || !secret) refuse('authentication', 'a secret or a function', authentication);
    if (method !== undefined && method !== 'basic' && method !== 'post') {
      refuse('authentication.method', "'basic' or 'post'", method);
    }
  }
  if (dpop && typeof dpop.endpoint !== 'function') refuse('dpop', 'what dpop() gave', dpop);
  checkSender(given.fetch);
  return issuer;
}

/** Checks an address of any scheme. Throws `OptionsError`. */
export function checkAddress(option: string, address: unknown): void {
  const isAddress = typeof address === 'string' && /^[a-z][a-z\d+.-]*:[^\s#]+$/i.test(address);
  if (!isAddress) refuse(option, 'an absolute address without a fragment', address);
}

/** Checks parameters of a request. Throws `OptionsError`. */
export function checkParameters(parameters: unknown): void {
  const isPlain = typeof parameters === 'object' && parameters !== null && !(Symbol.iterator in parameters);
  if (!isPlain) refuse('parameters', 'strings by name', parameters);
  for (const value of Object.values(parameters)) {
    if (typeof value !== 'string') refuse('parameters', 'strings by name', value);
  }
}

/** Checks scopes: names without blanks. Throws `OptionsError`. */
export function checkScopes(scopes: readonly string[]): void {
  if (!Array.isArray(scopes)) refuse('scopes', "a list such as ['openid']", scopes);
  for (const scope of scopes) {
    if (typeof scope !== 'string' || !/^[!#-[\]-~]+$/.test(scope)) refuse('scopes', 'names without blanks', scope);
  }
}

/** Checks an issuer, or the one that metadata name. Throws `OptionsError`. */
export function checkIssuer(given: unknown, allowInsecure: boolean | undefined): string {
  const issuer = typeof given === 'string' ? given : (Object(given) as Partial<ServerMetadata>).issuer;
  const destination = typeof issuer === 'string' && !/[?#]/.test(issuer) ? readDestination(issuer) : undefined;
  if (typeof issuer !== 'string' || !destination)
    refuse('issuer', 'an https address without query and fragment', issuer);
  if (!destination.secure && allowInsecure !== true) throw insecure(`issuer: ${destination.origin}`);
  return issuer;
}
