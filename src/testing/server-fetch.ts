import type { World } from './auth-world.js';
import type { Exchange, Outcome } from './exchange.js';
import type { FakeClock } from './fake-clock.js';
import { serve } from './serve.js';

const NO_BODY = [204, 205, 304];
const EMPTY = new Uint8Array();
const READERS = ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'] as const;

/** Answers a `Request` without any network. */
export type Responder = (request: Request) => Promise<Response | 'dropped'>;

/** Makes the function that answers `Request`s, with the one cookie kept between them. */
export function createResponder(world: World): Responder {
  const { track = untracked } = world.clock as Partial<FakeClock>;
  return async (request) => {
    const bodiless = request.method === 'GET' || request.method === 'HEAD';
    const body = bodiless ? EMPTY : new Uint8Array(await track(request.arrayBuffer()));
    const cookies = request.credentials !== 'omit' && world.switches.refreshTokenIn === 'cookie';
    const exchange: Exchange = {
      method: request.method,
      url: new URL(request.url),
      headers: request.headers,
      body,
      cookie: cookies ? world.jar : undefined,
      signal: request.signal,
    };
    const outcome = await serve(world, exchange);
    if (outcome !== 'dropped' && cookies && outcome.cookie !== undefined) world.jar = outcome.cookie ?? undefined;
    const response = toResponse(outcome, request.url);
    return response === 'dropped' || track === untracked ? response : trackReading(response, track);
  };
}

/** Makes a `fetch` that knows one origin and needs no network. */
export function createServerFetch(world: World, respond: Responder): typeof fetch {
  return async (input, init) => {
    const request = new Request(input instanceof Request ? input : new URL(input, world.origin), init);
    if (new URL(request.url).origin !== world.origin) {
      throw new TypeError(`fetch failed: expected a URL of ${world.origin}, got one of ${new URL(request.url).origin}`);
    }
    const response = await untilAborted(request.signal, () => respond(request));
    if (response === 'dropped') throw networkError();
    return response;
  };
}

function toResponse(outcome: Outcome, url: string): Response | 'dropped' {
  if (outcome === 'dropped') return outcome;
  const { status, headers, body } = outcome;
  const response = new Response(NO_BODY.includes(status) ? null : body, { status, headers: { ...headers } });
  Object.defineProperty(response, 'url', { value: url.replace(/#.*/, '') });
  return response;
}

/** Makes the fake clock wait for bodies that are being read, which browsers do on other threads. */
function trackReading(response: Response, track: FakeClock['track']): Response {
  const define = (name: string, value: unknown) => Object.defineProperty(response, name, { value, configurable: true });
  for (const name of READERS) {
    const read: (() => Promise<unknown>) | undefined = response[name]; // bytes() is missing in some runtimes
    if (read) define(name, () => track(read.call(response)));
  }
  const { clone } = response;
  define('clone', () => trackReading(clone.call(response), track));
  return response;
}

function untracked<T>(work: Promise<T>): Promise<T> {
  return work;
}

/** On abort the client rejects, but the server still acts on the request that it received. */
function untilAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    work()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', abort));
  });
}

function networkError(): TypeError {
  return new TypeError('fetch failed', { cause: new Error('the connection was closed before an answer came') });
}
