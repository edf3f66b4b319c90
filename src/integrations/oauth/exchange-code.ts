import type { PendingSignIn } from '../../core/pending-sign-ins.js';
import type { TokenResponse } from '../../core/token-set.js';
import { type AnyTokenError, isTokenError } from '../../errors.js';
import type { OAuthClient } from './client.js';
import type { ServerMetadata } from './metadata.js';
import { readTokens, tokensOf } from './read-tokens.js';
import type { Answered } from './request.js';
import { revokeTokens } from './revoke-with.js';
import { sendForm } from './send-form.js';
import { adviceOn, readErrorCode, SignInError, type SignInErrorCode } from './sign-in-error.js';

/**
 * Trades a code for tokens (RFC 6749 section 4.1.3), and checks them.
 *
 * What was granted and is refused here is revoked. Throws `SignInError`.
 */
export async function exchangeCode(client: OAuthClient, entry: PendingSignIn, code: string): Promise<TokenResponse> {
  const { server, redirectUri, verifier, resource, returnTo, binding } = entry;
  const form = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: verifier, resource };
  let answer: Answered;
  try {
    answer = await sendForm(client, server as unknown as ServerMetadata, server.token_endpoint, form, { binding });
  } catch (error) {
    if (isTokenError(error)) throw withoutKey(error, returnTo);
    const message = 'Expected the token endpoint to answer, but no answer came; the code may be spent.';
    throw new SignInError('ERR_SIGN_IN_NETWORK', message, { returnTo, again: 'begin' });
  }
  if (answer.status < 200 || answer.status > 299) throw refusedCode(answer, entry, code);
  try {
    return readTokens(answer.body ?? {}, {
      ...entry,
      issuer: server.issuer,
      algorithms: server.id_token_signing_alg_values_supported,
    });
  } catch (error) {
    await revokeTokens(client, server as unknown as ServerMetadata, tokensOf(answer.body)).catch(() => undefined);
    throw error;
  }
}

/** The key that the sign-in was begun with is not to be had: nothing was sent. */
function withoutKey({ code, message }: AnyTokenError, returnTo: string | undefined): SignInError {
  if (code === 'ERR_STORAGE_READ')
    return new SignInError('ERR_SIGN_IN_NETWORK', message, { returnTo, again: 'finish' });
  const isGone = code === 'ERR_SESSION_LOST';
  return new SignInError(isGone ? 'ERR_SIGN_IN_UNKNOWN' : 'ERR_SIGN_IN_CONFIG', message, {
    returnTo,
    again: isGone ? 'begin' : undefined,
  });
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
  return new SignInError(
    kind,
    `Expected the token endpoint to take the code, but it answered ${came}.${adviceOn(oauthError)}`,
    facts,
  );
}
