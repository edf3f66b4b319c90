import type { Clock } from '../ports/clock.js';
import { actOnIntrospection, actOnLogout, actOnUserInfo } from './account-requests.js';
import { actOnApi, readApiRequest } from './api-requests.js';
import type { World } from './auth-world.js';
import { actOnAuthorize, actOnPushed } from './authorization-requests.js';
import { actOnDevice, actOnVerification } from './device-requests.js';
import { type Answer, type Exchange, type Outcome, readForm, refusal } from './exchange.js';
import type { FakeClock } from './fake-clock.js';
import { offerNonce } from './judge-proof.js';
import { actOnDiscovery } from './metadata.js';
import { readProof } from './proofs.js';
import { keep } from './request-log.js';
import { actsFirst, type Endpoint, type ScriptedAnswer, type ScriptedRequest } from './script.js';
import { actOnRevocation, actOnToken, noteTokenRequest, tokenAnswer } from './token-requests.js';

type Route = readonly [Exclude<Endpoint, 'token' | 'api'>, (world: World, exchange: Exchange) => Answer];

const ROUTES: Readonly<Record<string, Route | undefined>> = {
  '/revoke': ['revoke', actOnRevocation],
  '/sign-in': ['sign-in', actOnSignIn],
  '/authorize': ['authorize', actOnAuthorize],
  '/par': ['par', actOnPushed],
  '/device_authorization': ['device', actOnDevice],
  '/device': ['device', actOnVerification],
  '/userinfo': ['userinfo', actOnUserInfo],
  '/introspect': ['introspect', actOnIntrospection],
  '/logout': ['logout', actOnLogout],
  '/.well-known/oauth-authorization-server': ['discovery', actOnDiscovery],
  '/.well-known/openid-configuration': ['discovery', actOnDiscovery],
  '/.well-known/oauth-protected-resource/api': ['discovery', actOnDiscovery],
};

/** Answers one request, whichever way it came. */
export async function serve(world: World, given: Exchange): Promise<Outcome> {
  const isLookedAt = world.switches.dpop !== 'ignored' && given.headers.has('dpop');
  const exchange = isLookedAt ? { ...given, proof: await tracked(world.clock, readProof(given.headers)) } : given;
  const outcome = isPreflight(exchange) ? { status: 204, headers: {}, body: '' } : await dispatch(world, exchange);
  if (outcome === 'dropped') return outcome;
  const date = new Date(world.clock.now() + world.switches.clockOffsetMs).toUTCString();
  const nonce = isLookedAt && world.switches.dpopNonceUses !== undefined && { 'DPoP-Nonce': offerNonce(world) };
  return { ...outcome, headers: { Date: date, ...crossOrigin(world, exchange), ...nonce, ...outcome.headers } };
}

/** Verifying takes a thread of its own, which a fake clock cannot see. */
function tracked<T>(clock: Clock, work: Promise<T>): Promise<T> {
  return (clock as Partial<FakeClock>).track?.(work) ?? work;
}

async function dispatch(world: World, exchange: Exchange): Promise<Outcome> {
  const path = exchange.url.pathname;
  if (path === '/token') return serveToken(world, exchange);
  if (path === '/api' || path.startsWith('/api/')) {
    const request = keep(world.apiRequests, readApiRequest(world, exchange), world.keepRequests);
    const outcome = await perform(world, 'api', exchange, request, () => actOnApi(world, exchange, request));
    if (outcome !== 'dropped') request.status = outcome.status;
    return outcome;
  }
  const route = ROUTES[path];
  if (!route) return refusal(404, 'not_found', `there are /token, /api, ${Object.keys(ROUTES).join(', ')}`);
  const [endpoint, act] = route;
  return perform(world, endpoint, exchange, readApiRequest(world, exchange), () => act(world, exchange));
}

async function serveToken(world: World, exchange: Exchange): Promise<Outcome> {
  const request = noteTokenRequest(world, exchange);
  const { load } = world;
  load.most = Math.max(load.most, ++load.now);
  try {
    const outcome = await perform(world, 'token', exchange, request, () => actOnToken(world, exchange, request));
    if (outcome !== 'dropped') request.status = outcome.status;
    return outcome;
  } finally {
    load.now--;
  }
}

