import { findTokenError } from 'evertoken';

/** What is called of a service worker; hand it `self`. */
interface WorkerLike {
  addEventListener(type: 'fetch', listener: (event: FetchEventLike) => void): void;
}
interface FetchEventLike {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

/**
 * Lets a service worker add the access token, so that an `<img>`, a download or a worker of others can use the API.
 *
 * `api` is what `createFetch` makes in the service worker, on the same `browser()` platform as the pages: it is a peer
 * of theirs, with one session and one refresh for all.
 */
export function carryTokens(worker: WorkerLike, api: typeof fetch, isOurs: (url: URL) => boolean): void {
  worker.addEventListener('fetch', (event) => {
    const { request } = event;
    // pages carry no token, and whoever brings one of his own keeps it
    if (request.mode === 'navigate' || request.headers.has('authorization') || !isOurs(new URL(request.url))) return;
    event.respondWith(api(request).catch(answerOf));
  });
}

/** A page sees no more than a network error of what is thrown here, so it is told by a status. */
function answerOf(error: unknown): Response {
  const known = findTokenError(error);
  if (!known) throw error;
  if (/^ERR_(NO_SESSION|SESSION_)/.test(known.code)) return new Response(null, { status: 401 });
  const { retryAt } = known as { retryAt?: number };
  const seconds = retryAt && Math.max(1, Math.ceil((retryAt - Date.now()) / 1_000));
  return new Response(null, { status: 503, ...(seconds && { headers: { 'Retry-After': String(seconds) } }) });
}
