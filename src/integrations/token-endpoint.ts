import { nameOwner, owner } from '../core/owner.js';
import type { Target } from '../core/target.js';
import type { RefreshTokens } from '../manager/token-manager.js';
import { checkEndpoint, checkNames, checkSender, readTarget, refuse } from './origins.js';
import { type EndpointSigner, senderFor } from './sender.js';

/** Where and how to trade a refresh token. */
export interface TokenEndpointOptions {
  /** The token endpoint: `https:`, or `http:` on loopback. Required. */
  url: string;
  /** The client identifier (RFC 6749 section 2.2). Required. */
  clientId: string;
  /** The client secret; never in an application that others can read. */
  clientSecret?: string | undefined;
  /** How the client proves itself (RFC 6749 section 2.3.1). Default `'basic'` with a secret, `'none'` without. */
  authentication?: 'none' | 'basic' | 'post' | undefined;
  /** More parameters of the request, such as `scope` or `resource`. */
  parameters?: Readonly<Record<string, string>> | undefined;
  /** More headers of the request. */
  headers?: Readonly<Record<string, string>> | undefined;
  /** What `dpop()` gave, for sessions that are bound to a key (RFC 9449); without it, one that is bound is not refreshed. */
  dpop?: EndpointSigner | undefined;
  /** What sends. Default: the global `fetch`, looked up on each call. */
  fetch?: typeof fetch | undefined;
  /** Also accept an `http:` endpoint that is not loopback. Default `false`. */
  allowInsecure?: boolean | undefined;
}

const OPTIONS = [
  'url',
  'clientId',
  'clientSecret',
  'authentication',
  'parameters',
  'headers',
  'dpop',
  'fetch',
  'allowInsecure',
];

/**
 * A refresh function for a standard token endpoint (RFC 6749 section 6).
 *
 * Does not follow redirects: a refresh token goes to the given URL and nowhere else. Tells the manager endpoint and
 * client, which name its sessions (`key`): one of another endpoint or client is not presented.
 *
 * @throws {OptionsError} `ERR_OPTIONS`
 */
export function tokenEndpoint(options: TokenEndpointOptions): RefreshTokens {
  const { clientId, clientSecret, parameters, headers, allowInsecure } = options ?? {};
  const url = checkEndpoint(options?.url, allowInsecure);
  checkNames(options, OPTIONS);
  const { authentication = clientSecret === undefined ? 'none' : 'basic' } = options;
  if (typeof clientId !== 'string' || !clientId) refuse('clientId', 'a string that is not empty', clientId);
  // spread, a URLSearchParams is nothing, and a text its letters
  if (Symbol.iterator in Object(parameters)) refuse('parameters', "strings, such as { scope: 'orders' }", parameters);
  // an undefined parameter would be sent as the word
  for (const [name, value] of Object.entries({
    ...parameters,
    ...headers,
    ...(clientSecret !== undefined && { clientSecret }),
  })) {
    if (typeof value !== 'string') refuse(name, 'a string', value);
  }
  if (!['none', 'basic', 'post'].includes(authentication)) {
    refuse('authentication', "'none', 'basic' or 'post'", authentication);
  }
  if ((authentication === 'none') !== (clientSecret === undefined)) {
    refuse('authentication', "'basic' or 'post' with a clientSecret, 'none' without", authentication);
  }
  checkSender(options.fetch);
  const refresh = async ({ refreshToken, binding, target, signal }: Parameters<RefreshTokens>[0]) => {
    const send = senderFor(binding, options);
    // Older React Native supports only this constructor of URLSearchParams.
    const body = new URLSearchParams({
      ...parametersFor(parameters, target),
      grant_type: 'refresh_token',
      ...(refreshToken !== undefined && { refresh_token: refreshToken }),
      ...(authentication !== 'basic' && { client_id: clientId }),
      ...(authentication === 'post' && { client_secret: clientSecret ?? '' }),
    });
    const sent = new Headers(headers);
    if (!sent.has('accept')) sent.set('accept', 'application/json');
    sent.set('content-type', 'application/x-www-form-urlencoded');
    if (authentication === 'basic') sent.set('authorization', basic(clientId, clientSecret ?? ''));
    return send(url, { method: 'POST', headers: sent, body: body.toString(), redirect: 'manual', signal });
  };
  const target = readTarget(url);
  const name = target && nameOwner(target.origin, target.url, clientId);
  return Object.defineProperty(Object.assign(refresh, { forTargets: true as const }), owner, { value: name });
}

/** What names a resource or an audience takes the place of what the session itself is for. */
function parametersFor(own: TokenEndpointOptions['parameters'], target: Target | undefined): Record<string, string> {
  if (!target) return { ...own };
  const { resource, audience, scopes } = target;
  const { resource: _, audience: __, scope, ...rest } = own ?? {};
  return {
    ...((resource ?? audience) ? rest : own),
    ...(resource && { resource }),
    ...(audience && { audience }),
    ...(scopes && { scope: scopes.join(' ') }),
  };
}

// Both halves are form-encoded first (RFC 6749 section 2.3.1).
function basic(clientId: string, clientSecret: string): string {
  const encode = (text: string) => new URLSearchParams({ _: text }).toString().slice(2);
  return `Basic ${btoa(`${encode(clientId)}:${encode(clientSecret)}`)}`;
}
