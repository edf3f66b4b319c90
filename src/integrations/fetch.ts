import { type Challenge, readChallenges } from '../core/challenge.js';
import { hooks } from '../core/hooks.js';
import { isTokenError } from '../errors.js';
import type { TokenSource } from '../manager/token-manager.js';
import { checkSender, createTargets, readAllowedOrigins, readTarget, refuse } from './origins.js';
import { letGo, prepare, sign, urlOf } from './outgoing.js';

/** Where an access token may go, and how. */
export interface FetchOptions {
  /** Origins such as `https://api.example` that get the access token; any other request is passed on untouched. Required. */
  origins: readonly string[];
  /** What sends. Default: the global `fetch`, looked up on each call. */
  fetch?: typeof fetch | undefined;
  /** Without a session: `'reject'` with `ERR_NO_SESSION`, or `'send'` as it is. Default `'reject'`. */
  withoutSession?: 'reject' | 'send' | undefined;
  /** Also accept `http:` origins that are not loopback. Default `false`. */
  allowInsecure?: boolean | undefined;
}

/** An upload that cannot be sent twice gets a token that lives at least this long. */
const STREAM_VALIDITY_MS = 60_000;
/** Errors that mean a request must not ask the user for anything: it needs more than a new token (RFC 6750, RFC 9470). */
const NEEDS_MORE = ['insufficient_scope', 'insufficient_user_authentication'];

/**
 * A `fetch` that carries the access token to the listed origins, and replays a request once after a 401.
 *
 * Everything else is `fetch`: a request with an `Authorization` header of its own, or to any other origin, is passed on.
 *
 * @throws {OptionsError} `ERR_OPTIONS`: no token manager; an origin that is none, or is `http:` without being loopback
 *
 * @example
 * const api = createFetch(tokens, { origins: ['https://api.example'] });
 * const response = await api('https://api.example/me');
 */
export function createFetch(tokens: TokenSource, options: FetchOptions): typeof fetch {
  const origins = readAllowedOrigins(options);
  const targetOf = createTargets(origins);
  const { withoutSession = 'reject' } = options;
  if (!['reject', 'send'].includes(withoutSession)) refuse('withoutSession', "'reject' or 'send'", withoutSession);
  checkSender(options.fetch);
  // modules that import each other in a circle give undefined
  if (typeof tokens?.getAccessToken !== 'function') refuse('tokens', 'a token manager', tokens);
  // An origin that refused even a token that was new: another one is of no use there until this one is replaced.
  const hopeless = new Map<string, string>();

  function tell({ challenges }: Refusal, status: number, origin: string, token: string, replayed: boolean): void {
    tokens[hooks]?.reject({ status, origin, challenges, replayed }, token);
  }

  // one function for the whole way: each more of them would cost every request a promise
  return async (input, init) => {
    const send = options.fetch ?? globalThis.fetch;
    const target = targetOf(urlOf(input));
    const outgoing = target && prepare(input, init, target.url);
    try {
      if (!outgoing || tokens[hooks]?.isRefreshing(outgoing.signal)) return await send(input, init);
      const { signal, isOneShot } = outgoing;
      const { origin } = target;
      let token: string;
      try {
        token = await tokens.getAccessToken(
          isOneShot ? { signal, minValidityMs: STREAM_VALIDITY_MS } : signal && { signal },
        );
      } catch (error) {
        const isSignedOut = isTokenError(error) && error.name === 'SessionError';
        if (withoutSession !== 'send' || !isSignedOut) throw error;
        await outgoing.ready;
        return await send(outgoing.goal, { ...outgoing.init, headers: outgoing.headers });
      }
      if (outgoing.ready) await outgoing.ready;
      sign(outgoing, token, outgoing.headers);
      const response = await send(outgoing.goal, outgoing.init);
      const refusal = readRefusal(response, origins);
      if (!refusal) {
        if (hopeless.size > 0) hopeless.delete(origin);
        return response;
      }
      tell(refusal, response.status, origin, token, false);
      if (!refusal.isReplaceable || isOneShot || hopeless.get(origin) === token) return response;
      let next: string;
      try {
        next = await tokens.replaceAccessToken(token, { signal, challenge: refusal.challenge });
      } catch (error) {
        if (signal?.aborted) throw error;
        return response;
      }
      letGo(response.body);
      sign(outgoing, next);
      const { goal, spare, init: sent } = outgoing;
      outgoing.spare = undefined; // whoever sends it lets go of it
      const second = await send(spare ?? goal, sent);
      const again = readRefusal(second, origins);
      if (again) {
        tell(again, second.status, origin, next, true);
        if (again.isReplaceable) hopeless.set(origin, next);
      }
      return second;
    } finally {
      if (outgoing?.spare) letGo(outgoing.spare.body);
    }
  };
}

/** What a server said when it refused the token. */
interface Refusal {
  readonly challenges: readonly Challenge[];
  readonly challenge: Challenge | undefined;
  /** Another token may help. */
  readonly isReplaceable: boolean;
}

function readRefusal(response: Response, origins: ReadonlySet<string>): Refusal | undefined {
  const { status } = response;
  if (status !== 401 && status !== 403) return undefined;
  const { headers, url } = response;
  // past a redirect to elsewhere, the word is not that of the server that got the token
  const from = url ? readTarget(url) : undefined;
  if (from && !origins.has(from.origin)) return undefined;
  const challenges = readChallenges(headers.get('www-authenticate'));
  const challenge = challenges.find(({ scheme }) => scheme === 'bearer') ?? challenges[0];
  const needsMore = challenges.some(({ parameters }) => NEEDS_MORE.includes(parameters.error ?? ''));
  if (status === 403 && !needsMore) return undefined;
  return { challenges, challenge, isReplaceable: status === 401 && !needsMore };
}
