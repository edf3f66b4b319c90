import { delayOf, readInterval, readPoll } from '../core/poll.js';
import { readRetryAfter } from '../core/retry-after.js';
import { isTokenError } from '../errors.js';
import type { TokenManagerOptions } from '../manager/options.js';
import type { TokenManager } from '../manager/token-manager.js';
import { sessionKeys } from './dpop/session-keys.js';
import { checkScopes, internalsOf, type OAuthClient } from './oauth/client.js';
import { detachable } from './oauth/detachable.js';
import { serverToKeep } from './oauth/kept-server.js';
import { requireEndpoint, type ServerMetadata } from './oauth/metadata.js';
import { networkError } from './oauth/network-error.js';
import { readTokens, tokensOf } from './oauth/read-tokens.js';
import type { Answered } from './oauth/request.js';
import { revokeTokens } from './oauth/revoke-with.js';
import { sendForm } from './oauth/send-form.js';
import { grantOf } from './oauth/session-grant.js';
import { readErrorCode, SignInError, type SignInErrorCode } from './oauth/sign-in-error.js';
import { checkNames, checkSender, refuse } from './origins.js';

export { SignInError, type SignInErrorCode } from './oauth/sign-in-error.js';

/** How to sign in a device. */
export interface DeviceSignInOptions {
  /** What `oauthClient()` gave; no `redirectUri` is needed. Required. */
  client: OAuthClient;
  /** The manager that keeps the session. Required. */
  tokens: TokenManager;
  /** Shows the user where to go and which code to confirm. What it throws ends the sign-in. Required. */
  onCode(code: DeviceCode): void;
  /** Called before each wait with the moment of the next poll, in epoch milliseconds. */
  onPoll?: ((next: { at: number }) => void) | undefined;
  /** Instead of the client's. */
  scopes?: readonly string[] | undefined;
  /** What waits run on. Default the machine's clock. */
  clock?: NonNullable<TokenManagerOptions['platform']>['clock'] | undefined;
  /** Stops at once; rejects with the signal's own reason. */
  signal?: AbortSignal | undefined;
}

