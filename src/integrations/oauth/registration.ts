import { checkNames, checkSender, refuse } from '../origins.js';
import { checkIssuer } from './client.js';
import { check, discover, requireEndpoint, type ServerMetadata } from './metadata.js';
import { networkError } from './network-error.js';
import { request } from './request.js';
import { readErrorCode, SignInError } from './sign-in-error.js';

/** A client that a server has registered (RFC 7591 section 3.2.1), as it answered. */
export type RegisteredClient = { readonly client_id: string; readonly client_secret?: string } & Readonly<
  Record<string, unknown>
>;

/** How to register. */
export interface RegistrationOptions {
  /** The token that the server wants to see for it, where it does. */
  initialAccessToken?: string | undefined;
  /** What sends. Default: the global `fetch`, looked up on each call. */
  fetch?: typeof fetch | undefined;
  /** Also accept `http:` endpoints that are not loopback. Default `false`. */
  allowInsecure?: boolean | undefined;
}

const LIMIT_MS = 10_000;

/**
 * Registers a client at a server (RFC 7591); keep what it answers.
 *
 * @throws {SignInError} `ERR_SIGN_IN_NETWORK`, `ERR_SIGN_IN_CONFIG`
 * @throws {OptionsError} `ERR_OPTIONS`
 */
export async function registerClient(
  issuer: string | ServerMetadata,
  metadata: Readonly<Record<string, unknown>>,
  options: RegistrationOptions = {},
): Promise<RegisteredClient> {
  const { initialAccessToken, fetch, allowInsecure } = options;
  checkNames(options, ['initialAccessToken', 'fetch', 'allowInsecure']);
  checkSender(fetch);
  if (typeof metadata !== 'object' || metadata === null) refuse('metadata', 'what the client says of itself', metadata);
  const name = checkIssuer(issuer, allowInsecure);
  const server = typeof issuer === 'string' ? await discover(name, options) : check(issuer, options);
  const headers = new Headers({ 'content-type': 'application/json' });
  if (initialAccessToken !== undefined) headers.set('authorization', `Bearer ${initialAccessToken}`);
  const url = requireEndpoint(server, 'registration_endpoint');
  const body = JSON.stringify(metadata);
  const answer = await request(url, { method: 'POST', limitMs: LIMIT_MS, headers, body, fetch }).catch(networkError);
  const { status } = answer;
  const clientId = answer.body?.client_id;
  // Lenient, because servers omit members that the RFC requires, such as client_secret_expires_at.
  if (status >= 200 && status < 300 && typeof clientId === 'string' && clientId) {
    return { ...answer.body, client_id: clientId };
  }
  if (status === 429 || status >= 500) return networkError({ status });
  const oauthError = readErrorCode(answer.body?.error, [initialAccessToken]);
  const message = `Expected the server to register the client, but ${oauthError ?? `status ${status}`} came.`;
  throw new SignInError('ERR_SIGN_IN_CONFIG', message, { oauthError, status });
}
