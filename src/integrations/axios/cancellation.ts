import type { ConfigLike } from './sending.js';

/** One signal for both ways in which a request of axios is cancelled; `stop` when the request is over. */
export function watchCancellation({ signal, cancelToken }: ConfigLike): {
  readonly signal: AbortSignal | undefined;
  stop(): void;
} {
  const either = new AbortController();
  // axios itself rejects with the caller's reason; this signal needs none.
  const abort = () => either.abort();
  cancelToken?.subscribe(abort);
  if (cancelToken) signal?.addEventListener('abort', abort);
  return {
    signal: cancelToken ? either.signal : signal,
    stop() {
      cancelToken?.unsubscribe(abort);
      signal?.removeEventListener('abort', abort);
    },
  };
}
