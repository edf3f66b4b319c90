import type { World } from './auth-world.js';
import { type Answer, type Exchange, json, readDpopNonce } from './exchange.js';
import type { TokenFacts } from './grants.js';
import { refuseProof } from './judge-proof.js';
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
export function actOnApi(world: World, exchange: Exchange, { accessToken }: ApiRequest): Answer {
  const { url, headers, method, body } = exchange;
  const { dpop, apiDpopNonce: nonce } = world.switches;
  if (dpop === 'ignored' && nonce !== undefined && readDpopNonce(headers) !== nonce) {
    return challenge(401, 'DPoP', { error: 'use_dpop_nonce' }, { 'DPoP-Nonce': nonce });
  }
  const unproven = dpop === 'ignored' ? undefined : demandBinding(world, exchange, accessToken);
  if (unproven) return unproven;
  if (accessToken === undefined) return challenge(401, 'Bearer', { realm: 'api' });
  const facts = world.grants.find(accessToken);
  if (facts?.kind !== 'access' || !facts.active) {
    return challenge(401, 'Bearer', { realm: 'api', error: 'invalid_token' });
  }
  const unmet = demandMore(world, url, facts);
  if (unmet) return unmet;
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

/** Refuses a bound access token without a proof by its key, and a proof beside one that is not bound (RFC 9449 section 7). */
export function demandBinding(world: World, exchange: Exchange, accessToken = ''): Answer | undefined {
  const { dpop, apiDpopNonce: nonce } = world.switches;
  const { jkt } = world.grants.find(accessToken) ?? {};
  const isProof = /^dpop /i.test(exchange.headers.get('authorization') ?? '');
  const refuse = (error: string, headers = {}) => challenge(401, 'DPoP', { algs: 'ES256', error }, headers);
  if (!isProof) return jkt !== undefined || dpop === 'required' ? refuse('invalid_token') : undefined;
  const refused = refuseProof(world, exchange, { nonce, accessToken });
  if (refused) return refuse(refused.error, nonce === undefined ? {} : { 'DPoP-Nonce': nonce });
  return jkt === undefined || jkt === exchange.proof?.jkt ? undefined : refuse('invalid_token');
}

/** What some paths want beyond an access token: a scope, a way or an age of the sign-in, a claim, a resource. */
function demandMore(world: World, { pathname }: URL, facts: TokenFacts): Answer | undefined {
  const [, kind, encoded = ''] = /^\/api\/(scope|acr|max-age|claims|resource)\/([^/]+)$/.exec(pathname) ?? [];
  const needed = decodeURIComponent(encoded);
  const refuse = (status: number, parameters: Record<string, string>) =>
    challenge(status, 'Bearer', { realm: 'api', ...parameters });
  const error = 'insufficient_user_authentication';
  switch (kind) {
    case 'scope':
      if (facts.scope.split(' ').includes(needed)) return undefined;
      return refuse(403, { error: 'insufficient_scope', scope: needed });
    case 'acr':
      return facts.acr === needed ? undefined : refuse(401, { error, acr_values: needed });
    case 'max-age': {
      const age = world.clock.now() - (facts.authenticatedAt ?? Number.NEGATIVE_INFINITY);
      return age <= Number(needed) * 1_000 ? undefined : refuse(401, { error, max_age: needed });
    }
    case 'claims': {
      if (facts.met?.includes(needed)) return undefined;
      const claims = JSON.stringify({ access_token: { [needed]: { essential: true } } });
      return refuse(401, { error: 'insufficient_claims', claims: base64(new TextEncoder().encode(claims)) });
    }
    case 'resource':
      return facts.resource === needed ? undefined : refuse(401, { error: 'invalid_token' });
    default:
      return undefined;
  }
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
