import type { RetryPolicy } from '../core/backoff.js';
import { ownerOf } from '../core/owner.js';
import type { RefreshFailure } from '../core/refusal.js';
import { OptionsError } from '../errors.js';
import type { Platform } from '../ports/platform.js';
import type { RefreshTokens, RevokeTokens } from '../ports/refresh.js';

/** How to keep a session; `refresh` is all that is required. */
export interface TokenManagerOptions {
  /** Trades the refresh token for new tokens; `tokenEndpoint()` makes one. */
  refresh: RefreshTokens;
  /** Tells the server that a session is over (RFC 7009). Default: nothing. Bounded by `timeoutMs`, best effort. */
  revoke?: RevokeTokens | undefined;
  /**
   * Names the session in storage, lock and channel, with `evertoken:` before it.
   *
   * Default: the endpoint and the client of `refresh`, where that tells them (`tokenEndpoint` does), else `'session'`.
   */
  key?: string | undefined;
  /**
   * Where the refresh token is. Default `'response'`: nothing is asked without one, and a session without one ends with
   * its access token.
   *
   * `'cookie'`: in an HttpOnly cookie that script never sees. `'none'`: there is none, because the client itself is
   * granted tokens (client credentials); one that comes is dropped, and no refusal ends such a session.
   */
  refreshTokenIn?: 'response' | 'cookie' | 'none' | undefined;
  /**
   * Where the access token is. Default `'response'`.
   *
   * `'cookie'`, only with `refreshTokenIn: 'cookie'`: script sees neither token. `getAccessToken()` resolves with `''`,
   * and any 2xx refresh has succeeded, with or without a body, unless its body names an `error`.
   */
  accessTokenIn?: 'response' | 'cookie' | undefined;
  /**
   * Milliseconds before expiry at which a refresh is due. Default a fifth of the lifetime, at most 300 000.
   *
   * Jitter moves the moment earlier by up to half as much again; never before half of the lifetime.
   */
  leewayMs?: number | undefined;
  /** Milliseconds for one request to the token endpoint. Default 10 000. */
  timeoutMs?: number | undefined;
  /** Retries of one refresh. Default `{ attempts: 3, minDelayMs: 500, maxDelayMs: 60_000 }`; parts may be left out. */
  retry?: Partial<RetryPolicy> | undefined;
  /** Which refusals prove that the session is dead. Default `failure => failure.kind === 'dead'`. */
  endsSession?: ((failure: RefreshFailure) => boolean) | undefined;
  /** Also refresh ahead of expiry without a call. Default as the platform says, else `true`; a hidden page waits. */
  proactive?: boolean | undefined;
  /** Storage, lock, channel, wake-ups, clock, chance. Default `inProcess()`. */
  platform?: Platform | undefined;
}

/** Options with their defaults. */
export interface Settings {
  readonly refresh: RefreshTokens;
  readonly revoke: RevokeTokens | undefined;
  /** With its prefix: what storage, lock and channel are given. */
  readonly name: string;
  /** The endpoint and the client of `refresh`, where it names them; stored sessions of another owner are not used. */
  readonly owner: string | undefined;
  /** The refresh token is in a cookie. */
  readonly isCookie: boolean;
  /** The client itself is granted tokens: no refresh token, and nothing that a refusal could end. */
  readonly isGrant: boolean;
  /** The refresh token is in the token response: without one no request is made. */
  readonly needsRefreshToken: boolean;
  /** The access token is in a cookie: the one held here is `''`. */
  readonly isHidden: boolean;
  readonly leewayMs: number | undefined;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
  readonly endsSession: (failure: RefreshFailure) => boolean;
  readonly proactive: boolean;
  readonly platform: Platform;
}

const isDead = ({ kind }: RefreshFailure): boolean => kind === 'dead';

type Given = { [Name in keyof TokenManagerOptions]-?: Exclude<TokenManagerOptions[Name], undefined> };

const MAX_DELAY_MS = 2_147_483_647;

/** One for all managers that are given no other. */
const RETRY: RetryPolicy = { attempts: 3, minDelayMs: 500, maxDelayMs: 60_000 };

const PLACES = ['response', 'cookie', 'none'];
const PORTS = {
  storage: ['getItem', 'setItem', 'removeItem'],
  lock: ['run'],
  channel: ['announce', 'subscribe'],
  wakeups: ['subscribe', 'isAwake', 'isOnline'],
  clock: ['now', 'after'],
  marks: ['get', 'set'],
} as const;

