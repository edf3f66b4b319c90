import { hooks, signs } from '../core/hooks.js';
import { proofMethod } from '../core/proof.js';
import { skewOfToken } from '../core/skew.js';
import { readClaims } from '../core/token-set.js';
import { isTokenError } from '../errors.js';
import type { TokenManagerOptions } from '../manager/options.js';
import type { DpopKeys, TokenManager, TokenSource } from '../manager/token-manager.js';
import { createNonces } from './dpop/nonces.js';
import { createProver } from './dpop/prover.js';
import { type Signer, sendSigned } from './dpop/send-signed.js';
import { createServerClocks } from './dpop/server-clocks.js';
import { createSessionKeys, type SessionKeys, sessionKeys } from './dpop/session-keys.js';
import { type CryptoLike, secretsFrom } from './oauth/random.js';
import { checkNames, checkSender, readTarget, refuse, type Target } from './origins.js';
import { isStream, letGo, urlOf } from './outgoing.js';
import { createSender } from './sender.js';

/** What {@link dpop} needs. */
export interface DpopOptions {
  /** Where the keys of sessions lie: `browserKeys()`, `memoryKeys()`, `jwkKeys()` or keys of the platform. Required. */
  keys: DpopKeys;
  /** What proofs are dated by. Default the machine's clock. */
  clock?: Pick<NonNullable<TokenManagerOptions['platform']>['clock'], 'now'> | undefined;
  /** Random bytes and SHA-256, where there is no global `crypto` with both. */
  crypto?: CryptoLike | undefined;
}

/** Signs requests with the key of the session (RFC 9449); see {@link dpop}. */
export interface Dpop {
  /** Where the keys lie. */
  readonly keys: DpopKeys;
  /**
   * What sends for `createFetch`: signs requests that carry an access token of these tokens, passes on any other.
   *
   * `Authorization: Bearer` becomes `DPoP`, with a proof for this one sending. Where the server wants another nonce, or the
   * proof was dated by a wrong clock, it is signed anew and sent once more, a body that is a stream excepted.
   *
   * @param send What sends. Default: the global `fetch`, looked up on each call.
   */
  fetch(tokens: TokenSource, send?: typeof fetch): typeof fetch;
  /**
   * The headers for one request that is sent otherwise: a WebSocket, axios, an upload of the platform.
   *
   * `dpop` is absent where the session is bound to no key. A proof is good for one sending.
   *
   * @throws as `getAccessToken()`
   */
  headers(
    tokens: TokenSource,
    request: { url: string; method: string },
  ): Promise<{ authorization: string; dpop?: string }>;
  /**
   * What sends to a token endpoint with proofs by this key, for a sign-in of one's own.
   *
   * @param binding The name of the key: of `keys.create()`, and what `startSession` is given.
   * @throws {SessionError} `ERR_SESSION_LOST`, from the function: the key is gone
   * @throws {StorageError} `ERR_STORAGE_READ`, from the function: the key cannot be had now
   */
  endpoint(binding: string, send?: typeof fetch): typeof fetch;
  /** For `evertoken/oauth` only. */
  readonly [sessionKeys]: SessionKeys;
}

interface SigningParts extends Signer {
  /** How far the server's clock is ahead, by an access token. */
  assume(tokens: TokenSource, accessToken: string): number | undefined;
}

const OPTIONS = ['keys', 'clock', 'crypto'];
/** Half the default of `timeoutMs`: whoever holds the lock of the session holds it for longer. */
const REFRESH_LIMIT_MS = 5_000;

/**
 * Binds sessions to a key that never leaves the device: a stolen access token is worth nothing elsewhere (RFC 9449).
 *
 * Creating does nothing. Nonces and what servers say of their clocks are kept in memory, for all that one `dpop()` signs.
 *
 * @throws {OptionsError} `ERR_OPTIONS`
 *
 * @example
 * const keys = dpop({ keys: browserKeys() });
 * const client = oauthClient({ issuer: 'https://auth.example', clientId: 'shop', dpop: keys });
 * const api = createFetch(tokens, { origins: ['https://api.example'], fetch: keys.fetch(tokens) });
 */
