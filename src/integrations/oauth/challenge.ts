import type { Challenge } from '../../core/challenge.js';
import { readObject } from './request.js';

/** What an API asks of the user, as parameters of an authorization request (RFC 9470, OpenID Connect Core section 5.5). */
export function challengeParameters(challenge: Challenge | undefined): Readonly<Record<string, string | undefined>> {
  const { acr_values, max_age } = challenge?.parameters ?? {};
  return { acr_values, max_age, claims: readClaimsChallenge(challenge) };
}

/** The scopes that a challenge names (RFC 6750 section 3). */
export function challengeScopes(challenge: Challenge | undefined): readonly string[] {
  return (challenge?.parameters.scope ?? '').split(' ').filter(Boolean);
}

/** The claims that a challenge asks for, as JSON; it may bring them as base64, as base64url or as they are. */
export function readClaimsChallenge(challenge: Challenge | undefined): string | undefined {
  const { claims } = challenge?.parameters ?? {};
  if (claims === undefined) return undefined;
  for (const read of [() => claims, () => utf8(claims)]) {
    try {
      const text = read();
      if (readObject(text)) return text;
    } catch {
      // not base64
    }
  }
  return undefined;
}

function utf8(base64: string): string {
  const bytes = [...atob(base64.replace(/-/g, '+').replace(/_/g, '/'))];
  return decodeURIComponent(bytes.map((byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`).join(''));
}