/** Checks the options and fills in the defaults; throws `OptionsError` that says what was expected and what came. */
export function readOptions(options: TokenManagerOptions, defaultPlatform: () => Platform): Settings {
  if (typeof options === 'function') fail('options', 'an object', options, ': write createTokenManager({ refresh })');
  checkOption('options', options, 'object');
  const defaults = {
    refresh: undefined,
    revoke: undefined,
    key: undefined,
    refreshTokenIn: 'response',
    accessTokenIn: 'response',
    leewayMs: undefined,
    timeoutMs: 10_000,
    retry: RETRY,
    endsSession: isDead,
    proactive: undefined,
    platform: undefined,
  };
  const given = merge(defaults, options) as unknown as Given;
  const owner = ownerOf(given.refresh);
  const { key = owner ?? 'session', refreshTokenIn, leewayMs, timeoutMs, platform = defaultPlatform() } = given;
  checkOption('refresh', given.refresh, 'function');
  if (given.revoke !== undefined) checkOption('revoke', given.revoke, 'function');
  checkOption('endsSession', given.endsSession, 'function');
  checkOption('retry', given.retry, 'object');
  if (typeof key !== 'string' || !key) fail('key', 'a string that is not empty', key);
  if (!PLACES.includes(refreshTokenIn)) fail('refreshTokenIn', PLACES.join(' or '), refreshTokenIn);
  const isCookie = refreshTokenIn === 'cookie';
  const isHidden = given.accessTokenIn === 'cookie';
  if (isHidden ? !isCookie : given.accessTokenIn !== 'response') {
    fail('accessTokenIn', "response, or cookie with refreshTokenIn: 'cookie'", given.accessTokenIn);
  }
  if (leewayMs !== undefined) range('leewayMs', leewayMs, 0);
  range('timeoutMs', timeoutMs, 1);
  const retry = given.retry === RETRY ? RETRY : merge(RETRY, given.retry, 'retry.');
  range('retry.attempts', retry.attempts, 1, 'whole ');
  range('retry.minDelayMs', retry.minDelayMs, 1);
  range('retry.maxDelayMs', retry.maxDelayMs, retry.minDelayMs);
  if (typeof platform === 'function') fail('platform', 'what a preset returns', platform, ': call it, as in browser()');
  checkOption('platform', platform, 'object');
  for (const [port, methods] of Object.entries(PORTS)) {
    const value = platform[port as keyof typeof PORTS] as unknown as Record<string, unknown>;
    if (port === 'marks' && value === undefined) continue; // the only one that a platform may lack
    checkOption(`platform.${port}`, value, 'object');
    for (const method of methods) checkOption(`platform.${port}.${method}`, value[method], 'function');
  }
  checkOption('platform.random', platform.random, 'function');
  if (platform.background !== undefined) checkOption('platform.background', platform.background, 'boolean');
  const { proactive = platform.proactive ?? platform.background ?? true } = given;
  checkOption('proactive', proactive, 'boolean');
  const isGrant = refreshTokenIn === 'none';
  const needsRefreshToken = refreshTokenIn === 'response';
  const name = `evertoken:${key}`;
  return { ...given, name, owner, isCookie, isGrant, needsRefreshToken, isHidden, retry, proactive, platform };
}

/** What is given, over the defaults; `undefined` counts as not given. */
function merge<T extends object>(defaults: T, given: object, path = ''): T {
  const merged = { ...defaults };
  for (const [name, value] of Object.entries(given)) {
    if (!(name in defaults)) fail(path + name, `one of ${Object.keys(defaults).join(', ')}`, value);
    if (value !== undefined) Object.assign(merged, { [name]: value });
  }
  return merged;
}

/** Throws `OptionsError` unless the value has this type. */
export function checkOption(name: string, value: unknown, type: 'function' | 'boolean' | 'object'): void {
  // a storage may be a class with methods, or localStorage: objects all
  if (value === null || typeof value !== type) fail(name, `a value of type ${type}`, value);
}

function range(name: string, value: unknown, min: number, whole = ''): void {
  if (typeof value !== 'number' || !(value >= min && value <= MAX_DELAY_MS) || (whole && value % 1)) {
    fail(name, `a ${whole}number from ${min} to ${MAX_DELAY_MS}`, value);
  }
}

/** Throws the `OptionsError`. Only numbers are quoted: whatever else came might be a secret in the wrong place. */
export function fail(name: string, expected: string, came: unknown, advice = ''): never {
  const what = typeof came === 'number' ? came : came === null ? 'null' : `a value of type ${typeof came}`;
  throw new OptionsError('ERR_OPTIONS', `Option ${name}: expected ${expected}, but ${what} came${advice}.`);
}
