import { type Challenge, readChallenges } from '../core/challenge.js';
import { hooks } from '../core/hooks.js';
import { isTokenError } from '../errors.js';
import type { TokenSource } from '../manager/token-manager.js';
import { checkSender, readAllowedOrigins, readTarget, refuse } from './origins.js';
import { letGo, type Outgoing, prepare, urlOf } from './outgoing.js';

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
  const { withoutSession = 'reject' } = options;
  if (!['reject', 'send'].includes(withoutSession)) refuse('withoutSession', "'reject' or 'send'", withoutSession);
  checkSender(options.fetch);
  // modules that import each other in a circle give undefined
  if (typeof tokens?.getAccessToken !== 'function') refuse('tokens', 'a token manager', tokens);
  // An origin that refused even a token that was new: another one is of no use there until this one is replaced.
  const hopeless = new Map<string, string>();

  async function authorized(outgoing: Outgoing, origin: string, send: typeof fetch): Promise<Response> {
    const { signal } = outgoing;
    let token: string;
    try {
      token = await tokens.getAccessToken(
        outgoing.isOneShot ? { signal, minValidityMs: STREAM_VALIDITY_MS } : signal && { signal },
      );
    } catch (error) {
      const isSignedOut = isTokenError(error) && error.name === 'SessionError';
      if (withoutSession === 'send' && isSignedOut) return send(...(await outgoing.plain()));
      throw error;
    }
    if (outgoing.ready) await outgoing.ready;
    const response = await send(...outgoing.withToken(token));
    const refusal = readRefusal(response, origins);
    if (!refusal) {
      if (hopeless.size > 0) hopeless.delete(origin);
      return response;
    }
    tell(refusal, response.status, origin, token, false);
    if (!refusal.isReplaceable || outgoing.isOneShot || hopeless.get(origin) === token) return response;
    return replay(response, refusal, token);

    async function replay(refused: Response, { challenge }: Refusal, rejected: string): Promise<Response> {
      let next: string;
      try {
        next = await tokens.replaceAccessToken(rejected, { signal, challenge });
      } catch (error) {
        if (signal?.aborted) throw error;
        return refused;
      }
      letGo(refused.body);
      const second = await send(...outgoing.withToken(next, true));
      const again = readRefusal(second, origins);
      if (again) {
        tell(again, second.status, origin, next, true);
        if (again.isReplaceable) hopeless.set(origin, next);
      }
      return second;
    }
  }

  function tell({ challenges }: Refusal, status: number, origin: string, token: string, replayed: boolean): void {
    tokens[hooks]?.reject({ status, origin, challenges, replayed }, token);
  }

  // the prefix of an origin, complete with its slash, leaves no doubt: the common case needs no parser
  function targetOf(url: string): ReturnType<typeof readTarget> {
    for (const origin of origins) if (url.startsWith(`${origin}/`)) return { origin, url };
    const target = readTarget(url);
    return target && origins.has(target.origin) ? target : undefined;
  }

  return async (input, init) => {
    const send = options.fetch ?? globalThis.fetch;
    const target = targetOf(urlOf(input));
    const outgoing = target && prepare(input, init, target.url);
    if (!outgoing || tokens[hooks]?.isRefreshing(outgoing.signal)) {
      outgoing?.discard();
      return send(input, init);
    }
    return authorized(outgoing, target.origin, send).finally(outgoing.discard);
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
