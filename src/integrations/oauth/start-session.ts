import type { PendingServer } from '../../core/pending-sign-ins.js';
import type { TokenResponse } from '../../core/token-set.js';
import type { TokenManager } from '../../manager/token-manager.js';

/** The facts about a session that the manager gets with its tokens. */
export interface Grant {
  readonly issuer: string;
  /** Epoch milliseconds on the local clock, just before the tokens were requested. */
  readonly requestedAt: number;
  /** The session goes on where it is the same user's. */
  readonly continues: boolean;
  readonly endpoints: {
    readonly token: string;
    readonly revocation?: string;
    readonly endSession?: string;
    readonly authMethods?: readonly string[];
  };
}

/** What a server that has granted a session is remembered by. */
export function grantOf(server: PendingServer, requestedAt: number, continues = false): Grant {
  const { revocation_endpoint, end_session_endpoint, token_endpoint_auth_methods_supported } = server;
  return {
    issuer: server.issuer,
    requestedAt,
    continues,
    endpoints: {
      token: server.token_endpoint,
      ...(revocation_endpoint !== undefined && { revocation: revocation_endpoint }),
      ...(end_session_endpoint !== undefined && { endSession: end_session_endpoint }),
      ...(token_endpoint_auth_methods_supported && { authMethods: token_endpoint_auth_methods_supported }),
    },
  };
}

/** Starts a session with its grant; managers that do not keep the grant take the tokens alone. */
export function startSession(tokens: TokenManager, response: TokenResponse, grant: Grant): Promise<void> {
  const manager: { startSession(response: TokenResponse, grant?: Grant): Promise<void> } = tokens;
  return manager.startSession(response, grant);
}
