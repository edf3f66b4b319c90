import { faultOf } from '../../core/id-token.js';
import type { PendingSignIn } from '../../core/pending-sign-ins.js';
import { readTokenResponse, type TokenResponse } from '../../core/token-set.js';
import type { OAuthClient } from './client.js';
import type { ServerMetadata } from './metadata.js';
import type { Answered } from './request.js';
import { revokeTokens } from './revoke-with.js';
import { sendForm } from './send-form.js';
import { readErrorCode, SignInError, type SignInErrorCode } from './sign-in-error.js';

/**
 * Trades a code for tokens (RFC 6749 section 4.1.3), and checks them.
 *
 * What was granted and is refused here is revoked. Throws `SignInError`.
 */
export async function exchangeCode(client: OAuthClient, entry: PendingSignIn, code: string): Promise<TokenResponse> {
  const { server, redirectUri, verifier, resource, returnTo } = entry;
  const form = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: verifier, resource };
  let answer: Answered;
  try {
    answer = await sendForm(client, server as unknown as ServerMetadata, server.token_endpoint, form);
  } catch {
    const message = 'Expected the token endpoint to answer, but no answer came; the code may be spent.';
    throw new SignInError('ERR_SIGN_IN_NETWORK', message, { returnTo, again: 'begin' });
  }
  if (answer.status < 200 || answer.status > 299) throw refusedCode(answer, entry, code);
  try {
    return readTokens(answer.body ?? {}, entry);
  } catch (error) {
    await revokeTokens(client, server as unknown as ServerMetadata, tokensOf(answer.body)).catch(() => undefined);
    throw error;
  }
}

/** What an answer of the token endpoint granted, as far as it can be revoked. */
export function tokensOf(body: Answered['body']): { refreshToken?: string; accessToken?: string } {
  const { refresh_token: refreshToken, access_token: accessToken } = body ?? {};
  return {
    ...(typeof refreshToken === 'string' && { refreshToken }),
    ...(typeof accessToken === 'string' && { accessToken }),
  };
}

function refusedCode(
  { status, body }: Answered,
  { returnTo, verifier, redirectUri }: PendingSignIn,
  code: string,
): SignInError {
  const oauthError = readErrorCode(body?.error, [code, verifier, redirectUri]);
  const facts = { returnTo, oauthError, status };
  const came = oauthError ?? `status ${status}`;
  if (status === 429 || status >= 500) {
    const message = `Expected the token endpoint to take the code, but it is busy: ${came}; finish again in a moment.`;
    return new SignInError('ERR_SIGN_IN_NETWORK', message, { ...facts, again: 'finish' });
  }
  const isConfig = status < 400 || ['invalid_client', 'unauthorized_client'].includes(oauthError ?? '');
  const kind: SignInErrorCode = isConfig ? 'ERR_SIGN_IN_CONFIG' : 'ERR_SIGN_IN_RESPONSE';
  return new SignInError(kind, `Expected the token endpoint to take the code, but it answered ${came}.`, facts);
}

/** The answer as the manager takes it, or why it is not for this sign-in. */
function readTokens(body: Readonly<Record<string, unknown>>, entry: PendingSignIn): TokenResponse {
  const fault = readTokenResponse(body, 0, 0).problem ?? faultIn(body, entry);
  if (fault !== undefined) {
    const message = `Expected tokens for this sign-in, but they were refused: ${fault}.`;
    throw new SignInError('ERR_SIGN_IN_RESPONSE', message, { returnTo: entry.returnTo });
  }
  const response = body as unknown as TokenResponse;
  return { ...response, scope: response.scope ?? entry.scopes.join(' ') };
}

// stricter than a refresh: here nothing is lost by starting again
function faultIn(body: Readonly<Record<string, unknown>>, entry: PendingSignIn): string | undefined {
  const { token_type: type, expires_in: lifetime, scope, refresh_token: refreshToken, id_token: idToken } = body;
  if (typeof type !== 'string') return 'no token_type';
  if (lifetime !== undefined && !(Number(lifetime) >= 0)) return 'an expires_in that is no number';
  if ((scope !== undefined && typeof scope !== 'string') || (refreshToken !== undefined && !isText(refreshToken))) {
    return 'a scope or refresh_token that is no text';
  }
  const { server, clientId, nonce, maxAge } = entry;
  if (idToken === undefined) return nonce === undefined ? undefined : 'no ID token';
  if (typeof idToken !== 'string') return 'an ID token that is no text';
  const algorithms = server.id_token_signing_alg_values_supported;
  const expected = {
    issuer: server.issuer,
    clientId,
    nonce,
    maxAge: nonce === undefined ? undefined : maxAge,
    algorithms,
  };
  const fault = faultOf(idToken, expected);
  return fault === undefined ? fault : `an ID token, but ${fault}`;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}
