import type { TokenManager } from '../../manager/token-manager.js';
import { refuse } from '../origins.js';
import { refuseBound } from '../sender.js';
import { internalsOf, type OAuthClient } from './client.js';
import { requireEndpoint } from './metadata.js';
import { networkError } from './network-error.js';
import { type Answered, request } from './request.js';
import { SignInError } from './sign-in-error.js';

const LIMIT_MS = 10_000;

/**
 * What the server says of the session's user (OpenID Connect Core section 5.3).
 *
 * An answer about another user is refused. A 401 leads to one refresh.
 *
 * @throws {SignInError} `ERR_SIGN_IN_NETWORK`, `ERR_SIGN_IN_CONFIG`, `ERR_SIGN_IN_RESPONSE`
 * @throws {SessionError | RefreshError} as `getAccessToken()`
 */
export async function userInfo(client: OAuthClient, tokens: TokenManager): Promise<Readonly<Record<string, unknown>>> {
  const { metadata, options } = internalsOf(client);
  if (typeof tokens?.getSnapshot !== 'function') refuse('tokens', 'a token manager', tokens);
  const url = requireEndpoint(await metadata(), 'userinfo_endpoint');
  const accessToken = await tokens.getAccessToken();
  // Read before the request: another user may sign in before the answer comes.
  const subject = tokens.getSnapshot().claims?.sub;
  if (typeof subject !== 'string' || !subject) {
    throw refused('the session has no ID token to compare it with; ask for the scope openid');
  }
  const fetch = options.dpop?.fetch(tokens, options.fetch) ?? options.fetch;
  const ask = (token: string): Promise<Answered> => {
    if (!options.dpop) refuseBound(tokens, token);
    const headers = new Headers({ authorization: `Bearer ${token}` });
    return request(url, { limitMs: LIMIT_MS, headers, fetch }).catch(networkError);
  };
  let answer = await ask(accessToken);
  if (answer.status === 401) answer = await ask(await tokens.replaceAccessToken(accessToken));
  const { status, body } = answer;
  if (status === 429 || status >= 500) return networkError({ status });
  if (status !== 200 || !body) throw refused(`status ${status} came`, status);
  if (body.sub !== subject) throw refused('it is about another user');
  return body;
}

function refused(why: string, status?: number): SignInError {
  return new SignInError('ERR_SIGN_IN_RESPONSE', `Expected the server to tell about the user, but ${why}.`, { status });
}
