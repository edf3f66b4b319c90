import { faultOf } from '../../core/id-token.js';
import { readTokenResponse, type TokenResponse } from '../../core/token-set.js';
import type { Answered } from './request.js';
import { SignInError } from './sign-in-error.js';

/** What tokens have to be, to be those of a sign-in. */
export interface ExpectedTokens {
  readonly issuer: string;
  readonly clientId: string;
  /** What was sent as `nonce`: then there has to be an ID token, and it has to repeat it. */
  readonly nonce?: string | undefined;
  readonly maxAge?: number | undefined;
  readonly algorithms?: readonly string[] | undefined;
  /** What was asked for; granted where the answer does not say. */
  readonly scopes: readonly string[];
  readonly returnTo?: string | undefined;
  /** The key that the tokens have to be bound to; undefined: none. */
  readonly binding?: string | undefined;
}

/** The answer as the manager takes it. Throws `SignInError` where it is not for this sign-in. */
export function readTokens(given: Readonly<Record<string, unknown>>, expected: ExpectedTokens): TokenResponse {
  const body = tidied(given);
  const { problem } = readTokenResponse(body, 0, 0, undefined, false, expected.binding !== undefined);
  const fault = problem ?? faultIn(body, expected);
  if (fault !== undefined) {
    const message = `Expected tokens for this sign-in, but they were refused: ${fault}.`;
    throw new SignInError('ERR_SIGN_IN_RESPONSE', message, { returnTo: expected.returnTo });
  }
  const response = body as unknown as TokenResponse;
  return { ...response, scope: response.scope ?? expected.scopes.join(' ') };
}

/** What an answer of the token endpoint granted, as far as it can be revoked. */
export function tokensOf(body: Answered['body']): { refreshToken?: string; accessToken?: string } {
  const { refresh_token: refreshToken, access_token: accessToken } = body ?? {};
  return {
    ...(typeof refreshToken === 'string' && { refreshToken }),
    ...(typeof accessToken === 'string' && { accessToken }),
  };
}

// What real servers send: null for what is missing, and a list of scopes.
function tidied(given: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const body = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));
  const { scope } = body;
  const isList = Array.isArray(scope) && scope.every((one) => typeof one === 'string');
  return isList ? { ...body, scope: scope.join(' ') } : body;
}

// Stricter than for a refresh, because the user can simply start again.
function faultIn(body: Readonly<Record<string, unknown>>, expected: ExpectedTokens): string | undefined {
  const { token_type: type, expires_in: lifetime, scope, refresh_token: refreshToken, id_token: idToken } = body;
  if (typeof type !== 'string') return 'no token_type';
  if (lifetime !== undefined && !(Number(lifetime) >= 0)) return 'an expires_in that is no number';
  if ((scope !== undefined && typeof scope !== 'string') || (refreshToken !== undefined && !isText(refreshToken))) {
    return 'a scope or refresh_token that is no text';
  }
  const { nonce, maxAge } = expected;
  if (idToken === undefined) return nonce === undefined ? undefined : 'no ID token';
  if (!isText(idToken)) return 'an ID token that is no text';
  const fault = faultOf(idToken, { ...expected, nonce, maxAge: nonce === undefined ? undefined : maxAge });
  return fault === undefined ? fault : `an ID token, but ${fault}`;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
