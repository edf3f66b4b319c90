import { readTarget } from '../origins.js';

type HeadersLike = Readonly<Record<string, unknown>>;

/** The used part of a request's config. */
export interface ConfigLike {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly baseURL?: string | undefined;
  readonly allowAbsoluteUrls?: boolean | undefined;
  readonly headers?: HeadersLike | undefined;
  readonly data?: unknown;
  readonly auth?: unknown;
  readonly signal?: AbortSignal | undefined;
  readonly cancelToken?: { subscribe(listener: () => void): void; unsubscribe(listener: () => void): void } | undefined;
  readonly beforeRedirect?: ((options: Redirect, ...rest: unknown[]) => void) | undefined;
}

/** The used part of an answer. */
export interface ResponseLike {
  readonly status?: number;
  readonly headers?: HeadersLike;
  readonly data?: unknown;
  /** In Node the request has its response in `res`; in a page it is the XMLHttpRequest. */
  readonly request?: { readonly responseURL?: string; readonly res?: { readonly responseUrl?: string } | null } | null;
}

/** The next redirect of follow-redirects. */
interface Redirect {
  readonly href: string;
  readonly headers: Record<string, unknown>;
}

/** Copies a request, so that changes made during the wait for a token do not matter; strings and Blobs cannot change. */
export function asItIs(config: ConfigLike): ConfigLike {
  const { data } = config;
  if (data instanceof ArrayBuffer) return { ...config, data: data.slice(0) };
  // `Buffer.prototype.slice` would return a view, not a copy.
  if (ArrayBuffer.isView(data)) return { ...config, data: Uint8Array.prototype.slice.call(data) };
  return { ...config };
}

/** Whether the caller has set `Authorization`; also to `false` or `null`, which suppress it. */
export function keepsItsOwn({ headers, auth }: ConfigLike): boolean {
  return Boolean(auth) || headerOf(headers, 'authorization') !== undefined;
}

/** Whether a URL leads to one of these origins. */
export function isIn(origins: ReadonlySet<string>, url: string): boolean {
  // An origin followed by a slash is unambiguous, whatever comes after it.
  return [...origins].some((origin) => url.startsWith(`${origin}/`) || readTarget(url)?.origin === origin);
}

/** A request with this header: a copy, because adapters write into headers. */
export function withAuthorization(config: ConfigLike, Authorization: string, origins: ReadonlySet<string>): ConfigLike {
  const { headers = {}, beforeRedirect } = config;
  const added = { Authorization };
  const { concat } = headers;
  return {
    ...config,
    headers: typeof concat === 'function' ? concat.call(headers, added) : { ...headers, ...added },
    beforeRedirect(options, ...rest) {
      // follow-redirects keeps the header on redirects to subdomains.
      if (!isIn(origins, options.href)) {
        for (const name of Object.keys(options.headers))
          if (isNamed(name, 'authorization')) delete options.headers[name];
      }
      beforeRedirect?.(options, ...rest);
    },
  };
}

/** Whether a body can be read only once: a stream of Node or of the web, or the form of a library that is one. */
export function isOneShot(data: unknown): boolean {
  return (
    typeof data === 'object' && data !== null && ('pipe' in data || 'getReader' in data || Symbol.asyncIterator in data)
  );
}

/**
 * Gives an answer or an error the caller's own config, and hides its request: nothing shows a token when it is printed.
 *
 * Otherwise a library that retries a failed request would send the old token again.
 */
export function seal(outcome: unknown, config: ConfigLike): ResponseLike & { readonly response?: ResponseLike } {
  const whole = Object(outcome) as { response?: object };
  for (const part of [whole, Object(whole.response) as object]) {
    if (!('config' in part)) continue;
    set(part, 'config', config, true);
    if ('request' in part) set(part, 'request', part.request, false);
  }
  return whole;
}

/** A header by its name, in any case. */
export function headerOf(headers: HeadersLike = {}, wanted: string): string | undefined {
  const name = Object.keys(headers).find((key) => isNamed(key, wanted) && headers[key] !== undefined);
  return name === undefined ? undefined : String(headers[name]);
}

function isNamed(name: string, wanted: string): boolean {
  return name.toLowerCase() === wanted;
}

function set(target: object, key: string, value: unknown, enumerable: boolean): void {
  Reflect.defineProperty(target, key, { value, enumerable, configurable: true, writable: true });
}
