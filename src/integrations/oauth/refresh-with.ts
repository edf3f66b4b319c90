import { hooks, type RequestWithHooks } from '../../core/hooks.js';
import type { RefreshTokens } from '../../manager/token-manager.js';
import { readClaimsChallenge } from './challenge.js';
import { internalsOf, type OAuthClient } from './client.js';
import { serverToKeep } from './kept-server.js';
import { requireEndpoint, type ServerMetadata } from './metadata.js';
import { forManager } from './network-error.js';
import { serverOf } from './revoke-with.js';
import { formRequest } from './send-form.js';
import { endpointsOf } from './session-grant.js';

type RefreshRequest = Parameters<RefreshTokens>[0];

/** Statuses of an endpoint that has moved: the request was not processed. */
const MOVED = [404, 405, 410];

/**
 * Refreshes at the server of this client (RFC 6749 section 6).
 *
 * A refresh token is presented to the server that granted it and to no other, at the endpoint that the session keeps. Where
 * that has moved (404, 405, 410), the server is asked once where to, and the session keeps what it says. What an API asked
 * for in a claims challenge is asked of the server.
 *
 * @example
 * const tokens = createTokenManager({ refresh: refreshWith(client), revoke: revokeWith(client), platform: browser() });
 */
export function refreshWith(client: OAuthClient): RefreshTokens {
  const internal = internalsOf(client);
  const { metadata, resources } = internal;

  async function send(
    server: ServerMetadata,
    { refreshToken, challenge, binding, target, signal }: RefreshRequest,
  ): Promise<Response> {
    const form = {
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
      // What names an audience names what the token is for.
      resource: target?.resource ?? (target?.audience ? undefined : resources[0]),
      audience: target?.audience,
      scope: target?.scopes?.join(' '),
      claims: readClaimsChallenge(challenge),
    };
    const made = await formRequest(internal, client.clientId, server, form);
    const fetch = internal.sender(binding);
    return fetch(requireEndpoint(server, 'token_endpoint'), { ...made, redirect: 'manual', signal });
  }

  const refresh = async (request: RefreshRequest & RequestWithHooks) => {
    if (request.issuer !== undefined && request.issuer !== client.issuer) {
      throw refusal('unauthorized_client', 'another server granted this session; sign in again at this one');
    }
    const { resource } = request.target ?? {};
    // A server may spend the refresh token before it looks at the resource.
    if (resource !== undefined && !resources.includes(resource)) {
      throw refusal('unauthorized_client', 'the client does not name this resource; list it in `resource`');
    }
    if (request.refreshToken === undefined) {
      throw refusal('login_required', 'the session has no refresh token; ask for the scope offline_access');
    }
    const server = await serverOf(client, internal, request).catch(forManager);
    const response = await send(server, request);
    if (!MOVED.includes(response.status)) return response;
    const now = await metadata(true).catch(() => server);
    const found = requireEndpoint(now, 'token_endpoint');
    if (found === requireEndpoint(server, 'token_endpoint')) return response;
    request[hooks]?.moved(endpointsOf(serverToKeep(now)));
    return send(now, request);
  };
  return Object.assign(refresh, { forTargets: true as const });
}

/** An error that the manager reads as the answer of a server: no request was made. */
function refusal(error: string, why: string): Error {
  return Object.assign(new Error(`Expected a refresh to be possible, but ${why}.`), { error });
}
