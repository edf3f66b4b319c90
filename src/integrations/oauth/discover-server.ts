import { checkNames, checkSender } from '../origins.js';
import { checkIssuer } from './client.js';
import { type AskOptions, discover, type ServerMetadata } from './metadata.js';

/** How to ask. */
export interface DiscoverServerOptions {
  /** What sends. Default: the global `fetch`, looked up on each call. */
  fetch?: typeof fetch | undefined;
  /** Also accept `http:` addresses that are not loopback. Default `false`. */
  allowInsecure?: boolean | undefined;
}

/**
 * Asks an authorization server what it can do (RFC 8414, OpenID Connect Discovery).
 *
 * `oauthClient` does so by itself; this is for what depends on the answer, such as scopes and ways to register. Give what
 * came as its `issuer`, and it is asked for once.
 *
 * @throws {SignInError} `ERR_SIGN_IN_NETWORK`, `ERR_SIGN_IN_CONFIG`: none is there, or it speaks for another issuer
 * @throws {OptionsError} `ERR_OPTIONS`
 *
 * @example
 * const server = await discoverServer('https://auth.example');
 * const client = oauthClient({ issuer: server, clientId: 'shop' });
 */
export async function discoverServer(issuer: string, options: DiscoverServerOptions = {}): Promise<ServerMetadata> {
  const { fetch, allowInsecure }: AskOptions = Object(options);
  checkNames(options, ['fetch', 'allowInsecure']);
  checkSender(fetch);
  return discover(checkIssuer(issuer, allowInsecure), { fetch, allowInsecure });
}
