import { hooks } from '../../core/hooks.js';
import type { SessionGrant } from '../../core/session-grant.js';
import type { TokenManager } from '../../manager/token-manager.js';
import { sessionKeys } from '../dpop/session-keys.js';
import { withQuery } from './begin.js';
import { internalsOf, type OAuthClient } from './client.js';
import { endpointOf } from './metadata.js';
import type { SignInContext } from './sign-in-context.js';

/** Longer addresses are cut off on the way; then the server has to ask whom to sign out. */
const MAX_URL = 2_000;

/** Ends every sign-in under way, then the session; gives the address at which its server ends its own. */
export async function signOut(
  context: SignInContext & { readonly tokens: TokenManager },
  returnTo: string | undefined,
): Promise<string | undefined> {
  const { client, store, secrets, tokens } = context;
  let over: readonly (string | undefined)[] = [];
  // Pending sign-ins first, because they could still start a session.
  const failure = await store
    .change(({ pending, traces, ...rest }, write) => {
      over = [...pending.values(), ...traces].map(({ binding }) => binding);
      return write({ ...rest, pending: new Map(), traces: [] });
    })
    .then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
  // The storage has the newest tokens: this tab may have been suspended, or believe that nobody is signed in.
  await tokens[hooks]?.look?.();
  const hint = tokens[hooks]?.idToken?.();
  const grant = tokens[hooks]?.grant?.();
  await tokens.endSession();
  await internalsOf(client).options.dpop?.[sessionKeys].prune(context, [...over, grant?.binding]);
  if (failure) throw failure.error;
  const address = await addressFor(client, grant);
  if (address === undefined) return undefined;
  const state = returnTo === undefined ? undefined : secrets.random();
  const more = {
    client_id: isOf(client, grant) ? client.clientId : undefined,
    post_logout_redirect_uri: returnTo,
    state,
  };
  const url = withQuery(address, { id_token_hint: hint, ...more });
  return url.length <= MAX_URL ? url : withQuery(address, more);
}

/** As the session remembers it, else as the client's server says; an ID token is shown to no other server than its own. */
async function addressFor(client: OAuthClient, grant: SessionGrant | undefined): Promise<string | undefined> {
  if (grant?.endpoints?.endSession !== undefined) return grant.endpoints.endSession;
  const server = isOf(client, grant)
    ? await internalsOf(client)
        .metadata()
        .catch(() => undefined)
    : undefined;
  return server && endpointOf(server, 'end_session_endpoint');
}

/** Whether it is the client's own server that granted the session. */
function isOf(client: OAuthClient, grant: SessionGrant | undefined): boolean {
  return grant?.issuer === undefined || grant.issuer === client.issuer;
}
