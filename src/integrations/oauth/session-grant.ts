import type { PendingServer } from '../../core/pending-sign-ins.js';
import type { GrantEndpoints, SignInGrant } from '../../core/session-grant.js';

/** What a server that has granted a session is remembered by. */
export function grantOf(
  server: PendingServer,
  requestedAt: number,
  { binding, continues = false }: { binding?: string | undefined; continues?: boolean | undefined } = {},
): SignInGrant {
  return { issuer: server.issuer, endpoints: endpointsOf(server), binding, requestedAt, continues };
}

/** What a session keeps of its server's metadata, so that a refresh after a reload costs no discovery. */
export function endpointsOf(server: PendingServer): GrantEndpoints {
  return {
    token: server.token_endpoint,
    revocation: server.revocation_endpoint,
    endSession: server.end_session_endpoint,
    authMethods: server.token_endpoint_auth_methods_supported,
  };
}
