import type { TokenResponse } from '../core/token-set.js';
import type { World } from './auth-world.js';
import { isKnownResource, readClaimsAsked } from './authorization-requests.js';
import { authenticate, claimedClient } from './clients.js';
import { demandProof } from './demand-proof.js';
import { type Answer, type Exchange, json, readForm, refusal } from './exchange.js';
import { keep, type TokenRequest, type Writable } from './request-log.js';
import { grantTypes } from './token-grants.js';

/** Notes a request to the token endpoint on its arrival. */
export function noteTokenRequest(world: World, exchange: Exchange): Writable<TokenRequest> {
  const parameters = readForm(exchange) ?? {};
  const refreshToken = parameters.refresh_token ?? exchange.cookie;
  const request: Writable<TokenRequest> = {
    at: world.clock.now(),
    method: exchange.method,
    url: exchange.url.href,
    headers: Object.fromEntries(exchange.headers),
    parameters,
    refreshToken,
    clientId: claimedClient(exchange.headers, parameters),
    status: undefined,
    granted: false,
    reused: refreshToken !== undefined && world.grants.find(refreshToken)?.used === true,
  };
  return keep(world.tokenRequests, request, world.keepRequests);
}

/** Trades a refresh token (RFC 6749 section 6), or whatever else a grant type takes. */
export function actOnToken(world: World, exchange: Exchange, request: Writable<TokenRequest>): Answer {
  const { headers, method } = exchange;
  const { parameters } = request;
  if (method !== 'POST') return refusal(405, 'invalid_request', 'only POST', { Allow: 'POST' });
  if (!readForm(exchange)) return refusal(400, 'invalid_request', 'only application/x-www-form-urlencoded');
  const client = authenticate(world.clients, headers, parameters);
  if ('refusal' in client) return client.refusal;
  const { dpopSpendsFirst } = world.switches;
  const early = limitRate(world, client.clientId) ?? (dpopSpendsFirst ? undefined : demandProof(world, exchange));
  if (early) return early;
  const answer = actOnPresented(world, exchange, request, client.clientId);
  return (dpopSpendsFirst ? demandProof(world, exchange) : undefined) ?? answer;
}

function actOnPresented(
  world: World,
  exchange: Exchange,
  request: Writable<TokenRequest>,
  clientId: string | undefined,
): Answer {
  const { parameters, refreshToken } = request;
  const { grant_type: type = '' } = parameters;
  if (type !== 'refresh_token') return actOnGrant(world, exchange, request, clientId);
  const inCookie = world.switches.refreshTokenIn === 'cookie';
  if (!refreshToken) {
    return refusal(400, inCookie ? 'invalid_grant' : 'invalid_request', 'there is no refresh token');
  }
  const { scope, audience, resource = audience } = parameters;
  const isUnknown = resource !== undefined && !isKnownResource(world, resource);
  const met = readClaimsAsked(parameters.claims);
  const options = { resource, isUnknown, met, jkt: exchange.proof?.jkt };
  const outcome = world.grants.refresh(refreshToken, clientId, scope, options);
  request.reused = outcome.reused;
  if ('error' in outcome) {
    return { ...refusal(400, outcome.error, outcome.why), ...(inCookie && { cookie: null }) };
  }
  request.granted = true;
  return tokenAnswer(world, outcome.tokens);
}

function actOnGrant(
  world: World,
  exchange: Exchange,
  request: Writable<TokenRequest>,
  clientId: string | undefined,
): Answer {
  const { grant_type: type = '' } = request.parameters;
  const granted = Object.hasOwn(grantTypes, type)
    ? grantTypes[type]?.(world, request.parameters, clientId, exchange)
    : undefined;
  if (!granted) {
    return refusal(400, 'unsupported_grant_type', `only refresh_token, ${Object.keys(grantTypes).join(', ')}`);
  }
  if ('error' in granted) return refusal(400, granted.error, granted.why);
  request.granted = true;
  return tokenAnswer(world, granted.tokens);
}

/** A token response, its refresh token in the body or the cookie. */
export function tokenAnswer(world: World, tokens: TokenResponse): Answer {
  if (world.switches.refreshTokenIn === 'response') return json(200, tokens);
  const { refresh_token: cookie, ...visible } = tokens;
  return { ...json(200, visible), ...(cookie !== undefined && { cookie }) };
}

/** Revokes a token, and with a refresh token its family (RFC 7009). */
export function actOnRevocation(world: World, exchange: Exchange): Answer {
  const parameters = readForm(exchange);
  if (exchange.method !== 'POST') return refusal(405, 'invalid_request', 'only POST', { Allow: 'POST' });
  const token = parameters?.token ?? exchange.cookie;
  if (!parameters || !token) return refusal(400, 'invalid_request', 'there is no token');
  const client = authenticate(world.clients, exchange.headers, parameters);
  if ('refusal' in client) return client.refusal;
  const facts = world.grants.find(token);
  const foreign = facts?.clientId !== undefined && facts.clientId !== client.clientId;
  if (facts?.kind === 'refresh' && !foreign) world.grants.revoke(token);
  if (facts?.kind === 'access' && !foreign) world.grants.revokeAccess(token);
  return { ...json(200, {}), ...(exchange.cookie !== undefined && { cookie: null }) };
}

function limitRate(world: World, clientId: string | undefined): Answer | undefined {
  const limit = world.switches.rateLimit;
  if (!limit) return undefined;
  const now = world.clock.now();
  let window = world.windows.get(clientId);
  if (!window || now >= window.startedAt + limit.windowMs) window = { startedAt: now, requests: 0 };
  world.windows.set(clientId, window);
  if (++window.requests <= limit.requests) return undefined;
  const seconds = Math.ceil((window.startedAt + limit.windowMs - now) / 1_000);
  return refusal(429, 'temporarily_unavailable', 'too many requests', { 'Retry-After': String(seconds) });
}
