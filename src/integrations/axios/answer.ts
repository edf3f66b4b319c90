import { headerOf, isOneShot, type ResponseLike } from './sending.js';

/** An answer of axios, with as much of a `Response` as `createFetch` looks at. */
export interface Answer {
  readonly status: number | undefined;
  readonly headers: { get(name: string): string | null };
  /** The URL after redirects; empty if the adapter does not say. */
  readonly url: string;
  /** Only a body that has to be cancelled when it is not read. */
  readonly body: unknown;
  /** Resolves or rejects as axios did. */
  settle(): Promise<unknown>;
}

export function readAnswer({ status, headers, data, request }: ResponseLike, settle: () => Promise<unknown>): Answer {
  return {
    status,
    headers: { get: (name) => headerOf(headers, name) ?? null },
    url: request?.res?.responseUrl ?? request?.responseURL ?? '',
    body: isOneShot(data) ? data : null,
    settle,
  };
}
