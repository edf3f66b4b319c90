// A real authorization server in C (Glewlwyd 2.7) on a loopback port, in a temporary folder, with a database of its own.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { freePort } from './free-port.js';

/** Where `npm run glewlwyd` has put it. */
const root = fileURLToPath(new URL('../../node_modules/.cache/glewlwyd/', import.meta.url));
const binary = join(root, 'usr/bin/glewlwyd');
const needs =
  'npm run glewlwyd, and the packages libulfius2.7 libhoel1.4 libiddawc1.1 liboath0 libconfig9 libldap-2.5-0 sqlite3';

/** It is there, with its libraries. */
export const hasGlewlwyd: boolean =
  existsSync(binary) &&
  !spawnSync('ldd', [binary]).stdout.includes('not found') &&
  spawnSync('sqlite3', ['--version']).status === 0;

if (!hasGlewlwyd) {
  if (process.env.REQUIRE_GLEWLWYD) throw new Error(`REQUIRE_GLEWLWYD is set and Glewlwyd is not there: ${needs}`);
  console.warn(`skipped: Glewlwyd, because it is not there; ${needs}`);
}

export const CALLBACK = 'https://app.test/callback';
export const API = 'https://api.test/';
/** A secret that HTTP Basic would change if it were form-encoded, and one that it would not. */
export const SECRETS = { awkward: 's-_.~ +secret', plain: 'a-plain_secret.1' } as const;

/** The server, and the browser of its user, who agrees to everything. */
export interface GlewlwydServer {
  readonly issuer: string;
  /** The address of the plug-in, below which its endpoints are. */
  readonly base: string;
  /** Signs in where the server asks for that, and comes back with the address that the server sent the browser to. */
  visit(url: string): Promise<string>;
  /** Confirms the code of a device. */
  confirm(userCode: string): Promise<void>;
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const server of running) server.kill('SIGKILL');
});

/** How the server deals with DPoP proofs; default it looks at none. */
export interface GlewlwydProofs {
  /** How often each nonce is good; a proof without one is refused. */
  readonly nonceUses: number;
  /** How old a proof may be, and how far ahead of the server's clock, in seconds; looked at although the nonce is right. */
  readonly oldS: number;
  readonly aheadS: number;
}

