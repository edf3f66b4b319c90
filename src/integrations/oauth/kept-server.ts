import type { PendingServer } from '../../core/pending-sign-ins.js';
import { endpointOf, requireEndpoint, type ServerMetadata } from './metadata.js';

/** The part of a server's metadata that is needed to finish a sign-in. Throws `SignInError` without a token endpoint. */
export function serverToKeep(server: ServerMetadata): PendingServer {
  return {
    issuer: server.issuer,
    token_endpoint: requireEndpoint(server, 'token_endpoint'),
    ...defined({
      revocation_endpoint: endpointOf(server, 'revocation_endpoint'),
      end_session_endpoint: endpointOf(server, 'end_session_endpoint'),
      authorization_response_iss_parameter_supported: server.authorization_response_iss_parameter_supported,
      token_endpoint_auth_methods_supported: server.token_endpoint_auth_methods_supported,
      id_token_signing_alg_values_supported: server.id_token_signing_alg_values_supported,
    }),
  };
}

/** The members that are not undefined. */
export function defined<T extends object>(members: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never;
}
