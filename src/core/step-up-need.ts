import type { Challenge } from './challenge.js';

/** What an API wants of the user before it answers. */
export interface Need {
  /** A stronger or fresher proof of who they are, more scopes, or claims that a refresh did not bring. */
  readonly kind: 'authentication' | 'scope' | 'claims';
  readonly challenge: Challenge;
}

/**
 * What a refusal wants of the user; undefined where it wants nothing of them.
 *
 * `insufficient_user_authentication` is of RFC 9470, `insufficient_scope` of RFC 6750 section 3.1; a 401 with `claims` is a
 * claims challenge.
 */
export function readNeed(status: number, challenges: readonly Challenge[]): Need | undefined {
  const withError = (error: string) => challenges.find(({ parameters }) => parameters.error === error);
  const authentication = status === 401 ? withError('insufficient_user_authentication') : undefined;
  if (authentication) return { kind: 'authentication', challenge: authentication };
  const scope = status === 401 || status === 403 ? withError('insufficient_scope') : undefined;
  if (scope) return { kind: 'scope', challenge: scope };
  const claims = status === 401 ? challenges.find(({ parameters }) => parameters.claims !== undefined) : undefined;
  return claims && { kind: 'claims', challenge: claims };
}

/** The same for needs that one answer of the user meets. */
export function nameOf(origin: string, { kind, challenge }: Need): string {
  const parameters = Object.entries(challenge.parameters).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([origin, kind, challenge.scheme, parameters]);
}
