import { refuse } from '../origins.js';
import type { OAuthClient } from './client.js';
import { internalsOf } from './client.js';
import { requireEndpoint } from './metadata.js';
import { networkError } from './network-error.js';
import { sendForm } from './send-form.js';
import { readErrorCode, SignInError } from './sign-in-error.js';

/** What a server says of a token (RFC 7662 section 2.2). */
export type Introspection = { readonly active: boolean } & Readonly<Record<string, unknown>>;

/**
 * Asks the server whether a token is good (RFC 7662); for servers that are given tokens.
 *
 * @throws {SignInError} `ERR_SIGN_IN_NETWORK`, `ERR_SIGN_IN_CONFIG`, `ERR_SIGN_IN_RESPONSE`
 */
export async function introspect(client: OAuthClient, token: string): Promise<Introspection> {
  const { metadata } = internalsOf(client);
  if (typeof token !== 'string' || !token) refuse('token', 'a string that is not empty', undefined);
  const server = await metadata();
  const url = requireEndpoint(server, 'introspection_endpoint');
  const { status, body } = await sendForm(client, server, url, { token }).catch(networkError);
  if (status === 200 && typeof body?.active === 'boolean') return { ...body, active: body.active };
  const oauthError = readErrorCode(body?.error, [token]);
  if (status === 429 || status >= 500) return networkError({ status });
  const isConfig = status < 200 || status > 299;
  const message = `Expected the server to say whether a token is active, but ${oauthError ?? `status ${status}`} came.`;
  throw new SignInError(isConfig ? 'ERR_SIGN_IN_CONFIG' : 'ERR_SIGN_IN_RESPONSE', message, { oauthError, status });
}
