import { readDestination } from '../../core/origin.js';
import { redact } from '../../core/redact.js';
import { request } from './request.js';
import { SignInError } from './sign-in-error.js';

/** What an authorization server says of itself (RFC 8414, OpenID Connect Discovery); more members are allowed. */
export interface ServerMetadata {
  readonly issuer: string;
  readonly authorization_endpoint?: string;
  readonly token_endpoint?: string;
  readonly revocation_endpoint?: string;
  readonly introspection_endpoint?: string;
  readonly userinfo_endpoint?: string;
  readonly end_session_endpoint?: string;
  readonly registration_endpoint?: string;
  readonly pushed_authorization_request_endpoint?: string;
  readonly device_authorization_endpoint?: string;
  readonly require_pushed_authorization_requests?: boolean;
  readonly authorization_response_iss_parameter_supported?: boolean;
  readonly token_endpoint_auth_methods_supported?: readonly string[];
  readonly id_token_signing_alg_values_supported?: readonly string[];
  /** Endpoints for clients that prove themselves by a certificate (RFC 8705 section 5). */
  readonly mtls_endpoint_aliases?: Readonly<Record<string, string | undefined>>;
  /** Not from an RFC: the client authenticates by a certificate, so the aliases are used. */
  readonly mtls?: boolean;
  readonly [name: string]: unknown;
}

/** The names of the members that hold an address. */
export type EndpointName =
  | 'authorization_endpoint'
  | 'token_endpoint'
  | 'revocation_endpoint'
  | 'introspection_endpoint'
  | 'userinfo_endpoint'
  | 'end_session_endpoint'
  | 'registration_endpoint'
  | 'pushed_authorization_request_endpoint'
  | 'device_authorization_endpoint';

/** How to ask. */
export interface AskOptions {
  readonly fetch?: typeof fetch | undefined;
  readonly allowInsecure?: boolean | undefined;
}

/** The time limit for all requests of one discovery. */
const DISCOVERY_MS = 10_000;

/** Fetches the metadata of a server from its well-known URLs, one after another. Throws `SignInError`. */
export async function discover(issuer: string, options: AskOptions): Promise<ServerMetadata> {
  const begun = Date.now();
  let foreign = false;
  let unreachable: { readonly status?: number; readonly cause?: Error } | undefined;
  let noAnswer = 'no answer';
  for (const url of placesOf(issuer)) {
    const limitMs = DISCOVERY_MS - (Date.now() - begun);
    if (limitMs <= 0) break;
    try {
      const { status, body } = await request(url, { limitMs, ...options });
      if (status === 429 || status >= 500) unreachable ??= { status };
      if (status !== 200 || body === undefined) continue;
      if (body.issuer === issuer) return check(body as unknown as ServerMetadata, options);
      foreign = true;
    } catch (error) {
      if (error instanceof SignInError) throw error;
      unreachable ??= { cause: new Error(redact(String(Object(error).message ?? error), [])) };
      const { code } = Object(Object(error).cause) as { code?: unknown };
      if (/^[A-Z_]+$/.test(String(code))) noAnswer = `no answer (${code})`; // as Node has it: ECONNREFUSED
    }
  }
  const expected = `Expected metadata of ${shown(issuer)} below /.well-known/, but`;
  if (!foreign && unreachable) {
    const { status } = unreachable;
    const message = `${expected} ${status ? `status ${status}` : noAnswer} came; check the issuer and the network, or try again.`;
    throw new SignInError('ERR_SIGN_IN_NETWORK', message, { ...unreachable, again: 'begin' });
  }
  const came = foreign ? 'metadata of another issuer' : 'none';
  throw new SignInError('ERR_SIGN_IN_CONFIG', `${expected} ${came} came; check the issuer, to the last slash.`);
}

/** Checks metadata that were given or found: each endpoint must be fit for secrets. Throws `SignInError`. */
export function check(metadata: ServerMetadata, { allowInsecure }: AskOptions): ServerMetadata {
  for (const [name, value] of Object.entries({ ...metadata, ...metadata.mtls_endpoint_aliases })) {
    if (!name.endsWith('_endpoint') || (value ?? undefined) === undefined) continue;
    const destination = readDestination(String(value));
    if (destination && (destination.secure || allowInsecure === true)) continue;
    const message = `Expected ${name} of ${shown(metadata.issuer)} to be an https address, but it is none.`;
    throw new SignInError('ERR_SIGN_IN_CONFIG', message);
  }
  return metadata;
}

/** The address of an endpoint, where the server has it. */
export function endpointOf(metadata: ServerMetadata, name: EndpointName): string | undefined {
  const alias = metadata.mtls ? metadata.mtls_endpoint_aliases?.[name] : undefined;
  const address = alias ?? metadata[name];
  return typeof address === 'string' ? address : undefined;
}

/** The address of an endpoint that there has to be. Throws `SignInError`. */
export function requireEndpoint(metadata: ServerMetadata, name: EndpointName): string {
  const endpoint = endpointOf(metadata, name);
  if (endpoint !== undefined) return endpoint;
  throw new SignInError(
    'ERR_SIGN_IN_CONFIG',
    `Expected ${shown(metadata.issuer)} to have a ${name}, but it names none.`,
  );
}

/** An issuer as an error may show it: its origin. */
function shown(issuer: string): string {
  return readDestination(issuer)?.origin ?? 'the issuer';
}

// RFC 8414 section 3.1 puts the well-known name before the path, OpenID Connect Discovery section 4 after it.
function placesOf(issuer: string): ReadonlySet<string> {
  const { origin = '' } = readDestination(issuer) ?? {};
  const base = issuer.replace(/\/$/, '');
  const path = base.slice(/^https?:\/\/[^/]+/i.exec(base)?.[0].length);
  return new Set([
    `${origin}/.well-known/oauth-authorization-server${path}`,
    `${origin}/.well-known/openid-configuration${path}`,
    `${base}/.well-known/openid-configuration`,
  ]);
}
