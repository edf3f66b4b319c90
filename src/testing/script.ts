import type { ApiRequest, TokenRequest } from './request-log.js';

/** The endpoints whose answers can be scripted. */
export type Endpoint =
  | 'token'
  | 'revoke'
  | 'sign-in'
  | 'api'
  | 'authorize'
  | 'par'
  | 'device'
  | 'discovery'
  | 'userinfo'
  | 'introspect'
  | 'logout';

/**
 * What a request meets instead of, or besides, what the server would do.
 *
 * @example
 * server.next({ status: 503, headers: { 'Retry-After': '5' } }); // instead of acting
 * server.next({ acts: true, drop: true }); // rotate, then lose the answer
 * server.next({ drop: true }); // the request never arrived
 * server.next({ status: 200, body: '<html>Sign in to the airport Wi-Fi</html>' });
 * server.next({ body: (own) => ({ ...own, token_type: undefined }) }); // the server's own answer, changed
 */
export interface ScriptedAnswer {
  /** Whether the server does its work first. Default: only when the rest leaves its own answer in place. */
  acts?: boolean;
  /** The status. Default 200 with a `body`, else the server's own. */
  status?: number;
  /** Header fields, besides those the answer has anyway. */
  headers?: Record<string, string>;
  /** A string as it is, anything else as JSON; a function gets the server's own JSON and returns what replaces it. */
  body?: unknown;
  /** Breaks the connection instead of answering: a network error. */
  drop?: boolean;
  /** Never answers; ends when the client gives up. */
  hang?: boolean;
  /** How long to wait before acting, in milliseconds. Default 0. */
  delayMs?: number;
  /** How long to wait after acting, in milliseconds. Default 0. */
  answerDelayMs?: number;
}

/** A request to this endpoint, as a scripted function sees it. */
export type ScriptedRequest<E extends Endpoint = Endpoint> = E extends 'token' ? TokenRequest : ApiRequest;

/** Decides per request; undefined leaves the request to the server. */
export type ScriptedDecision<E extends Endpoint> = (
  request: ScriptedRequest<E>,
) => ScriptedAnswer | undefined | Promise<ScriptedAnswer | undefined>;

/** An answer, or a function that decides. */
export type Scripted<E extends Endpoint = Endpoint> = ScriptedAnswer | ScriptedDecision<E>;

/** What is going to be answered, per endpoint. */
export interface Script {
  next<E extends Endpoint>(scripted: Scripted<E>, times: number, endpoint: E): void;
  always<E extends Endpoint>(scripted: Scripted<E> | undefined, endpoint: E): void;
  /** The scripted answer to this request; undefined: the server answers by itself. */
  take<E extends Endpoint>(endpoint: E, request: ScriptedRequest<E>): ReturnType<ScriptedDecision<E>>;
  clear(): void;
}

/** Makes an empty script. */
export function createScript(): Script {
  const queues = new Map<Endpoint, Array<{ scripted: Scripted<never>; times: number }>>();
  const standing = new Map<Endpoint, Scripted<never>>();
  return {
    next(scripted, times, endpoint) {
      const queue = queues.get(endpoint) ?? [];
      queues.set(endpoint, queue);
      if (times > 0) queue.push({ scripted, times });
    },
    always(scripted, endpoint) {
      if (scripted) standing.set(endpoint, scripted);
      else standing.delete(endpoint);
    },
    take(endpoint, request) {
      const [first] = queues.get(endpoint) ?? [];
      if (first && --first.times === 0) queues.get(endpoint)?.shift();
      const scripted = first?.scripted ?? standing.get(endpoint);
      return typeof scripted === 'function' ? scripted(request as never) : scripted;
    },
    clear() {
      queues.clear();
      standing.clear();
    },
  };
}

/** Whether the server does its work although an answer is scripted. */
export function actsFirst({ acts, status, body, drop, hang }: ScriptedAnswer): boolean {
  return acts ?? (typeof body === 'function' || (status === undefined && body === undefined && !drop && !hang));
}
