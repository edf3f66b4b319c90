import { jwtDecode } from 'jwt-decode';
import { orNone } from './or-none.js';

/** The token endpoint's answer to a successful request (RFC 6749 section 5.1). */
export interface TokenResponse {
  /** The access token; visible ASCII characters only, at most 65 536 of them. */
  access_token: string;
  /**
   * `DPoP` where the session is bound to a key, and nothing else there (RFC 9449).
   *
   * Otherwise anything but `DPoP`, `PoP`, `MAC` and `N_A`; what is no `Bearer` by name is used as one.
   */
  token_type?: string | undefined;
  /** Lifetime of the access token in seconds, as a number or a numeric string; a Unix time is recognised as such. */
  expires_in?: number | string | undefined;
  /** The refresh token; when missing, the one before it is kept. */
  refresh_token?: string | undefined;
  /** Granted scopes: a list, or separated by spaces, or by commas alone; when missing, those before are kept. */
  scope?: string | readonly string[] | undefined;
  /** The ID token (OpenID Connect); when missing, the one before it is kept. */
  id_token?: string | undefined;
  /** Lifetime of the refresh token in seconds, as Keycloak and TikTok name it; read as `expires_in` is. */
  refresh_expires_in?: number | string | undefined;
  /** The same, as GitHub, Microsoft, eBay and LinkedIn name it. */
  refresh_token_expires_in?: number | string | undefined;
  /** The same, as Intuit names it. */
  x_refresh_token_expires_in?: number | string | undefined;
  /** The same as a Unix time. */
  refresh_token_expires_at?: number | string | undefined;
}

/** The tokens of one answer of the token endpoint; immutable. */
export interface TokenSet {
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  readonly idToken: string | undefined;
  readonly scopes: readonly string[];
  /** Epoch milliseconds on the local clock, just before the request was sent. */
  readonly issuedAt: number;
  /** Epoch milliseconds on the local clock; undefined: the server did not say. */
  readonly expiresAt: number | undefined;
  /** When the refresh token ends, in the same way. */
  readonly refreshExpiresAt?: number | undefined;
}

/** A token set, or what is wrong with the answer, with its refresh token, which must still be kept. */
export type ReadTokens =
  | { readonly tokens: TokenSet; readonly problem?: undefined }
  | {
      readonly problem: string;
      readonly refreshToken: string | undefined;
      /** The access token is bound to a key, or to none, unlike the session. */
      readonly isBound?: boolean;
    };

const MAX_TOKEN_LENGTH = 65_536;
const MAX_DEPTH = 32;
// Ten years: a larger number is not a lifetime but something else, such as a Unix time.
const MAX_LIFETIME_MS = 315_360_000_000;
// RFC 6749 has no name for it; the first that holds a lifetime counts.
const REFRESH_LIFETIMES = [
  'refresh_expires_in',
  'refresh_token_expires_in',
  'x_refresh_token_expires_in',
  'refresh_token_expires_at',
];

/**
 * Reads a token response (RFC 6749 section 5.1) that was requested at `requestedAt` and received at `receivedAt`.
 *
 * If the access token is hidden in a cookie, it is `''` here, and every answer without an `error` is accepted. `isKeyed`: the
 * session is bound to a key, so its tokens have to be.
 */
export function readTokenResponse(
  body: unknown,
  requestedAt: number,
  receivedAt: number,
  previous?: TokenSet,
  isHidden = false,
  isKeyed = false,
): ReadTokens {
  const idToken = readToken(own(body, 'id_token'), /^[!-~]+$/);
  // Nothing is carried over from the tokens of another subject.
  const kept = isSameSubject(previous?.idToken, idToken) ? previous : undefined;
  const refreshToken = readToken(own(body, 'refresh_token'), /^[ -~]+$/);
  const accessToken = isHidden ? '' : readToken(own(body, 'access_token'), /^[!-~]+$/);
  const type = (!isHidden && own(body, 'token_type')) || '';
  const isOther = typeof type === 'string' && (isKeyed ? !/^(dpop)?$/i.test(type) : /^(dpop|pop|mac|n_a)$/i.test(type));
  const problem = isOther
    ? isKeyed
      ? 'a token that is not bound to the key of the session (DPoP)'
      : `a token that is bound to a key (${type})`
    : isHostile(body, MAX_DEPTH)
      ? 'an object that nests too deeply or has a __proto__ member'
      : accessToken === undefined
        ? own(body, 'access_token') === undefined
          ? own(body, 'accessToken') === undefined
            ? 'no access_token'
            : 'accessToken instead of access_token'
          : 'an access_token that is empty, too long or not visible ASCII'
        : typeof type !== 'string'
          ? 'a token_type that is no string'
          : isHidden && own(body, 'error')
            ? 'an error'
            : undefined;
  if (problem !== undefined || accessToken === undefined) {
    const rotated = kept === previous ? refreshToken : undefined;
    return { problem: problem ?? '', refreshToken: rotated, ...(isOther && { isBound: true }) };
  }
  return {
    tokens: {
      accessToken,
      refreshToken: refreshToken ?? kept?.refreshToken,
      idToken: readClaims(idToken) ? idToken : kept?.idToken,
      scopes: readScopes(own(body, 'scope')) ?? kept?.scopes ?? orNone(),
      issuedAt: requestedAt,
      expiresAt: readExpiry(own(body, 'expires_in'), requestedAt, receivedAt, accessToken),
      refreshExpiresAt:
        REFRESH_LIFETIMES.map((name) => readExpiry(own(body, name), requestedAt, receivedAt)).find(Boolean) ??
        // A refresh token that stays ends when it did.
        (kept?.refreshToken && (refreshToken ?? kept.refreshToken) === kept.refreshToken
          ? kept.refreshExpiresAt
          : undefined),
    },
  };
}