/** What the user has to be shown (RFC 8628 section 3.2). */
export interface DeviceCode {
  readonly userCode: string;
  readonly verificationUri: string;
  /** With the code in it, for a QR code or a link; undefined where the server has none. */
  readonly verificationUriComplete: string | undefined;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

type Clock = NonNullable<DeviceSignInOptions['clock']>;

/** One poll; what hangs longer counts as no answer. */
const POLL_LIMIT_MS = 10_000;
const DEFAULT_LIFETIME_S = 600;
const MAX_LIFETIME_S = 86_400;
const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:device_code';

const machine: Clock = {
  now: () => Date.now(),
  after: (delayMs, task) => {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
};

/**
 * Signs in where there is no browser: the user confirms a code on another device (RFC 8628).
 *
 * Resolves when the session is started. Polls at the server's pace, through busy servers and cut networks, until the code
 * expires.
 *
 * @throws {SignInError} `ERR_SIGN_IN_CANCELLED`, `ERR_SIGN_IN_EXPIRED`, `ERR_SIGN_IN_CONFIG`, `ERR_SIGN_IN_RESPONSE`, `ERR_SIGN_IN_NETWORK`
 * @throws {OptionsError} `ERR_OPTIONS`
 *
 * @example
 * await deviceSignIn({ client, tokens, onCode: ({ verificationUri, userCode }) => console.log(verificationUri, userCode) });
 */
export async function deviceSignIn(options: DeviceSignInOptions): Promise<void> {
  const { client, tokens, onCode, signal, clock = machine } = Object(options) as DeviceSignInOptions;
  checkNames(options, ['client', 'tokens', 'onCode', 'onPoll', 'scopes', 'clock', 'signal']);
  const { metadata, options: given } = internalsOf(client);
  if (typeof tokens?.startSession !== 'function') refuse('tokens', 'a token manager', tokens);
  if (typeof onCode !== 'function') refuse('onCode', 'a function', onCode);
  checkSender(options.onPoll, 'onPoll');
  if (typeof clock?.after !== 'function') refuse('clock', 'a clock', clock);
  const scopes = options.scopes ?? given.scopes ?? [];
  checkScopes(scopes);
  const server = await detachable(metadata(), signal);
  const keys = given.dpop?.[sessionKeys];
  const binding = await keys?.create();
  try {
    await confirm({ ...options, clock, scopes }, server, binding);
  } catch (error) {
    await keys?.remove([binding]);
    throw error;
  }
}

async function confirm(
  options: DeviceSignInOptions & { readonly clock: Clock; readonly scopes: readonly string[] },
  server: ServerMetadata,
  binding: string | undefined,
): Promise<void> {
  const { client, tokens, onCode, scopes, clock, signal } = options;
  const url = requireEndpoint(server, 'device_authorization_endpoint');
  const kept = serverToKeep(server);
  const begunAt = clock.now();
  const form = { scope: scopes.join(' ') || undefined, resource: internalsOf(client).resources[0] };
  const answer = await sendForm(client, server, url, form, { signal }).catch((error) => leave(signal, error));
  const device = readDevice(answer, begunAt);
  onCode(device.code);
  const { body, requestedAt } = await poll(options, server, { ...device, binding });
  try {
    const expected = {
      ...kept,
      clientId: client.clientId,
      scopes,
      binding,
      algorithms: kept.id_token_signing_alg_values_supported,
    };
    const response = readTokens(body, expected);
    if (signal?.aborted) throw signal.reason;
    await tokens.startSession(response, grantOf(kept, requestedAt, { binding }));
  } catch (error) {
    await revokeTokens(client, server, tokensOf(body)).catch(() => undefined);
    throw error;
  }
}

interface Device {
  readonly deviceCode: string;
  readonly intervalMs: number;
  readonly code: DeviceCode;
}

function readDevice({ status, body }: Answered, now: number): Device {
  const { device_code, user_code, verification_uri_complete: complete, expires_in, interval } = body ?? {};
  const uri = body?.verification_uri ?? body?.verification_url; // Google's name for it, from an early draft
  if (
    status >= 200 &&
    status < 300 &&
    [device_code, user_code].every((text) => typeof text === 'string' && text) &&
    isWebAddress(uri)
  ) {
    const seconds = Number(expires_in) > 0 ? Math.min(Number(expires_in), MAX_LIFETIME_S) : DEFAULT_LIFETIME_S;
    return {
      deviceCode: String(device_code),
      intervalMs: readInterval(interval),
      code: {
        userCode: String(user_code),
        verificationUri: uri,
        verificationUriComplete: isWebAddress(complete) ? complete : undefined,
        expiresAt: now + seconds * 1_000,
      },
    };
  }
  if (status === 429 || status >= 500) return networkError({ status });
  const oauthError = readErrorCode(body?.error);
  const message = `Expected the server to give a code for this device, but ${oauthError ?? `status ${status}`} came.`;
  throw new SignInError('ERR_SIGN_IN_CONFIG', message, { oauthError, status });
}

// Applications open it: `javascript:` and their like go nowhere.
function isWebAddress(address: unknown): address is string {
  return typeof address === 'string' && /^https?:\/\//i.test(address);
}

/** Polls until the user has decided, or the code expires. */
async function poll(
  { client, onPoll, clock, signal }: DeviceSignInOptions & { readonly clock: Clock },
  server: ServerMetadata,
  { deviceCode, intervalMs: first, code: { expiresAt }, binding }: Device & { readonly binding: string | undefined },
): Promise<{ body: Readonly<Record<string, unknown>>; requestedAt: number }> {
  const url = requireEndpoint(server, 'token_endpoint');
  const form = { grant_type: GRANT_TYPE, device_code: deviceCode };
  let intervalMs = first;
  let notBefore = 0;
  for (;;) {
    const at = Math.max(clock.now() + delayOf(intervalMs, Math.random()), notBefore);
    if (at < expiresAt) onPoll?.({ at });
    await wait(clock, Math.min(at, expiresAt) - clock.now(), signal);
    const requestedAt = clock.now();
    if (requestedAt >= expiresAt) throw over('ERR_SIGN_IN_EXPIRED', 'nobody confirmed the code in time');
    const limited = limit(clock, Math.min(POLL_LIMIT_MS, expiresAt - requestedAt), signal);
    const answer = await sendForm(client, server, url, form, { signal: limited.signal, binding })
      .catch(unlessLost)
      .finally(limited.clear);
    if (signal?.aborted) throw signal.reason;
    notBefore = readRetryAfter(answer?.headers.get('retry-after'), clock.now()) ?? 0;
    if (!answer) continue;
    const { status, body } = answer;
    const error = readErrorCode(body?.error, [deviceCode]) ?? (body?.error === undefined ? undefined : 'error');
    const outcome = readPoll({ status, error, isTokens: body !== undefined }, intervalMs);
    switch (outcome.kind) {
      case 'granted':
        return { body: body ?? {}, requestedAt };
      case 'again':
        intervalMs = outcome.intervalMs;
        break;
      case 'refused':
        throw over('ERR_SIGN_IN_CANCELLED', 'the user refused', error, status);
      case 'expired':
        throw over('ERR_SIGN_IN_EXPIRED', 'nobody confirmed the code in time', error, status);
      case 'config':
        throw over('ERR_SIGN_IN_CONFIG', `it answered ${error ?? `status ${status}`}`, error, status);
      case 'rejected':
        throw over('ERR_SIGN_IN_RESPONSE', `it answered ${error ?? `status ${status}`}`, error, status);
    }
  }
}

function over(code: SignInErrorCode, why: string, oauthError?: string, status?: number): SignInError {
  return new SignInError(code, `Expected the server to sign this device in, but ${why}.`, { oauthError, status });
}

/** Resolves after a delay; rejects with the signal's reason as soon as that aborts. */
function wait(clock: Clock, delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const cancel = clock.after(Math.max(0, delayMs), done, { keepAlive: true });
    signal?.addEventListener('abort', done, { once: true });
    function done(): void {
      cancel();
      signal?.removeEventListener('abort', done);
      if (signal?.aborted) reject(signal.reason);
      else resolve();
    }
  });
}

/** A signal that aborts with another one, or after a time limit. */
function limit(
  clock: Clock,
  limitMs: number,
  signal: AbortSignal | undefined,
): { signal: AbortSignal; clear: () => void } {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const cancel = clock.after(limitMs, abort, { keepAlive: true });
  signal?.addEventListener('abort', abort, { once: true });
  return {
    signal: controller.signal,
    clear: () => {
      cancel();
      signal?.removeEventListener('abort', abort);
    },
  };
}

/** Without its key, nothing more can be asked; any other failure passes. */
function unlessLost(error: unknown): undefined {
  if (isTokenError(error) && error.code === 'ERR_SESSION_LOST') throw error;
}

function leave(signal: AbortSignal | undefined, error: unknown): never {
  if (signal?.aborted) throw signal.reason;
  return networkError(error);
}
