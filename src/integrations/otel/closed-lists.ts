import { isTokenError } from '../../errors.js';

// Statuses; and codes that name no user, no client and no token, of RFC 6749, 6750, 7009, 8628, 8707, 9449, 9470 and
// OpenID Connect.
const CLOSED = new Set<unknown>([
  ...[200, 204, 400, 401, 403, 404, 405, 408, 409, 419, 422, 429, 500, 502, 503, 504],
  ...`invalid_request invalid_client invalid_grant unauthorized_client unsupported_grant_type invalid_scope invalid_target
  server_error temporarily_unavailable slow_down access_denied interaction_required login_required consent_required
  invalid_token insufficient_scope insufficient_user_authentication use_dpop_nonce invalid_dpop_proof`.split(/\s+/),
]);

const OTHER = '_OTHER';

/** A status or the code of an OAuth error, where it is one that a standard names. */
export function closed<T>(value: T): T | '_OTHER' {
  return value === undefined || CLOSED.has(value) ? value : OTHER;
}

/** The code of one of our own errors. */
export function errorTypeOf(error: unknown): string {
  return isTokenError(error) ? error.code : OTHER;
}

/** What an error of others says about a request: its status, that it came too late, or that the network failed. */
export function failureOf(error: unknown, isAborted: boolean): { status?: unknown; type: string } {
  const { status, response, name } = Object(error) as { status?: unknown; response?: unknown; name?: unknown };
  const found = status ?? (Object(response) as { status?: unknown }).status;
  if (typeof found === 'number') return { status: found, type: String(closed(found)) };
  if (isAborted) return { type: 'timeout' };
  return { type: /^(TypeError|NetworkError|FetchError)$/.test(String(name)) ? 'network' : OTHER };
}

/** The host of a URL or an origin. */
export function hostOf(url = ''): string | undefined {
  return /:\/\/([^/:]+)/.exec(url)?.[1];
}
