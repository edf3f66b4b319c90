// The client that the suite runs, once for each scenario: examples/mcp-client, whose user agrees to everything.
import { createPrivateKey } from 'node:crypto';
import { createFetch, createTokenManager, inProcess, type TokenManager } from 'evertoken';
import { grant, type OAuthClientOptions, oauthClient } from 'evertoken/oauth';
import { PrivateKeyJwt } from 'oauth4webapi';
import { createMcpFetch, discover } from '../../examples/mcp-client/mcp-fetch.js';
import { connect } from './rpc.js';

const { MCP_CONFORMANCE_SCENARIO: scenario = '', MCP_CONFORMANCE_PROTOCOL_VERSION: version } = process.env;
const context: Record<string, string> = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}');
const url = process.argv[2] ?? '';

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const { client_id: clientId = '', client_secret: secret = '' } = context;

/** A client that speaks for itself, with the grant of a scenario. */
async function service(
  type: string,
  authentication?: OAuthClientOptions['authentication'],
  parameters?: Parameters<typeof grant>[2],
): Promise<TokenManager> {
  const { server, resource } = await discover(url);
  const client = oauthClient({ issuer: server, clientId, resource, authentication });
  return createTokenManager({
    refresh: grant(client, type, parameters),
    refreshTokenIn: 'none',
    retry: { attempts: 1 },
  });
}

/** The assertion for the server of the resource, which the company's own server gives for an ID token (ID-JAG). */
async function exchange(): Promise<string> {
  const { server, resource } = await discover(url);
  const { idp_issuer: issuer = '', idp_client_id = '', idp_id_token: token = '' } = context;
  const company = oauthClient({ issuer, clientId: idp_client_id });
  const asked = {
    requested_token_type: 'urn:ietf:params:oauth:token-type:id-jag',
    audience: server.issuer,
    resource,
    subject_token: token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
  };
  const give = grant(company, 'urn:ietf:params:oauth:grant-type:token-exchange', asked);
  const answer = await give({ signal: AbortSignal.timeout(10_000) } as Parameters<typeof give>[0]);
  return ((await (answer as Response).json()) as { access_token: string }).access_token;
}

const services: Record<string, () => Promise<TokenManager>> = {
  'auth/client-credentials-basic': () => service('client_credentials', { secret }),
  'auth/client-credentials-jwt': async () => {
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
    const der = createPrivateKey(context.private_key_pem ?? '').export({ format: 'der', type: 'pkcs8' });
    const key = await crypto.subtle.importKey('pkcs8', new Uint8Array(der), algorithm, false, ['sign']);
    return service('client_credentials', PrivateKeyJwt(key));
  },
  'auth/wif-jwt-bearer': () => service(JWT_BEARER, undefined, { assertion: context.valid_jwt ?? '' }),
  'auth/enterprise-managed-authorization': () =>
    service(JWT_BEARER, { secret }, async () => ({ assertion: await exchange() })),
};

/** The browser of a user who agrees to everything: it follows redirects, back to the port that waits for it. */
async function open(address: string): Promise<void> {
  await (await fetch(address)).text();
}

async function send(): Promise<typeof fetch> {
  const tokens = await services[scenario]?.();
  if (tokens) return createFetch(tokens, { origins: [new URL(url).origin] });
  const { issuer } = context;
  return createMcpFetch({
    url,
    open,
    platform: inProcess(),
    metadataUrl: 'https://conformance-test.local/client-metadata.json',
    ...(issuer && { registered: { issuer, clientId, clientSecret: secret } }),
  });
}

const call = connect(url, await send(), version);
await call('tools/list');
await call('tools/call', { name: 'test-tool', arguments: {} });
