import { demandBinding } from './api-requests.js';
import type { World } from './auth-world.js';
import { authenticate } from './clients.js';
import { type Answer, type Exchange, json, page, readForm, readParameters, redirect, refusal } from './exchange.js';

/** Says who an access token is for (OpenID Connect Core section 5.3). */
export function actOnUserInfo(world: World, exchange: Exchange): Answer {
  const token = /^(?:bearer|dpop) +(\S+)$/i.exec(exchange.headers.get('authorization') ?? '')?.[1];
  const unproven = world.switches.dpop === 'ignored' ? undefined : demandBinding(world, exchange, token);
  if (unproven) return unproven;
  const facts = token === undefined ? undefined : world.grants.find(token);
  if (facts?.kind !== 'access' || !facts.active) {
    return refusal(401, 'invalid_token', 'no good access token', {
      'WWW-Authenticate': 'Bearer error="invalid_token"',
    });
  }
  return json(200, { sub: facts.user, name: facts.user });
}

/** Says whether a token is good (RFC 7662). */
export function actOnIntrospection(world: World, exchange: Exchange): Answer {
  const parameters = readForm(exchange);
  if (exchange.method !== 'POST') return refusal(405, 'invalid_request', 'only POST', { Allow: 'POST' });
  if (!parameters?.token) return refusal(400, 'invalid_request', 'there is no token');
  const client = authenticate(world.clients, exchange.headers, parameters);
  if ('refusal' in client) return client.refusal;
  const facts = world.grants.find(parameters.token);
  if (!facts?.active) return json(200, { active: false });
  const { user, scope, clientId, expiresAt } = facts;
  return json(200, { active: true, sub: user, scope, client_id: clientId, exp: Math.floor(expiresAt / 1_000) });
}

/** Ends the user's session at the server itself (OpenID Connect RP-Initiated Logout). */
export function actOnLogout(world: World, exchange: Exchange): Answer {
  const parameters = exchange.method === 'POST' ? readParameters(exchange) : exchange.url.searchParams;
  const hint = parameters?.get('id_token_hint');
  const claims = hint ? world.mint.read(hint) : undefined;
  if (hint && !claims) return refusal(400, 'invalid_request', 'id_token_hint is none of ours');
  // Without an ID token the session is not identified, so the user has to be asked.
  if (!claims && !parameters?.has('consent'))
    return page('Sign out', '<a id="agree" href="?consent=given">Sign out</a>');
  world.switches = { ...world.switches, user: undefined };
  const target = parameters?.get('post_logout_redirect_uri');
  if (!claims || !target) return page('Signed out', 'Bye.');
  const state = parameters?.get('state');
  const mark = target.includes('?') ? '&' : '?';
  return redirect(state ? `${target}${mark}${new URLSearchParams({ state })}` : target);
}
