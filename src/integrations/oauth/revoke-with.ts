import type { SessionGrant } from '../../core/session-grant.js';
import type { TokenManagerOptions } from '../../manager/options.js';
import { sessionKeys } from '../dpop/session-keys.js';
import { type ClientInternals, internalsOf, type OAuthClient } from './client.js';
import { endpointOf, type ServerMetadata } from './metadata.js';
import { formRequest } from './send-form.js';

type RevokeTokens = NonNullable<TokenManagerOptions['revoke']>;
type RevokeRequest = Parameters<RevokeTokens>[0];

/**
 * Tells the server that a session is over (RFC 7009), in a way that outlives the page.
 *
 * The refresh token is revoked, and with it what it granted; without one, the access token. Does nothing where the server
 * has no revocation endpoint, or where another server granted the session. The key of a bound session is removed.
 *
 * @example
 * createTokenManager({ refresh: refreshWith(client), revoke: revokeWith(client), platform: browser() });
 */
export function revokeWith(client: OAuthClient): RevokeTokens {
  const internal = internalsOf(client);
  return async (request: RevokeRequest) => {
    if (request.issuer !== undefined && request.issuer !== client.issuer) return undefined;
    try {
      const server = await serverOf(client, internal, request);
      return await revokeTokens(client, server, request, request.signal);
    } finally {
      await internal.options.dpop?.[sessionKeys].remove([request.binding]);
    }
  };
}

/** Revokes what there is. Rejects where no answer came. */
export async function revokeTokens(
  client: OAuthClient,
  server: ServerMetadata,
  { refreshToken, accessToken }: { refreshToken?: string; accessToken?: string },
  signal?: AbortSignal,
): Promise<Response | undefined> {
  const internal = internalsOf(client);
  const url = endpointOf(server, 'revocation_endpoint');
  const token = refreshToken ?? accessToken;
  if (url === undefined || token === undefined) return undefined;
  const hint = refreshToken === undefined ? 'access_token' : 'refresh_token';
  const made = await formRequest(internal, client.clientId, server, { token, token_type_hint: hint });
  const send = internal.options.fetch ?? globalThis.fetch;
  return send(url, { ...made, redirect: 'manual', keepalive: true, ...(signal && { signal }) });
}

/** The server as the session remembers it, else as it says of itself. */
export async function serverOf(
  client: OAuthClient,
  { metadata }: ClientInternals,
  { endpoints }: SessionGrant,
): Promise<ServerMetadata> {
  if (endpoints === undefined) return metadata();
  return {
    issuer: client.issuer,
    token_endpoint: endpoints.token,
    ...(endpoints.revocation !== undefined && { revocation_endpoint: endpoints.revocation }),
    ...(endpoints.authMethods && { token_endpoint_auth_methods_supported: endpoints.authMethods }),
  };
}