/** Does what the script says, or what the server does by itself. */
async function perform<E extends Endpoint>(
  world: World,
  endpoint: E,
  exchange: Exchange,
  request: ScriptedRequest<E>,
  act: () => Answer,
): Promise<Outcome> {
  const scripted = (await world.script.take(endpoint, request)) ?? {};
  const { delayMs, answerDelayMs } = endpoint === 'token' ? world.switches : { delayMs: 0, answerDelayMs: 0 };
  await pause(world.clock, delayMs + (scripted.delayMs ?? 0));
  const own = actsFirst(scripted) ? act() : undefined;
  await pause(world.clock, answerDelayMs + (scripted.answerDelayMs ?? 0));
  if (scripted.hang) await gone(exchange.signal);
  if (scripted.hang || scripted.drop) return 'dropped';
  return dress(scripted, own);
}

/** The server's own answer with whatever the script changes about it. */
function dress({ status, headers: extra = {}, body }: ScriptedAnswer, own: Answer | undefined): Answer {
  const replaced = typeof body === 'function' ? body(own && JSON.parse(own.body)) : body;
  const headers = new Headers(own?.headers);
  if (replaced !== undefined) {
    const text = typeof replaced === 'string';
    headers.set('content-type', !text ? 'application/json' : replaced.startsWith('<') ? 'text/html' : 'text/plain');
  }
  for (const [name, value] of Object.entries(extra)) headers.set(name, value);
  return {
    ...own,
    status: status ?? own?.status ?? 200,
    headers: Object.fromEntries(headers),
    body:
      replaced === undefined ? (own?.body ?? '') : typeof replaced === 'string' ? replaced : JSON.stringify(replaced),
  };
}

/** Signs a user in without asking for a password; for pages that have to sign in over HTTP. */
function actOnSignIn(world: World, exchange: Exchange): Answer {
  if (exchange.method !== 'POST') return refusal(405, 'invalid_request', 'only POST', { Allow: 'POST' });
  const wanted = readForm(exchange) ?? readJson(exchange.body);
  if (!wanted) return refusal(400, 'invalid_request', 'neither a form nor a JSON object');
  const { user, scope, client_id: clientId } = wanted;
  return tokenAnswer(world, world.grants.start({ user: user || 'ada', scope: scope ?? '', clientId, claims: {} }));
}

function readJson(body: Uint8Array): Record<string, string> | undefined {
  try {
    const value: unknown = body.length > 0 ? JSON.parse(new TextDecoder().decode(body)) : {};
    if (typeof value !== 'object' || value === null) return undefined;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, String(member)]));
  } catch {
    return undefined;
  }
}

function pause(clock: Clock, ms: number): Promise<void> | undefined {
  // A client waits for the answer, so the process must not end meanwhile.
  return ms > 0 ? new Promise((resolve) => clock.after(ms, resolve, { keepAlive: true })) : undefined;
}

function gone(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) resolve();
    else signal?.addEventListener('abort', () => resolve(), { once: true });
  });
}

function isPreflight({ method, headers }: Exchange): boolean {
  return method === 'OPTIONS' && headers.has('access-control-request-method');
}

/** CORS headers that allow every origin, with cookies, because this server protects nothing. */
function crossOrigin({ switches }: World, exchange: Exchange): Record<string, string> {
  const origin = exchange.headers.get('origin');
  if (origin === null) return {};
  const shared = { 'Access-Control-Allow-Origin': origin, 'Access-Control-Allow-Credentials': 'true', Vary: 'Origin' };
  if (!isPreflight(exchange)) {
    if (!switches.exposeHeaders) return shared;
    return { ...shared, 'Access-Control-Expose-Headers': 'WWW-Authenticate, DPoP-Nonce, Retry-After, Date' };
  }
  return {
    ...shared,
    'Access-Control-Allow-Methods': exchange.headers.get('access-control-request-method') ?? '',
    'Access-Control-Allow-Headers': exchange.headers.get('access-control-request-headers') ?? '',
    'Access-Control-Max-Age': '600',
  };
}
