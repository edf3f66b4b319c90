import type { RefreshTokens } from '../../manager/token-manager.js';
import { refuse } from '../origins.js';
import { checkParameters, internalsOf, type OAuthClient } from './client.js';
import { requireEndpoint } from './metadata.js';
import { forManager } from './network-error.js';
import { formRequest } from './send-form.js';

type RefreshRequest = Parameters<RefreshTokens>[0];

/** Parameters of a grant, or what makes them for each request. */
export type GrantParameters =
  | Readonly<Record<string, string>>
  | ((request: RefreshRequest) => Readonly<Record<string, string>> | PromiseLike<Readonly<Record<string, string>>>);

/**
 * A refresh function that needs no refresh token: the client itself, a token or an assertion is the grant.
 *
 * Client credentials (RFC 6749 section 4.4), token exchange (RFC 8693), JWT bearer (RFC 7523) or any other type, which is
 * sent as it was given. Beside the parameters given, only the client's own proof and its first `resource` are sent.
 *
 * @example
 * const refresh = grant(client, 'client_credentials', { scope: 'orders.read' });
 */
export function grant(client: OAuthClient, type: string, parameters: GrantParameters = {}): RefreshTokens {
  const internal = internalsOf(client);
  if (typeof type !== 'string' || !type) refuse('type', "a grant type such as 'client_credentials'", type);
  if (typeof parameters !== 'function') checkParameters(parameters);
  return async (request) => {
    const server = await internal.metadata().catch(forManager);
    const form = typeof parameters === 'function' ? await parameters(request) : parameters;
    const made = await formRequest(internal, client.clientId, server, {
      resource: internal.resources[0],
      ...form,
      grant_type: type,
    });
    const send = internal.options.fetch ?? globalThis.fetch;
    return send(requireEndpoint(server, 'token_endpoint'), { ...made, redirect: 'manual', signal: request.signal });
  };
}
