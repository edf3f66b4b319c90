import {
  type Challenge,
  createFetch,
  createTokenManager,
  isTokenError,
  type Platform,
  type RefreshTokens,
} from 'evertoken';
import { type DpopKeys, dpop, memoryKeys } from 'evertoken/dpop';
import { loopbackSignIn } from 'evertoken/loopback';
import {
  createSignIn,
  discoverResource,
  discoverServer,
  type OAuthClient,
  type OAuthClientOptions,
  oauthClient,
  refreshWith,
  registerClient,
  type ServerMetadata,
} from 'evertoken/oauth';

/** What {@link createMcpFetch} needs. */
export interface McpOptions {
  /** The address of the MCP server. */
  url: string;
  /** Opens the user's browser. */
  open(url: string): unknown;
  /** Where the session is kept. */
  platform: Platform;
  /** The address of a client metadata document, for servers that take such a client identifier. */
  metadataUrl?: string;
  /** A client that was registered by hand, at this issuer alone. */
  registered?: { issuer: string; clientId: string; clientSecret?: string };
  /** Where keys are kept, for servers that bind access tokens to one. Default: in memory, gone with the process. */
  keys?: DpopKeys;
}

type Identity = Pick<OAuthClientOptions, 'clientId' | 'authentication'>;

/** How often one request may send the user to sign in: once, and once more for the scopes that it turns out to need. */
const MAX_SIGN_INS = 2;
const REDIRECT_URI = 'http://127.0.0.1/callback'; // any port of loopback (RFC 8252 section 7.3)

/** A `fetch` for one MCP server: it finds out who may issue access tokens, registers, signs the user in, and asks for more. */
export function createMcpFetch({ url, open, platform, metadataUrl, registered, ...more }: McpOptions): typeof fetch {
  const signer = dpop({ keys: more.keys ?? memoryKeys() });
  let client: OAuthClient | undefined;
  const refresh: RefreshTokens = async (request) => {
    client ??= (await choose(undefined)).client; // after a restart
    return refreshWith(client)(request);
  };
  const tokens = createTokenManager({ refresh, platform, proactive: false, key: `mcp:${url}` });
  const origins = [new URL(url).origin];
  const api = createFetch(tokens, { origins, withoutSession: 'send', fetch: signer.fetch(tokens) });
  /** One client for each issuer: what one server has registered is never shown to another. */
  const clients = new Map<string, OAuthClient>();

  async function choose(challenge: Challenge | undefined): Promise<{ client: OAuthClient; scopes: string[] }> {
    const { resource, server, scopes } = await discover(url, challenge);
    const bound = server.dpop_signing_alg_values_supported ? { dpop: signer } : {};
    const about = { issuer: server, resource, ...bound };
    const known = clients.get(server.issuer) ?? oauthClient({ ...(await register(server)), ...about });
    clients.set(server.issuer, known);
    const mayStay = Array.isArray(server.scopes_supported) && server.scopes_supported.includes('offline_access');
    return { client: known, scopes: mayStay ? [...scopes, 'offline_access'] : scopes };
  }

  async function register(server: ServerMetadata): Promise<Identity> {
    if (registered?.issuer === server.issuer) return withSecret(registered.clientId, registered.clientSecret);
    if (metadataUrl && server.client_id_metadata_document_supported === true) return { clientId: metadataUrl };
    const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    const answer = await registerClient(server, {
      client_name: 'evertoken MCP example',
      application_type: 'native',
      redirect_uris: [REDIRECT_URI],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: methods.includes('none') ? 'none' : methods[0],
    });
    return withSecret(answer.client_id, answer.client_secret, answer.token_endpoint_auth_method);
  }

  async function signIn(challenge: Challenge): Promise<void> {
    const chosen = await choose(challenge);
    const isSame = client === undefined || client === chosen.client;
    client = chosen.client;
    // what was granted is asked for again beside what is missing, but not at another server
    const asked = isSame ? { challenge } : {};
    const page = createSignIn({ client, tokens, platform, key: `mcp:${url}` });
    await loopbackSignIn(page, { open, scopes: chosen.scopes, ...asked });
  }

  return async (input, init) => {
    for (let signIns = 0; ; signIns++) {
      const response = await api(input, init);
      const challenge = readChallenge(response);
      if (!challenge || signIns === MAX_SIGN_INS) return response;
      await signIn(challenge);
    }
  };
}

/** Who may issue access tokens for a resource, and which scopes it takes. */
export async function discover(
  url: string,
  challenge?: Challenge,
): Promise<{ resource: string; server: ServerMetadata; scopes: string[] }> {
  const named = challenge?.parameters.scope?.split(' ');
  try {
    const found = await discoverResource(url, challenge && { challenge });
    const server = await discoverServer(found.authorization_servers?.[0] ?? new URL(url).origin);
    return { resource: found.resource, server, scopes: named ?? [...(found.scopes_supported ?? [])] };
  } catch (error) {
    // a resource that says nothing of itself is older than RFC 9728 in this protocol: its own origin issues
    if (challenge?.parameters.resource_metadata || !isTokenError(error)) throw error;
  }
  const { origin } = new URL(url);
  const server = await discoverServer(origin).catch(() => ({
    issuer: origin,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    registration_endpoint: `${origin}/register`,
  }));
  return { resource: url, server, scopes: named ?? [] };
}

function withSecret(clientId: string, secret?: string, method?: unknown): Identity {
  if (!secret || method === 'none') return { clientId };
  return { clientId, authentication: method === 'client_secret_post' ? { secret, method: 'post' } : { secret } };
}

/** What an answer asks of the user; undefined where it asks nothing. */
function readChallenge({ status, headers }: Response): Challenge | undefined {
  const header = headers.get('www-authenticate') ?? '';
  if (status !== 401 && !(status === 403 && /error="?insufficient_scope/.test(header))) return undefined;
  const found = [...header.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]);
  return { scheme: 'bearer', parameters: Object.fromEntries(found) };
}
