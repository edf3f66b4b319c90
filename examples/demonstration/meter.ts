import { AsyncLocalStorage } from 'node:async_hooks';
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { isTokenError, type TokenManager, type TokenSource } from 'evertoken';

/** One request to the API, as the caller sees it. */
export interface Call {
  readonly via: 'createFetch' | 'ky';
  /** It did not get its access token at once. */
  waited: boolean;
  /** Milliseconds spent in the network, below evertoken. */
  networkMs: number;
}

/** What is measured, outside evertoken. */
export interface Meter {
  readonly requests: Record<Call['via'], number>;
  /** Requests that did not get their access token at once. */
  waited: number;
  /** Milliseconds that the one who waited longest had to wait. */
  longestWaitMs: number;
  /** How many wait right now. */
  waiting: number;
  /** The most that waited at one moment, since somebody set it to 0. */
  waitingPeak: number;
  /** Callers told that refreshing fails, and when to come back. */
  postponed: number;
  /** Requests that the API answered with 401, the replay included. */
  unauthorized: number;
  /** Callers refused although a usable access token was there. */
  refusedInVain: number;
  /** Anything else than a right answer. */
  readonly failures: Map<string, number>;
  /** Nanoseconds that evertoken added to a request. */
  readonly addedNs: RecordableHistogram;
  readonly calls: AsyncLocalStorage<Call>;
}

export function createMeter(): Meter {
  return {
    requests: { createFetch: 0, ky: 0 },
    waited: 0,
    longestWaitMs: 0,
    waiting: 0,
    waitingPeak: 0,
    postponed: 0,
    unauthorized: 0,
    refusedInVain: 0,
    failures: new Map(),
    addedNs: createHistogram(),
    calls: new AsyncLocalStorage(),
  };
}

export function requestsOf({ requests }: Meter): number {
  return requests.createFetch + requests.ky;
}

export function failuresOf({ failures }: Meter): number {
  return [...failures.values()].reduce((sum, count) => sum + count, 0);
}

/**
 * The same manager, watched: whoever has no token when the event loop turns has waited.
 *
 * A token that is there is handed out without any I/O, so before the turn ends. Whatever takes longer is counted,
 * whether it was a refresh, the lock or the storage.
 */
export function watchTokens(tokens: TokenManager, meter: Meter, now: () => number = Date.now): TokenSource {
  let asking: { isSettled: boolean; isWaiting: boolean }[] = [];

  function turn(): void {
    for (const request of asking) {
      if (request.isSettled) continue;
      request.isWaiting = true;
      meter.waitingPeak = Math.max(meter.waitingPeak, ++meter.waiting);
    }
    asking = [];
  }

  async function watch(asked: Promise<string>): Promise<string> {
    const request = { isSettled: false, isWaiting: false };
    if (asking.push(request) === 1) setImmediate(turn);
    const call = meter.calls.getStore();
    const askedAt = performance.now();
    try {
      return await asked;
    } finally {
      request.isSettled = true;
      if (request.isWaiting) {
        meter.waiting--;
        meter.longestWaitMs = Math.max(meter.longestWaitMs, performance.now() - askedAt);
        if (call) call.waited = true;
      }
    }
  }

  return Object.create(tokens, {
    getAccessToken: {
      value: async (...given: Parameters<TokenSource['getAccessToken']>) => {
        try {
          return await watch(tokens.getAccessToken(...given));
        } catch (error) {
          const { expiresAt = 0 } = tokens.getSnapshot();
          if (isTokenError(error) && expiresAt > now()) meter.refusedInVain++;
          throw error;
        }
      },
    },
    replaceAccessToken: {
      value: (...given: Parameters<TokenSource['replaceAccessToken']>) => watch(tokens.replaceAccessToken(...given)),
    },
  });
}

/** A `fetch` below evertoken, that notes how long the network took. */
export function timeNetwork(send: typeof fetch, { calls }: Meter): typeof fetch {
  return async (input, init) => {
    const call = calls.getStore();
    const sentAt = performance.now();
    try {
      return await send(input, init);
    } finally {
      if (call) call.networkMs += performance.now() - sentAt;
    }
  };
}

/** A `fetch` above evertoken: what the whole took, less the network, is what evertoken added. */
export function timeAll(api: typeof fetch, { calls, addedNs }: Meter): typeof fetch {
  return async (input, init) => {
    const call = calls.getStore();
    const calledAt = performance.now();
    const networkBefore = call?.networkMs ?? 0;
    try {
      return await api(input, init);
    } finally {
      const networkMs = (call?.networkMs ?? 0) - networkBefore;
      addedNs.record(Math.max(1, Math.round((performance.now() - calledAt - networkMs) * 1e6)));
    }
  };
}
