import { isTokenError } from '../errors.js';
import type { TokenSource } from '../manager/token-manager.js';
import { type Answer, readAnswer } from './axios/answer.js';
import { watchCancellation } from './axios/cancellation.js';
import { asItIs, type ConfigLike, isIn, isOneShot, keepsItsOwn, seal, withAuthorization } from './axios/sending.js';
import { createFetch } from './fetch.js';
import { readAllowedOrigins, refuse } from './origins.js';

/** An adapter of axios, in any of its versions. */
export type AxiosAdapterLike = (config: never) => Promise<unknown>;

/** The used part of axios: pass axios itself, version 1.5 or later, or 0.30 or later. */
export interface AxiosLike<Adapter extends AxiosAdapterLike = AxiosAdapterLike> {
  getUri(config?: object): string;
  /** Absent in axios 0, whose `defaults.adapter` is an adapter and no name. */
  getAdapter?(adapters: never, config?: never): Adapter;
  readonly defaults: { readonly adapter?: unknown };
}

/** Where an access token may go, and what sends. */
export interface AxiosOptions<Adapter extends AxiosAdapterLike = AxiosAdapterLike> {
  /** axios itself, not an instance of it. Required. */
  axios: AxiosLike<Adapter>;
  /** Origins such as `https://api.example` that get the access token; any other request is passed on untouched. Required. */
  origins: readonly string[];
  /** The adapter that sends, or its name. Default: that of `axios.defaults`, as it is at the moment of this call. */
  adapter?: AxiosAdapterLike | string | readonly string[] | undefined;
  /** Without a session: `'reject'` with `ERR_NO_SESSION`, or `'send'` as it is. Default `'reject'`. */
  withoutSession?: 'reject' | 'send' | undefined;
  /** Also accept `http:` origins that are not loopback. Default `false`. */
  allowInsecure?: boolean | undefined;
}

/**
 * An adapter for axios that carries the access token to the listed origins, and replays once after a 401.
 *
 * It wraps axios's own adapter; interceptors and `transformRequest` run outside it, and see one request and one answer.
 * `timeout` counts for each sending and not for the wait for a token; cancelling ends both. A request with an
 * `Authorization` header or `auth` of its own, or to any other origin, is passed on. What axios gives back, errors
 * included, has the caller's own `config`, and shows no access token when it is printed.
 *
 * @throws {OptionsError} `ERR_OPTIONS`: no token manager, no axios, or an origin that is none
 *
 * @example
 * const api = axios.create({
 *   baseURL: 'https://api.example',
 *   adapter: tokenAdapter(tokens, { axios, origins: ['https://api.example'] }),
 * });
 */
export function tokenAdapter<Adapter extends AxiosAdapterLike>(
  tokens: TokenSource,
  options: AxiosOptions<Adapter>,
): Adapter {
  const { axios, origins, withoutSession, allowInsecure } = options;
  const fetched = createFetch(tokens, { origins, withoutSession, allowInsecure, fetch: sendBelow as never });
  const listed = readAllowedOrigins(options);
  const below = options.adapter ?? axios?.defaults?.adapter;
  if (typeof axios?.getUri !== 'function' || (typeof below !== 'function' && !axios.getAdapter)) {
    refuse('axios', 'axios itself, not an instance of it', axios);
  }

  /** The URL of a request, as axios builds it, but without axios's defaults. */
  function urlOf({ url, baseURL = '', allowAbsoluteUrls = true }: ConfigLike): string {
    return `${axios.getUri({ url, baseURL, allowAbsoluteUrls })}`;
  }

  async function send(config: ConfigLike): Promise<unknown> {
    const adapter = typeof below === 'function' ? below : axios.getAdapter?.(below as never, config as never);
    return (adapter as AxiosAdapterLike)(config as never);
  }

  /** What `createFetch` takes for `fetch`: whether a 401 is an answer or an error of axios, `validateStatus` says. */
  async function sendBelow(_: unknown, { headers, given, config }: Init): Promise<Answer> {
    const authorization = new Headers(headers).get('authorization');
    // While the token was awaited, the base URL of the document may have changed.
    const isListed = authorization !== null && isIn(listed, urlOf(config));
    return send(isListed ? withAuthorization(config, authorization, listed) : config).then(
      (answer) => readAnswer(seal(answer, given), async () => answer),
      (error) => {
        const { response } = seal(error, given);
        if (!response) throw error;
        return readAnswer(response, () => Promise.reject(error));
      },
    );
  }

  async function adapter(given: ConfigLike): Promise<unknown> {
    if (keepsItsOwn(given)) return send(given);
    const url = urlOf(given);
    const { signal, stop } = watchCancellation(given);
    const init: Init = {
      method: given.method?.toUpperCase(),
      signal,
      body: isOneShot(given.data) ? STREAM : undefined,
      given,
      config: isIn(listed, url) ? asItIs(given) : given,
    };
    try {
      return await ((await fetched(url, init as RequestInit)) as unknown as Answer).settle();
    } catch (error) {
      throw isTokenError(error) ? ofItsOwn(error) : error;
    } finally {
      stop();
    }
  }
  return adapter as AxiosAdapterLike as Adapter;
}

/** The `init` passed through `createFetch`, which keeps members that it does not know. */
interface Init {
  readonly method: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly body: object | undefined;
  readonly headers?: Headers;
  readonly given: ConfigLike;
  readonly config: ConfigLike;
}

/** A stand-in for any body that can be read only once. */
const STREAM = { getReader: undefined };

// axios adds the caller's stack to the error that it rejects with, and this error is shared by several callers.
function ofItsOwn(error: Error): Error {
  return Object.create(error, { stack: { value: error.stack, configurable: true, writable: true } });
}
