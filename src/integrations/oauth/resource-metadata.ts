import type { Challenge } from '../../core/challenge.js';
import { readDestination } from '../../core/origin.js';
import { checkNames, checkSender, refuse } from '../origins.js';
import { networkError } from './network-error.js';
import { type Answered, request } from './request.js';
import { SignInError } from './sign-in-error.js';

/** What a resource says of itself (RFC 9728 section 2), as it answered. */
export type ProtectedResource = {
  readonly resource: string;
  readonly authorization_servers?: readonly string[];
  readonly scopes_supported?: readonly string[];
} & Readonly<Record<string, unknown>>;

/** How to ask. */
export interface DiscoverResourceOptions {
  /** What the resource answered; its `resource_metadata` says where to look. */
  challenge?: Challenge | undefined;
  /** What sends. Default: the global `fetch`, looked up on each call. */
  fetch?: typeof fetch | undefined;
  /** Also accept `http:` addresses that are not loopback. Default `false`. */
  allowInsecure?: boolean | undefined;
}

const LIMIT_MS = 10_000;

/**
 * Asks a resource who may issue access tokens for it (RFC 9728).
 *
 * Metadata of another resource is refused, unless its path is a parent of the one asked for, on the same origin.
 *
 * @throws {SignInError} `ERR_SIGN_IN_NETWORK`, `ERR_SIGN_IN_CONFIG`
 * @throws {OptionsError} `ERR_OPTIONS`
 *
 * @example
 * const { authorization_servers } = await discoverResource('https://api.example/mcp');
 */
export async function discoverResource(
  resource: string,
  options: DiscoverResourceOptions = {},
): Promise<ProtectedResource> {
  const { challenge, fetch, allowInsecure } = options;
  checkNames(options, ['challenge', 'fetch', 'allowInsecure']);
  checkSender(fetch);
  const destination = readDestination(String(resource));
  if (!destination || !(destination.secure || allowInsecure === true))
    refuse('resource', 'an absolute https address', resource);
  const named = challenge?.parameters.resource_metadata;
  const place = named === undefined ? undefined : readDestination(named);
  if (named !== undefined && !(place && (place.secure || allowInsecure === true))) {
    throw refused('its challenge names an address that is not https');
  }
  let busy: unknown;
  for (const url of named === undefined ? placesOf(resource, destination.origin) : [named]) {
    let answer: Answered;
    try {
      answer = await request(url, { limitMs: LIMIT_MS, fetch });
    } catch (error) {
      busy ??= Object(error);
      continue;
    }
    const { status, body } = answer;
    if (status === 429 || status >= 500) busy ??= { status };
    if (status !== 200 || !body) continue;
    const own = body.resource;
    if (typeof own !== 'string' || !speaksFor(own, resource)) throw refused('it speaks of another resource');
    return { ...body, resource: own };
  }
  if (busy) return networkError(busy);
  throw refused('there is none');
}

/** Whether one address is the other, or holds it as a folder holds a file; on the same origin. */
function speaksFor(own: string, resource: string): boolean {
  if (own === resource) return true;
  if (/[?#]/.test(own) || readDestination(own)?.origin !== readDestination(resource)?.origin) return false;
  return resource.startsWith(own.endsWith('/') ? own : `${own}/`);
}

// The name goes before the path (RFC 9728 section 3.1); many have one document for their whole origin.
function placesOf(resource: string, origin: string): ReadonlySet<string> {
  const name = '/.well-known/oauth-protected-resource';
  const path = resource
    .slice(/^https?:\/\/[^/?#]+/i.exec(resource)?.[0].length)
    .replace(/#.*/, '')
    .replace(/^\/(?=\?|$)/, '');
  return new Set([`${origin}${name}${path}`, `${origin}${name}`]);
}

function refused(why: string): SignInError {
  const message = `Expected the resource to say who may issue access tokens for it (RFC 9728), but ${why}.`;
  return new SignInError('ERR_SIGN_IN_CONFIG', message);
}
