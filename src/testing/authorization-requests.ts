import type { World } from './auth-world.js';
import { authenticate } from './clients.js';
import { demandProof } from './demand-proof.js';
import type { AuthorizationRequest } from './desk.js';
import { type Answer, type Exchange, json, page, readParameters, redirect, refusal } from './exchange.js';

/** An error that travels back to the client (RFC 6749 section 4.1.2.1). */
type Refusal = readonly [error: string, why: string];

/** Who is signed in at the server after this request, since when and how. */
interface Login {
  readonly user: string;
  readonly authenticatedAt: number;
  readonly acr: string | undefined;
}

const PUSHED_LIFETIME_MS = 60_000;

/** Sends the user back with a code, without asking anybody (RFC 6749 section 4.1). */
export function actOnAuthorize(world: World, exchange: Exchange): Answer {
  const asked = exchange.method === 'POST' ? readParameters(exchange) : exchange.url.searchParams;
  if (!asked) return refusal(400, 'invalid_request', 'neither a query nor a form');
  const parameters = resolve(world, asked);
  if (!(parameters instanceof URLSearchParams)) return parameters;
  const request = readRequest(parameters);
  const client = world.clients?.find(({ clientId }) => clientId === request.clientId);
  if (!request.clientId || (world.clients && !client)) return refusal(400, 'invalid_client', 'the client is unknown');
  if (!isRedirectUri(request.redirectUri, client?.redirectUris)) {
    return refusal(400, 'invalid_request', 'redirect_uri is not registered');
  }
  const refused = check(world, request) ?? meet(world, request);
  if (refused) return back(world, exchange, request, { error: refused[0], error_description: refused[1] });
  const consent = asked.get('consent') ?? world.switches.consent;
  if (consent === 'pending' && !request.prompt.includes('none')) return ask(exchange, asked);
  if (consent !== 'given') {
    const error = consent === 'refused' ? 'access_denied' : 'consent_required';
    return back(world, exchange, request, { error, error_description: 'the user did not agree' });
  }
  const login = signIn(world, request);
  const expiresAt = world.clock.now() + world.switches.codeLifetimeMs;
  const code = world.desk.codes.put({ request, issuer: exchange.url.origin, ...login, expiresAt });
  return back(world, exchange, request, { code });
}

/** Takes an authorization request ahead of its user (RFC 9126). */
export function actOnPushed(world: World, exchange: Exchange): Answer {
  if (exchange.method !== 'POST') return refusal(405, 'invalid_request', 'only POST', { Allow: 'POST' });
  const parameters = readParameters(exchange);
  if (!parameters) return refusal(400, 'invalid_request', 'only application/x-www-form-urlencoded');
  const client = authenticate(world.clients, exchange.headers, Object.fromEntries(parameters));
  if ('refusal' in client) return client.refusal;
  const proven = demandProof(world, exchange);
  if (proven) return proven;
  const { jkt } = exchange.proof ?? {};
  if (jkt !== undefined && (parameters.get('dpop_jkt') ?? jkt) !== jkt) {
    return refusal(400, 'invalid_dpop_proof', 'dpop_jkt is another key than that of the proof');
  }
  if (jkt !== undefined) parameters.set('dpop_jkt', jkt);
  if (parameters.has('request_uri')) return refusal(400, 'invalid_request', 'request_uri cannot be pushed');
  if (client.clientId !== undefined) parameters.set('client_id', client.clientId);
  parameters.delete('client_secret');
  const known = world.clients?.find(({ clientId }) => clientId === client.clientId);
  const request = readRequest(parameters);
  if (!isRedirectUri(request.redirectUri, known?.redirectUris)) {
    return refusal(400, 'invalid_request', 'redirect_uri is not registered');
  }
  const refused = check(world, request);
  if (refused) return refusal(400, ...refused);
  const expiresAt = world.clock.now() + PUSHED_LIFETIME_MS;
  const requestUri = world.desk.pushed.put({ parameters, expiresAt });
  return json(201, { request_uri: requestUri, expires_in: PUSHED_LIFETIME_MS / 1_000 });
}

/** Which names of claims a `claims` parameter wants of access tokens (OpenID Connect Core section 5.5). */
export function readClaimsAsked(claims: string | null | undefined): readonly string[] {
  try {
    const asked = JSON.parse(claims ?? '{}')?.access_token;
    return Object.keys(Object(asked));
  } catch {
    return [];
  }
}

/** Whether a resource is one that there is (RFC 8707). */
export function isKnownResource({ switches }: World, resource: string): boolean {
  return URL.canParse(resource) && !resource.includes('#') && (switches.resources?.includes(resource) ?? true);
}

