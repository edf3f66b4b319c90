import { jwtDecode } from 'jwt-decode';
import { readClaims } from './token-set.js';

/** The values that an ID token is checked against. */
export interface ExpectedIdToken {
  readonly issuer: string;
  readonly clientId: string;
  /** The `nonce` that was sent; undefined: the token must not contain one. */
  readonly nonce: string | undefined;
  /** The most seconds from the user's authentication to the issue of the token; undefined: any. */
  readonly maxAge?: number | undefined;
  /** The signing algorithms of the server; undefined: unknown, any is accepted. */
  readonly algorithms?: readonly string[] | undefined;
}

/** The servers of one provider may have clocks that differ. */
const TOLERANCE_S = 60;

/**
 * What is wrong with an ID token that came directly from the token endpoint; undefined if it is valid.
 *
 * Checks what OpenID Connect Core sections 2 and 3.1.3.7 require, except for two things. The signature is not verified,
 * because TLS authenticates the server (section 3.1.3.7, 6). The device's clock is not used, only the token's own times.
 */
export function faultOf(idToken: string, expected: ExpectedIdToken): string | undefined {
  const { alg, crit } = readHeader(idToken) ?? {};
  const claims = readClaims(idToken);
  const parts = idToken.split('.');
  if (!claims || Array.isArray(claims) || parts.length !== 3 || typeof alg !== 'string') return 'it cannot be read';
  if (crit !== undefined) return 'it has a critical header that is not known';
  if (alg === 'none' || !(expected.algorithms?.includes(alg) ?? true)) return 'it is not signed as the server promised';
  const { iss, aud, azp, sub, nonce, exp, iat, auth_time: authTime } = claims;
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (iss !== expected.issuer) return 'it is of another issuer';
  if (!audiences.includes(expected.clientId)) return 'it is for another client';
  if (audiences.length > 1 && azp !== expected.clientId) return 'it is also for others';
  if (typeof sub !== 'string' || !sub) return 'it has no subject';
  if (nonce !== expected.nonce) return 'its nonce is another one';
  if (!isMoment(exp) || !isMoment(iat) || exp <= iat) return 'it was over when it was issued';
  if (authTime !== undefined && !isMoment(authTime)) return 'its auth_time is no moment';
  if (expected.maxAge === undefined) return undefined;
  const isRecent = isMoment(authTime) && iat - authTime <= expected.maxAge + TOLERANCE_S;
  return isRecent ? undefined : 'the user proved who they are longer ago than was asked for';
}

function readHeader(token: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return jwtDecode(token, { header: true }) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function isMoment(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
