type HeadersLike = Readonly<Record<string, unknown>>;

/** The used part of a request's config. */
export interface ConfigLike {
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

/** A body that the caller may change during the wait for a token, copied; strings and Blobs cannot change. */
export function asItIs(data: unknown): unknown {
  if (data instanceof ArrayBuffer) return data.slice(0);
  // `Buffer.prototype.slice` would return a view, not a copy.
  return ArrayBuffer.isView(data) ? Uint8Array.prototype.slice.call(data) : data;
}

/** A request with this header: a copy, because adapters write into headers. */
export function withAuthorization(
  config: ConfigLike,
  Authorization: string,
  isListed: (url: string) => boolean | undefined,
): ConfigLike {
  const { headers = {}, beforeRedirect } = config;
  const added = { Authorization };
  const { concat } = headers;
  return {
    ...config,
    headers: typeof concat === 'function' ? concat.call(headers, added) : { ...headers, ...added },
    beforeRedirect(options, ...rest) {
      // follow-redirects keeps the header on redirects to subdomains.
      if (!isListed(options.href)) delete options.headers[nameIn(options.headers, 'authorization')];
      beforeRedirect?.(options, ...rest);
    },
  };
}

/**
 * Gives an answer or an error the caller's own config, and hides its request: nothing shows a token when it is printed.
 *
 * Otherwise a library that retries a failed request would send the old token again.
 */
export function seal<Outcome>(outcome: Outcome, config: ConfigLike): Outcome {
  const { response } = Object(outcome) as { response?: unknown };
  for (const part of [outcome, response] as (Partial<Record<string, unknown>> | undefined)[]) {
    if (!part?.config) continue;
    Reflect.defineProperty(part, 'config', { value: config });
    if (part.request) Reflect.defineProperty(part, 'request', { enumerable: false });
  }
  return outcome;
}

/** A header by its name, which is in lower case here and in any there. */
export function headerOf(headers: HeadersLike = {}, name: string): unknown {
  return headers[nameIn(headers, name)];
}

function nameIn(headers: HeadersLike, wanted: string): string {
  return Object.keys(headers).find((name) => name.toLowerCase() === wanted && headers[name] !== undefined) ?? wanted;
}