/** The claims of a JWT, unverified; undefined for anything else. Never throws. */
export function readClaims(token: string | undefined): Readonly<Record<string, unknown>> | undefined {
  try {
    const claims: unknown = jwtDecode(token ?? '');
    return isHostile(claims, MAX_DEPTH) ? undefined : (claims as Record<string, unknown>);
  } catch {
    return undefined; // opaque, or a runtime without atob
  }
}

/**
 * Whether two ID tokens are about one subject: the same `sub` and `iss` (OpenID Connect Core 12.2).
 *
 * A missing claim, or an unreadable token, does not count as a difference.
 */
export function isSameSubject(a: string | undefined, b: string | undefined): boolean {
  if (a === b || a === undefined || b === undefined) return true;
  const [sub, iss] = readSubject(a);
  const [otherSub, otherIss] = readSubject(b);
  return (!sub || !otherSub || sub === otherSub) && (!iss || !otherIss || iss === otherIss);
}

/** Whether two ID tokens show that they are about one subject: both name the same `sub` and `iss`. */
export function hasSameSubject(a: string | undefined, b: string | undefined): boolean {
  return isSameSubject(a, b) && [...readSubject(a), ...readSubject(b)].every(Boolean);
}

function readSubject(idToken: string | undefined): readonly string[] {
  const { sub, iss } = readClaims(idToken) ?? {};
  // Google's issuer comes with or without the scheme.
  return [String(sub ?? ''), String(iss ?? '').replace(/^https:\/\//, '')];
}

/** The tokens with only the refresh token replaced, for an answer that was otherwise invalid. */
export function withRefreshToken(tokens: TokenSet, refreshToken: string): TokenSet {
  return { ...tokens, refreshToken, refreshExpiresAt: undefined };
}

// GitHub, Slack, Shopify and Strava separate by commas; if there is a space, a comma is part of a scope (RFC 6749 section 3.3).
function readScopes(scope: unknown): readonly string[] | undefined {
  const text = Array.isArray(scope) ? scope.filter((one) => typeof one === 'string').join(' ') : scope;
  return typeof text === 'string' ? text.split(/\s/.test(text) ? /\s+/ : ',').filter(Boolean) : undefined;
}

function readExpiry(expiresIn: unknown, requestedAt: number, receivedAt: number, token?: string): number | undefined {
  const claims = readClaims(token);
  const exp = readMoment(claims?.exp);
  const seconds = typeof expiresIn === 'string' ? Number(expiresIn) : expiresIn;
  const lifetimeMs =
    readLifetime(typeof seconds === 'number' ? seconds * 1000 : 0) ?? readLifetime(exp - readMoment(claims?.iat));
  if (lifetimeMs !== undefined) return requestedAt + lifetimeMs;
  // A moment on the server's clock: if it is already past, one of the clocks is wrong, and it is ignored.
  return [readMoment(seconds), exp].find((moment) => readLifetime(moment - receivedAt));
}

function readLifetime(lifetimeMs: number): number | undefined {
  return lifetimeMs > 0 && lifetimeMs <= MAX_LIFETIME_MS ? lifetimeMs : undefined;
}

// NumericDate is in seconds (RFC 7519 section 2); a number beyond the year 5138 must be milliseconds.
function readMoment(date: unknown): number {
  return typeof date !== 'number' ? Number.NaN : date > 1e11 ? date : date * 1000;
}

function readToken(value: unknown, pattern: RegExp): string | undefined {
  return typeof value === 'string' && value.length <= MAX_TOKEN_LENGTH && pattern.test(value) ? value : undefined;
}

function own(value: unknown, key: string): unknown {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isHostile(value: unknown, depth: number): boolean {
  return (
    isObject(value) &&
    (depth === 0 ||
      Object.hasOwn(value, '__proto__') ||
      Object.values(value).some((member) => isHostile(member, depth - 1)))
  );
}
