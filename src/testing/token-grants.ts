import { base64url } from '../core/proof.js';
import type { TokenResponse } from '../core/token-set.js';
import type { World } from './auth-world.js';
import { isKnownResource, readClaimsAsked } from './authorization-requests.js';
import type { CodeRecord } from './desk.js';
import type { Exchange } from './exchange.js';
import type { Grant } from './grants.js';
import { readPayload } from './mint.js';
import { sha256 } from './sha256.js';

/** Tokens, or why there are none (RFC 6749 section 5.2). */
export type Granted = { readonly tokens: TokenResponse } | { readonly error: string; readonly why: string };

/** A grant type other than a refresh. */
type GrantType = (
  world: World,
  parameters: Readonly<Record<string, string>>,
  clientId: string | undefined,
  exchange: Exchange,
) => Granted;

const deny = (error: string, why: string): Granted => ({ error, why });

/** The grants of the token endpoint, by their `grant_type`. */
export const grantTypes: Readonly<Record<string, GrantType>> = {
  authorization_code: (world, parameters, clientId, { proof }) => {
    const found = world.desk.codes.find(parameters.code ?? '');
    const why = found ? refuseCode(world, found, parameters, clientId, proof?.jkt) : 'this code is unknown';
    if (!found || why !== undefined) return deny('invalid_grant', why ?? '');
    const { request, issuer, user, authenticatedAt, acr } = found;
    const { resource = request.resources[0] } = parameters;
    if (resource !== undefined && !request.resources.includes(resource)) {
      return deny('invalid_target', 'the user was not asked for this resource');
    }
    const grant: Grant = {
      user,
      scope: request.scope,
      clientId,
      issuer,
      acr,
      authenticatedAt,
      claims: { auth_time: Math.floor((authenticatedAt + world.switches.clockOffsetMs) / 1_000), acr },
      ...(request.resources.length > 0 && { resources: request.resources }),
      jkt: isPublic(world, clientId) ? proof?.jkt : undefined,
    };
    const tokens = world.grants.start(grant, {
      once: { nonce: request.nonce },
      resource,
      met: request.met,
      jkt: proof?.jkt,
    });
    found.usedFor = tokens.access_token;
    return { tokens };
  },
  'urn:ietf:params:oauth:grant-type:device_code': pollDevice,
  client_credentials: (world, parameters, clientId, exchange) => {
    const client = world.clients?.find((known) => known.clientId === clientId);
    if (world.clients && client?.clientSecret === undefined)
      return deny('unauthorized_client', 'the client has no secret');
    return forClient(world, clientId ?? 'client', parameters, clientId, exchange);
  },
  'urn:ietf:params:oauth:grant-type:token-exchange': (world, parameters, clientId, exchange) => {
    const facts = world.grants.find(parameters.subject_token ?? '');
    if (!facts?.active) return deny('invalid_request', 'the subject_token is none of ours, or is over');
    const { tokens, ...refused } = {
      tokens: undefined,
      ...forClient(world, facts.user, parameters, clientId, exchange),
    };
    if (!tokens) return refused as Granted;
    const type = { issued_token_type: 'urn:ietf:params:oauth:token-type:access_token' };
    return { tokens: { ...tokens, ...type } };
  },
  'urn:ietf:params:oauth:grant-type:jwt-bearer': (world, parameters, clientId, exchange) => {
    const { sub } = readPayload(parameters.assertion?.split('.')[1] ?? '') ?? {};
    if (typeof sub !== 'string' || !sub) return deny('invalid_grant', 'the assertion has no subject');
    return forClient(world, sub, parameters, clientId, exchange);
  },
};

function refuseCode(
  world: World,
  found: CodeRecord,
  { redirect_uri: redirectUri, code_verifier: verifier = '' }: Readonly<Record<string, string>>,
  clientId: string | undefined,
  jkt: string | undefined,
): string | undefined {
  const { request, expiresAt, usedFor } = found;
  if (request.clientId !== clientId) return 'it was issued to another client';
  if (usedFor !== undefined) {
    world.grants.revoke(usedFor);
    return 'it was used before, so what was granted for it is revoked now';
  }
  if (world.clock.now() >= expiresAt) return 'it has expired';
  if (request.dpopJkt !== undefined && request.dpopJkt !== jkt) return 'it is for another key';
  if (request.redirectUri !== redirectUri) return 'redirect_uri is not that of the authorization request';
  const challenge = base64url(sha256(new TextEncoder().encode(verifier)));
  return request.codeChallenge === challenge ? undefined : 'code_verifier does not belong to the code_challenge';
}

function pollDevice(
  world: World,
  { device_code: code = '' }: Readonly<Record<string, string>>,
  clientId: string | undefined,
  { proof }: Exchange,
): Granted {
  const device = world.desk.devices.find(code);
  if (!device || device.clientId !== clientId) return deny('invalid_grant', 'this device code is unknown');
  const now = world.clock.now();
  if (now >= device.expiresAt) return deny('expired_token', 'the user did not come in time');
  if (now < device.nextAt) {
    device.intervalMs += 5_000;
    device.nextAt = now + device.intervalMs;
    return deny('slow_down', 'polled too early');
  }
  device.nextAt = now + device.intervalMs;
  const decision = device.decision ?? world.switches.consent;
  if (decision === 'pending') return deny('authorization_pending', 'the user has not decided yet');
  world.desk.devices.remove(code);
  if (decision === 'refused') return deny('access_denied', 'the user did not agree');
  const { scope, issuer, resources } = device;
  const user = world.switches.user ?? 'ada';
  const granted = resources.length > 0 && { resources };
  const jkt = isPublic(world, clientId) ? proof?.jkt : undefined;
  const grant: Grant = { user, scope, clientId, issuer, claims: {}, jkt, ...granted };
  return { tokens: world.grants.start(grant, { jkt: proof?.jkt }) };
}

/** An access token alone: the client itself is the grant. */
function forClient(
  world: World,
  user: string,
  { scope = '', resource, claims }: Readonly<Record<string, string>>,
  clientId: string | undefined,
  { url, proof }: Exchange,
): Granted {
  if (resource !== undefined && !isKnownResource(world, resource)) {
    return deny('invalid_target', 'there is no such resource');
  }
  const grant: Grant = { user, scope, clientId, issuer: url.origin, claims: {} };
  const omit = ['refresh_token', 'id_token'] as const;
  return { tokens: world.grants.start(grant, { omit, resource, met: readClaimsAsked(claims), jkt: proof?.jkt }) };
}

/** A client without a secret: its refresh tokens are bound to its key. */
function isPublic({ clients }: World, clientId: string | undefined): boolean {
  return clients?.find((known) => known.clientId === clientId)?.clientSecret === undefined;
}
