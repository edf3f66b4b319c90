import { isTokenError } from '../errors.js';
import type { TokenSource } from '../manager/token-manager.js';
import { watchCancellation } from './axios/cancellation.js';
import { asItIs, type ConfigLike, headerOf, type ResponseLike, seal, withAuthorization } from './axios/sending.js';
import { createFetch } from './fetch.js';
import { createTargets, readAllowedOrigins, refuse } from './origins.js';
import { isStream } from './outgoing.js';

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
  const { axios, adapter: own, ...others } = options;
  const fetched = createFetch(tokens, { ...others, fetch: sendBelow as never });
  const targetOf = createTargets(readAllowedOrigins(options));
  const isListed = (url: string) => targetOf(url)?.isListed;
  const below = own ?? axios?.defaults?.adapter;
  if (!axios?.getUri || (typeof below !== 'function' && !axios.getAdapter)) {
    refuse('axios', 'axios itself, not an instance of it', axios);
  }

  /** The URL of a request, as axios builds it, but without axios's defaults. */
  function urlOf({ url, baseURL = '', allowAbsoluteUrls = true }: ConfigLike): string {
    return `${axios.getUri({ url, baseURL, allowAbsoluteUrls })}`;
  }

  async function send(config: ConfigLike): Promise<unknown> {
    const adapter = axios.getAdapter?.(below as never, config as never) ?? below;
    return (adapter as AxiosAdapterLike)(config as never);
  }

  /** What `createFetch` takes for `fetch`: whether a 401 is an answer or an error of axios, `validateStatus` says. */
  async function sendBelow(_: unknown, { headers: signed, given, config }: Init): Promise<Answer> {
    const authorization = signed?.get('authorization');
    // While the token was awaited, the base URL of the document may have changed.
    const carries = authorization && isListed(urlOf(config));
    const outcome = send(carries ? withAuthorization(config, authorization, isListed) : config).then(
      (answer) => seal(answer, given),
      (error) => Promise.reject(seal(error, given)),
    );
    const answer = await outcome.catch((error) => error?.response ?? outcome);
    const { status, headers, data, request } = answer as ResponseLike;
    return {
      status,
      headers: { get: (name) => headerOf(headers, name)?.toString() },
      url: request?.res?.responseUrl ?? request?.responseURL ?? '',
      body: isStream(Object(data)) && data,
      outcome,
    };
  }

  async function adapter(given: ConfigLike): Promise<unknown> {
    const { headers, auth, data } = given;
    // An `Authorization` of `false` or `null` suppresses the header.
    if (auth || headerOf(headers, 'authorization') !== undefined) return send(given);
    const url = urlOf(given);
    const { signal, stop } = watchCancellation(given);
    const config = isListed(url) ? { ...given, data: asItIs(data) } : given;
    const init: Init = { signal, body: isStream(Object(data)) ? data : undefined, given, config };
    try {
      const answer: unknown = await fetched(url, init as RequestInit);
      return await (answer as Answer).outcome;
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
  readonly signal: AbortSignal | undefined;
  /** Only a body that can be read only once. */
  readonly body: unknown;
  readonly headers?: Headers;
  readonly given: ConfigLike;
  readonly config: ConfigLike;
}

/** An answer of axios, with as much of a `Response` as `createFetch` looks at. */
interface Answer {
  readonly status: number | undefined;
  readonly headers: { get(name: string): string | undefined };
  /** The URL after redirects; empty if the adapter does not say. */
  readonly url: string;
  /** Only a body that has to be cancelled when it is not read. */
  readonly body: unknown;
  /** Resolves or rejects as axios did. */
  readonly outcome: Promise<unknown>;
}

// axios adds the caller's stack to the error that it rejects with, and this error is shared by several callers.
function ofItsOwn(error: Error): Error {
  return Object.create(error, { stack: { value: error.stack, writable: true } });
}