/** Starts the server and makes its plug-in, a user, clients and scopes by its REST API. */
export async function startGlewlwyd(proofs?: GlewlwydProofs): Promise<GlewlwydServer> {
  const folder = mkdtempSync(join(tmpdir(), 'evertoken-glewlwyd-'));
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const base = `${origin}/api/oidc`;
  const database = join(folder, 'database');
  const init = gunzipSync(readFileSync(join(root, 'usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz')));
  const made = spawnSync('sqlite3', [database], { input: init });
  if (made.status !== 0) throw new Error(`sqlite3 could not make the database: ${made.stderr}`);
  mkdirSync(join(folder, 'none'));
  const config = join(folder, 'glewlwyd.conf');
  writeFileSync(config, configuration({ port, origin, folder, database }));
  const child = spawn(binary, [`--config-file=${config}`], { stdio: 'ignore' });
  running.add(child);
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.once('exit', () => running.delete(child));
  for (let tries = 0; !(await fetch(`${origin}/config/`).catch(() => undefined)); tries++) {
    if (tries > 1_000 || child.exitCode !== null) throw new Error('Glewlwyd does not listen');
    await sleep(10);
  }
  await setUp(origin, base, proofs);
  const user = browserOf(origin, base);
  return {
    issuer: base,
    base,
    ...user,
    async stop() {
      child.kill('SIGKILL');
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function configuration({ port, origin, folder, database }: Record<string, string | number>): string {
  const modules = join(root, 'usr/lib/glewlwyd');
  return `
port=${port}
bind_address="127.0.0.1"
external_url="${origin}"
login_url="login.html"
api_prefix="api"
static_files_path="${folder}/none"
allow_origin="*"
allow_methods="GET, POST, PUT, DELETE, OPTIONS"
allow_headers="Origin, X-Requested-With, Content-Type, Accept, Authorization, DPoP"
log_mode="file"
log_level="ERROR"
log_file="${folder}/log"
cookie_domain="127.0.0.1"
session_key="GLEWLWYD2_SESSION_ID"
session_expiration=3600
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="${modules}/user"
user_middleware_module_path="${folder}/none"
client_module_path="${modules}/client"
user_auth_scheme_module_path="${modules}/scheme"
plugin_module_path="${modules}/plugin"
hash_algorithm="SHA512"
database = { type = "sqlite3" path = "${database}" };
`;
}

/** One user agent with cookies; JSON in, the response out. */
function agent(origin: string): (method: string, path: string, body?: unknown) => Promise<Response> {
  let cookie = '';
  return async (method, path, body) => {
    const response = await fetch(new URL(path, `${origin}/`), {
      method,
      redirect: 'manual',
      headers: { cookie, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    for (const set of response.headers.getSetCookie()) cookie = set.split(';')[0] ?? cookie;
    return response;
  };
}

async function setUp(origin: string, base: string, proofs: GlewlwydProofs | undefined): Promise<void> {
  const ask = agent(origin);
  const add = async (path: string, body: unknown) => {
    const response = await ask('POST', path, body);
    if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`);
  };
  await add('/api/auth/', { username: 'admin', password: 'password' });
  for (const name of ['orders', 'offline_access']) {
    await add('/api/scope/', { name, display_name: name, password_required: false });
  }
  await add('/api/user/', {
    username: 'ada',
    password: 'passw0rd',
    name: 'Ada',
    scope: ['g_profile', 'openid', 'orders', 'offline_access'],
  });
  const app = {
    name: 'app',
    scope: ['openid', 'orders', 'offline_access'],
    enabled: true,
    redirect_uri: [CALLBACK],
    post_logout_redirect_uri: 'https://app.test/bye',
    authorization_type: ['code', 'refresh_token', 'device_authorization'],
    token_endpoint_auth_method: ['none'],
    resource: [API],
    confidential: false,
  };
  await add('/api/client/', { ...app, client_id: 'app' });
  const service = {
    ...app,
    confidential: true,
    token_endpoint_auth_method: ['client_secret_basic', 'client_secret_post'],
  };
  for (const [name, secret] of Object.entries(SECRETS)) {
    const types = ['code', 'refresh_token', 'client_credentials'];
    await add('/api/client/', { ...service, client_id: name, client_secret: secret, authorization_type: types });
  }
  const key = await signingKey();
  await add('/api/mod/plugin/', {
    module: 'oidc',
    name: 'oidc',
    display_name: 'oidc',
    order_rank: 0,
    parameters: {
      iss: base,
      'jwks-private': JSON.stringify({ keys: [key] }),
      'default-kid': 'test',
      'jwt-type': 'ecdsa',
      'jwt-key-size': '256',
      'access-token-duration': 60,
      'refresh-token-duration': 3_600,
      'code-duration': 60,
      'refresh-token-rolling': true,
      'refresh-token-one-use': 'always',
      'allow-non-oidc': true,
      'auth-type-code-enabled': true,
      'auth-type-code-revoke-replayed': true,
      'auth-type-client-enabled': true,
      'auth-type-refresh-enabled': true,
      'auth-type-device-enabled': true,
      'auth-type-token-enabled': false,
      'auth-type-implicit-enabled': false,
      'auth-type-password-enabled': false,
      'device-authorization-expiration': 600,
      'device-authorization-interval': 1,
      'pkce-allowed': true,
      'pkce-required': false,
      'pkce-required-public-client': true,
      'pkce-method-plain-allowed': false,
      'introspection-revocation-allowed': true,
      'introspection-revocation-allow-target-client': true,
      'session-management-allowed': true,
      'session-cookie-name': 'GLEWLWYD2_OIDC_SID',
      'session-cookie-expiration': 3_600,
      'oauth-par-allowed': true,
      'oauth-par-required': false,
      'oauth-par-duration': 90,
      'oauth-par-request_uri-prefix': 'urn:ietf:params:oauth:request_uri:',
      'resource-allowed': true,
      'resource-client-property': 'resource',
      'oauth-as-iss-id': true,
      'request-parameter-allow': false,
      'subject-type': 'public',
      'register-client-allowed': false,
      'restrict-scope-client-property': '',
      scope: [{ name: 'openid' }, { name: 'orders' }, { name: 'offline_access' }],
      'allowed-scope': ['openid', 'orders', 'offline_access'],
      ...(proofs && {
        'oauth-dpop-allowed': true,
        'oauth-dpop-iat-duration': proofs.oldS,
        'oauth-dpop-iat-gap-duration': proofs.aheadS,
        'oauth-dpop-nonce-mandatory': true,
        'oauth-dpop-nonce-counter': proofs.nonceUses,
      }),
    },
  });
}

async function signingKey(): Promise<object> {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const { key_ops: _, ext: __, ...key } = await crypto.subtle.exportKey('jwk', pair.privateKey);
  return { ...key, kid: 'test', alg: 'ES256', use: 'sig' };
}

function browserOf(origin: string, base: string): Pick<GlewlwydServer, 'visit' | 'confirm'> {
  const ask = agent(origin);
  const signIn = async () => {
    const response = await ask('POST', '/api/auth/', { username: 'ada', password: 'passw0rd' });
    if (!response.ok) throw new Error(`Ada cannot sign in: ${response.status}`);
    for (const client of ['app', ...Object.keys(SECRETS)]) {
      await ask('PUT', `/api/auth/grant/${client}`, { scope: 'openid orders offline_access' });
    }
  };
  return {
    async visit(url) {
      let next = url;
      for (let step = 0; step < 10; step++) {
        const response = await ask('GET', next);
        const location = response.headers.get('location');
        if (location === null) throw new Error(`GET ${next}: ${response.status} ${await response.text()}`);
        const found = new URL(location, next);
        if (found.origin !== origin) return found.href;
        if (!found.pathname.endsWith('login.html')) {
          next = found.href;
          continue;
        }
        await signIn();
        next = `${found.searchParams.get('callback_url')}&g_continue`; // as its own page does
      }
      throw new Error('Glewlwyd goes on asking');
    },
    async confirm(userCode) {
      await signIn();
      const response = await ask('GET', `${base}/device?code=${userCode}&g_continue`);
      if (response.status >= 400) throw new Error(`The code was not confirmed: ${response.status}`);
    },
  };
}