export function dpop(options: DpopOptions): Dpop {
  const { keys, clock, crypto } = Object(options) as DpopOptions;
  checkNames(options, OPTIONS);
  if (typeof keys?.find !== 'function') refuse('keys', 'keys such as browserKeys()', keys);
  if (typeof (clock ?? Date).now !== 'function') refuse('clock', 'a clock', clock);
  const secrets = secretsFrom(crypto);
  const signer: SigningParts = {
    assume: createAssumption(),
    prover: createProver(keys, secrets),
    nonces: createNonces(),
    clocks: createServerClocks(),
    now: () => (clock ?? Date).now(),
  };
  return {
    keys,
    [sessionKeys]: createSessionKeys(keys),
    fetch: (tokens, send) => createSigningFetch(signer, checkTokens(tokens), send),
    async headers(tokens, { url, method }) {
      const accessToken = await checkTokens(tokens).getAccessToken();
      const binding = bindingOf(tokens, accessToken);
      if (binding === undefined) return { authorization: `Bearer ${accessToken}` };
      const target = targetOf(url.replace(/^ws/i, 'http'));
      const prove = await signer.prover.prepare({ binding, method: proofMethod(method), url: target.url, accessToken });
      const skewMs = signer.clocks.skewOf(target.origin) ?? signer.assume(tokens, accessToken);
      const proof = await prove({ now: signer.now(), skewMs, nonce: signer.nonces.get(target.origin) });
      return { authorization: `DPoP ${accessToken}`, dpop: proof };
    },
    endpoint(binding, send) {
      checkSender(send, 'send');
      return (input, init = {}) => {
        const { origin, url } = targetOf(urlOf(input));
        const { method = 'GET', headers, body, signal } = init;
        const transmit = (proof: string) => {
          const sent = new Headers(headers);
          sent.set('dpop', proof);
          return (send ?? globalThis.fetch)(input, { ...init, headers: sent });
        };
        const isOneShot = typeof body === 'object' && body !== null && isStream(body);
        const what = { binding, origin, url, method: proofMethod(method) };
        const limitMs = /\bgrant_type=refresh_token\b/.test(String(body)) ? REFRESH_LIMIT_MS : undefined;
        return sendSigned(signer, { ...what, isEndpoint: true, isOneShot, signal, limitMs, transmit });
      };
    },
  };
}

function createSigningFetch(signer: SigningParts, tokens: TokenSource, given: typeof fetch | undefined): typeof fetch {
  checkSender(given, 'send');
  const before = globalThis.fetch;
  const { send, mark, returns } = createSender(given, before);
  const signing: typeof fetch = async (input, init = {}) => {
    if (returns?.(init)) return before(input, init);
    const request = typeof input === 'object' && 'headers' in input ? input : undefined;
    const headers = new Headers(init.headers ?? request?.headers);
    const accessToken = /^bearer +(\S+)$/i.exec(headers.get('authorization') ?? '')?.[1];
    const binding = accessToken && bindingOf(tokens, accessToken);
    if (!binding) return send(input, init);
    const { origin, url } = targetOf(urlOf(input));
    const method = proofMethod(init.method ?? request?.method ?? 'GET');
    const body = init.body ?? undefined;
    // The body of a Request can be read once; null where it was read already, so that `fetch` will reject.
    const spare = request && body === undefined && !/^(GET|HEAD)$/.test(method) ? copyOf(request) : undefined;
    let isSpareUsed = false;
    const transmit = (proof: string, isAgain: boolean) => {
      isSpareUsed ||= isAgain;
      const sent = new Headers(headers);
      sent.set('authorization', `DPoP ${accessToken}`);
      sent.set('dpop', proof);
      const next = { ...init, headers: sent };
      mark?.(next);
      return send((isAgain && spare) || input, next);
    };
    try {
      return await sendSigned(signer, {
        binding,
        accessToken,
        origin,
        url,
        method,
        isEndpoint: false,
        signal: init.signal ?? request?.signal,
        isOneShot: spare === null || (typeof body === 'object' && isStream(body)),
        assumedSkewMs: signer.assume(tokens, accessToken),
        transmit,
      });
    } catch (error) {
      throw await endedBy(error, tokens, accessToken);
    } finally {
      if (spare && !isSpareUsed) letGo(spare.body);
    }
  };
  return Object.defineProperty(signing, signs, { value: true });
}

/** Where the key is gone, a refresh sees the same, or is told so, and ends the session; its error is the one to tell. */
async function endedBy(error: unknown, tokens: TokenSource, accessToken: string): Promise<unknown> {
  if (!isTokenError(error) || error.code !== 'ERR_SESSION_LOST') return error;
  tokens[hooks]?.lose?.(error);
  return tokens.replaceAccessToken(accessToken).then(
    () => error,
    (reason) => reason,
  );
}

function bindingOf(tokens: TokenSource, accessToken: string): string | undefined {
  return tokens[hooks]?.bindingOf?.(accessToken);
}

/** The server's clock by the access token itself, which needs neither an answer nor a storage; read once, while it is new. */
function createAssumption(): (tokens: TokenSource, accessToken: string) => number | undefined {
  let read: { readonly accessToken: string; readonly skewMs: number | undefined } | undefined;
  return (tokens, accessToken) => {
    if (read?.accessToken !== accessToken) {
      const others = Object.values(tokens[hooks]?.others?.() ?? {});
      const other = others.find((one) => one.accessToken === accessToken);
      const { issuedAt, expiresAt } = other ?? (tokens as TokenManager).getSnapshot?.() ?? {};
      read = { accessToken, skewMs: skewOfToken(readClaims(accessToken), issuedAt, expiresAt) };
    }
    return read.skewMs;
  };
}

function copyOf(request: Request): Request | null {
  try {
    return request.clone();
  } catch {
    return null;
  }
}

function targetOf(url: string): Target {
  return readTarget(url) ?? refuse('url', 'an absolute http address', url);
}

function checkTokens(tokens: TokenSource): TokenSource {
  if (typeof tokens?.getAccessToken !== 'function') refuse('tokens', 'a token manager', tokens);
  return tokens;
}
