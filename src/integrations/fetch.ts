import { hooks, signs } from '../core/hooks.js';
import { isTokenError } from '../errors.js';
import type { TokenManager, TokenSource } from '../manager/token-manager.js';
import { createFutileRefreshes } from './futile-refreshes.js';
import { checkNames, checkSender, createTargets, readAllowedOrigins, refuse } from './origins.js';
import { type Authorize, letGo, prepare, sign, urlOf } from './outgoing.js';
import { judge, type Rejected, readRejection } from './rejection.js';
import { replay, type Surroundings } from './replay.js';
import { createSender, refuseBound } from './sender.js';

/** Where an access token may go, and how. */
export interface FetchOptions {
  /** Origins such as `https://api.example` that get the access token; any other request is passed on untouched. Required. */
  origins: readonly string[];
  /** What sends. Default: the global `fetch`, looked up on each call; where that is this one, the `fetch` before it. */
  fetch?: typeof fetch | undefined;
  /** Without a session: `'reject'` with `ERR_NO_SESSION`, or `'send'` as it is. Default `'reject'`. */
  withoutSession?: 'reject' | 'send' | undefined;
  /**
   * Whether an answer refuses the access token. Default: a 401, unless its challenge asks for more than another token.
   *
   * Called with every answer to a request that carried one; of the body it reads a copy. Where it throws, or gives
   * anything but a boolean, the default counts, and the mistake goes to `reportError` or the console.
   */
  rejected?: Rejected | undefined;
  /**
   * Puts the access token on a request. Default: `Authorization: Bearer`, where the caller brings no `Authorization`.
   *
   * At once, not in a promise; where it throws, the request is not sent and rejects with `ERR_OPTIONS`. With the token in
   * any header but `Authorization`, redirects are not followed unless the call says so: `fetch` would take it along.
   */
  authorize?: Authorize | undefined;
  /** Also accept `http:` origins that are not loopback. Default `false`. */
  allowInsecure?: boolean | undefined;
}

const OPTIONS = ['origins', 'fetch', 'withoutSession', 'rejected', 'authorize', 'allowInsecure'];
/** An upload that cannot be sent twice gets a token that lives at least this long. */
const STREAM_VALIDITY_MS = 60_000;
/** The most origins that `requestPassedOver` is emitted for. */
const MAX_PASSED_OVER = 100;

/**
 * A `fetch` that carries the access token to the listed origins, and replays a request once after a 401.
 *
 * Everything else is `fetch`: a request with an `Authorization` header of its own, or to any other origin, is passed on.
 *
 * @throws {OptionsError} `ERR_OPTIONS`: no token manager; an unknown option; an origin that is none, or is `http:` without
 * being loopback
 *
 * @example
 * const api = createFetch(tokens, { origins: ['https://api.example'] });
 * const response = await api('https://api.example/me');
 */
export function createFetch(tokens: TokenSource, options: FetchOptions): typeof fetch {
  const targetOf = createTargets(check(tokens, Object(options)));
  const { fetch: given, withoutSession, authorize, rejected } = options;
  const before = globalThis.fetch;
  const { send, mark, returns } = createSender(given, before);
  const futile = createFutileRefreshes(tokens);
  const around: Surroundings = { tokens, futile, send, rejected, isSigned: !authorize && signs in send };
  const passedOver = new Set<string>();
  /** The last access token that was seen to be bound to no key. */
  let unbound: string | undefined;

  function passOver(origin: string): void {
    if (passedOver.has(origin) || passedOver.size === MAX_PASSED_OVER) return;
    passedOver.add(origin);
    tokens[hooks]?.passOver?.(origin);
  }

  // One async function, because each further one would cost a promise per request.
  return async (input, init) => {
    if (returns?.(init)) return before(input, init);
    const target = targetOf(urlOf(input));
    const outgoing = target?.isListed ? prepare(input, init, target, authorize) : undefined;
    try {
      const isOurs = tokens[hooks]?.isRefreshing(outgoing ? outgoing.signal : init?.signal);
      if (!outgoing || isOurs) {
        if (target?.isListed === false && !isOurs) passOver(target.origin);
        return await send(input, init);
      }
      const { signal, isOneShot } = outgoing;
      mark?.(outgoing.init);
      let accessToken: string;
      try {
        accessToken = await tokens.getAccessToken(
          isOneShot ? { signal, minValidityMs: STREAM_VALIDITY_MS } : signal && { signal },
        );
      } catch (error) {
        if (withoutSession !== 'send' || !isTokenError(error) || !hasNoSession(tokens, error.name)) throw error;
        await outgoing.ready;
        return await send(outgoing.goal, { ...outgoing.init, headers: outgoing.headers });
      }
      if (outgoing.ready) await outgoing.ready;
      if (!around.isSigned && accessToken !== unbound) refuseBound(tokens, accessToken);
      unbound = accessToken;
      sign(outgoing, accessToken, false);
      // In cookie mode every access token is '', so the token set is noted instead.
      const sent = accessToken === '' ? tokens[hooks]?.present?.() : undefined;
      const response = await send(outgoing.goal, outgoing.init);
      const rejection = rejected
        ? await judge(rejected, response, outgoing, accessToken, around.isSigned)
        : readRejection(response, outgoing.target.origin, around.isSigned);
      if (rejection) return await replay(around, outgoing, { accessToken, sent }, response, rejection);
      futile.accept(outgoing.target.url);
      return response;
    } finally {
      if (outgoing?.spare) letGo(outgoing.spare.body);
    }
  };
}

/** Whether an error means: no session, or a storage that cannot be read. */
function hasNoSession(tokens: TokenSource, name: string): boolean {
  const { getSnapshot } = tokens as Partial<TokenManager>;
  return name === 'SessionError' || (name === 'StorageError' && getSnapshot?.().status === 'loading');
}

/** Checks the arguments, and gives the listed origins. Throws `OptionsError`, `ERR_OPTIONS`. */
function check(tokens: TokenSource, options: Partial<FetchOptions>): ReadonlySet<string> {
  // A circular import gives undefined.
  if (typeof tokens?.getAccessToken !== 'function') {
    refuse('tokens', 'a token manager', tokens, ': write createFetch(tokens, { origins })');
  }
  checkNames(options, OPTIONS);
  const { withoutSession = 'reject' } = options;
  if (!['reject', 'send'].includes(withoutSession)) refuse('withoutSession', "'reject' or 'send'", withoutSession);
  for (const name of ['fetch', 'rejected', 'authorize'] as const) checkSender(options[name], name);
  return readAllowedOrigins(options);
}
