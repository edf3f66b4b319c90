import { isTokenError } from '../../errors.js';

// Statuses; and codes that name no user, no client and no token, of RFC 6749, 6750, 7009, 8628, 8707, 9449, 9470 and
// OpenID Connect.
const CLOSED =
  /^(20[04]|40[013-589]|419|42[29]|50[0234]|invalid_(request|client|grant|scope|target|token|dpop_proof)|unauthorized_client|unsupported_grant_type|server_error|temporarily_unavailable|slow_down|access_denied|(interaction|login|consent)_required|insufficient_(scope|user_authentication)|use_dpop_nonce)$/;

const OTHER = '_OTHER';

/** A status or the code of an OAuth error, where it is one that a standard names. */
export function closed<T>(value: T): T | '_OTHER' {
  return value === undefined || CLOSED.test(String(value)) ? value : OTHER;
}

/** The code of one of our own errors. */
export function errorTypeOf(error: unknown): string {
  return isTokenError(error) ? error.code : OTHER;
}

/** What an error of others says about a request: its status, that it came too late, or that the network failed. */
export function failureOf(error: unknown, signal: AbortSignal): { status?: unknown; type: string } {
  const { status, response, name } = Object(error) as { status?: unknown; response?: unknown; name?: unknown };
  const found = status ?? (Object(response) as { status?: unknown }).status;
  if (typeof found === 'number') return { status: found, type: String(closed(found)) };
  if (signal.aborted) return { type: 'timeout' };
  return { type: /^(TypeError|NetworkError|FetchError)$/.test(String(name)) ? 'network' : OTHER };
}

/** The host of a URL or an origin. */
export function hostOf(url = ''): string | undefined {
  return /:\/\/([^/:]+)/.exec(url)?.[1];
}