/** The request itself, or the one that was pushed ahead of it. */
function resolve(world: World, asked: URLSearchParams): URLSearchParams | Answer {
  const requestUri = asked.get('request_uri');
  if (requestUri === null) {
    return world.switches.requirePar ? refusal(400, 'invalid_request', 'requests have to be pushed') : asked;
  }
  const pushed = world.desk.pushed.find(requestUri);
  if (!pushed || pushed.expiresAt <= world.clock.now()) {
    return refusal(400, 'invalid_request_uri', 'the pushed request is unknown or too old');
  }
  if (pushed.parameters.get('client_id') !== asked.get('client_id')) {
    return refusal(400, 'invalid_request', 'it was pushed by another client');
  }
  return pushed.parameters;
}

function readRequest(parameters: URLSearchParams): AuthorizationRequest {
  const get = (name: string) => parameters.get(name) ?? undefined;
  const words = (name: string) => (get(name) ?? '').split(' ').filter(Boolean);
  const maxAge = get('max_age');
  return {
    clientId: get('client_id') ?? '',
    redirectUri: get('redirect_uri') ?? '',
    state: get('state'),
    scope: words('scope').join(' '),
    codeChallenge: get('code_challenge'),
    codeChallengeMethod: get('code_challenge_method'),
    nonce: get('nonce'),
    dpopJkt: get('dpop_jkt'),
    responseType: get('response_type'),
    responseMode: get('response_mode'),
    prompt: words('prompt'),
    maxAgeMs: maxAge === undefined ? undefined : Number(maxAge) * 1_000,
    acrValues: words('acr_values'),
    loginHint: get('login_hint'),
    resources: parameters.getAll('resource'),
    met: readClaimsAsked(get('claims')),
  };
}

function check(world: World, request: AuthorizationRequest): Refusal | undefined {
  if (request.responseType !== 'code') return ['unsupported_response_type', 'only code'];
  // RFC 9700 section 2.1.1 requires PKCE for the code flow.
  if (!request.codeChallenge || request.codeChallengeMethod !== 'S256') {
    return ['invalid_request', 'code_challenge with code_challenge_method=S256 is missing'];
  }
  if (!request.resources.every((resource) => isKnownResource(world, resource))) {
    return ['invalid_target', 'there is no such resource'];
  }
  return undefined;
}

/** The error for a `prompt=none` request that needs a page. */
function meet(world: World, request: AuthorizationRequest): Refusal | undefined {
  if (!request.prompt.includes('none')) return undefined;
  if (request.prompt.length > 1) return ['invalid_request', 'prompt=none goes with no other'];
  return needsLogin(world, request) ? ['login_required', 'nobody is signed in, or too long ago'] : undefined;
}

function needsLogin({ switches, desk, clock }: World, request: AuthorizationRequest): boolean {
  const { user } = switches;
  if (user === undefined || request.acrValues.length > 0 || request.prompt.includes('login')) return true;
  return request.maxAgeMs !== undefined && clock.now() - desk.authenticatedAt > request.maxAgeMs;
}

/** Signs the user in at the server itself if the request needs it. */
function signIn(world: World, request: AuthorizationRequest): Login {
  const { switches, desk, clock } = world;
  const picks = ['login', 'select_account', 'create'].some((word) => request.prompt.includes(word));
  if (needsLogin(world, request) || picks) {
    const user = (switches.user === undefined || picks ? request.loginHint : undefined) ?? switches.user ?? 'ada';
    world.switches = { ...switches, user };
    desk.authenticatedAt = clock.now();
  }
  const { user = 'ada' } = world.switches;
  return { user, authenticatedAt: desk.authenticatedAt, acr: request.acrValues[0] };
}

function back(world: World, exchange: Exchange, request: AuthorizationRequest, result: Record<string, string>): Answer {
  const { state, redirectUri, responseMode } = request;
  const sent = new URLSearchParams(result);
  if (state !== undefined) sent.set('state', state);
  if (world.switches.callbackIssuer !== 'omitted') sent.set('iss', exchange.url.origin);
  const mark = responseMode === 'fragment' ? '#' : redirectUri.includes('?') ? '&' : '?';
  return redirect(`${redirectUri}${mark}${sent}`);
}

/** A page with a link by which the user consents. */
function ask({ url }: Exchange, asked: URLSearchParams): Answer {
  const link = (consent: string) => {
    const query = new URLSearchParams(asked);
    query.set('consent', consent);
    return `${url.pathname}?${query}`.replaceAll('&', '&amp;');
  };
  return page(
    'Sign in',
    `<a id="agree" href="${link('given')}">Agree</a> <a id="refuse" href="${link('refused')}">Refuse</a>`,
  );
}

function isRedirectUri(given: string, registered: readonly string[] | undefined): boolean {
  if (!/^[a-z][a-z\d+.-]*:[^#]*$/i.test(given)) return false;
  const withoutPort = (uri: string) => uri.replace(/^(http:\/\/(?:127\.0\.0\.1|\[::1\])):\d+/, '$1');
  return registered?.some((one) => withoutPort(one) === withoutPort(given)) ?? true;
}
