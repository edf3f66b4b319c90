import type { World } from './auth-world.js';
import { type Answer, type Exchange, json, readDpopNonce } from './exchange.js';
import { base64 } from './mint.js';
import type { ApiRequest, Writable } from './request-log.js';

/** A request on its arrival, as the lists and scripts show it. */
export function readApiRequest(world: World, { method, url, headers, body }: Exchange): Writable<ApiRequest> {
  return {
    at: world.clock.now(),
    method,
    url: url.href,
    headers: Object.fromEntries(headers),
    body,
    accessToken: /^(?:bearer|dpop) +(\S+)$/i.exec(headers.get('authorization') ?? '')?.[1],
    status: undefined,
  };
}

/** Lets a good access token in (RFC 6750) and echoes the request, without the token. */
export function actOnApi(world: World, { url, headers, method, body }: Exchange, { accessToken }: ApiRequest): Answer {
  const nonce = world.switches.apiDpopNonce;
  if (nonce !== undefined && readDpopNonce(headers) !== nonce) {
    return challenge(401, 'DPoP', { error: 'use_dpop_nonce' }, { 'DPoP-Nonce': nonce });
  }
  if (accessToken === undefined) return challenge(401, 'Bearer', { realm: 'api' });
  const facts = world.grants.find(accessToken);
  if (facts?.kind !== 'access' || !facts.active) {
    return challenge(401, 'Bearer', { realm: 'api', error: 'invalid_token' });
  }
  const needed = /^\/api\/scope\/([^/]+)$/.exec(url.pathname)?.[1];
  if (needed !== undefined && !facts.scope.split(' ').includes(decodeURIComponent(needed))) {
    return challenge(403, 'Bearer', { realm: 'api', error: 'insufficient_scope', scope: decodeURIComponent(needed) });
  }
  const { authorization: _token, ...echoed } = Object.fromEntries(headers);
  return json(200, {
    user: facts.user,
    scope: facts.scope,
    method,
    url: url.href,
    headers: echoed,
    body: new TextDecoder().decode(body),
    bodyBase64: base64(body),
  });
}

function challenge(
  status: number,
  scheme: string,
  parameters: Record<string, string>,
  headers: Record<string, string> = {},
): Answer {
  const listed = Object.entries(parameters).map(([name, value]) => `${name}="${value.replace(/["\\]/g, '\\$&')}"`);
  return json(
    status,
    { error: parameters.error ?? 'unauthorized' },
    { 'WWW-Authenticate': `${scheme} ${listed.join(', ')}`, ...headers },
  );
}
