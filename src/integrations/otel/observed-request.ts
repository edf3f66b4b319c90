import { failureOf, oauthErrorOf, statusOf } from './closed-lists.js';
import type { Facts } from './instruments.js';
import type { ContextLike } from './open-telemetry-like.js';
import type { Telemetry } from './telemetry.js';

/** One call of the refresh function. */
export interface ObservedRequest {
  /** What the manager has made of it: only that tells the OAuth error, because the body is the manager's to read. */
  conclude(error: { readonly code?: string; readonly oauthError?: string } | undefined): void;
}

interface About {
  readonly telemetry: Telemetry;
  readonly now: () => number;
  readonly context: ContextLike | undefined;
  readonly sessionId: string | undefined;
  readonly address: string | undefined;
  readonly request: { readonly attempt: number; readonly signal: AbortSignal };
}

/** Calls the refresh function with a span around it, active in the very turn of the call. */
export function observeRequest(
  call: () => unknown,
  { telemetry, now, context, sessionId, address, request }: About,
): { readonly answer: unknown; readonly observed: ObservedRequest } {
  const startedAt = now();
  const span = telemetry.startSpan('evertoken.refresh.request', startedAt, { context });
  let end: { readonly at: number; readonly status?: unknown; readonly type?: string | undefined } | undefined;
  let conclusion: { readonly oauthError: string | undefined } | undefined;
  let isTold = false;

  function tell(): void {
    if (!end || !conclusion || isTold) return;
    isTold = true;
    const facts: Facts = {
      'http.response.status_code': statusOf(end.status),
      'error.type': end.type,
      'evertoken.oauth.error': oauthErrorOf(conclusion.oauthError),
      'evertoken.refresh.retry': request.attempt > 1,
      'server.address': address,
    };
    telemetry.record('evertoken.refresh.request.duration', (end.at - startedAt) / 1_000, facts);
    span?.end(end.at, { ...facts, 'evertoken.session.id': sessionId }, end.type !== undefined);
  }

  const answered = (status: unknown, type?: string) => {
    end ??= { at: now(), status, type };
    tell();
  };
  const failed = (error: unknown) => {
    const { status, type } = failureOf(error, request.signal.aborted);
    answered(status, type);
  };
  let answer: unknown;
  try {
    answer = telemetry.within(span?.context, call);
  } catch (error) {
    failed(error);
    answer = Promise.reject(error);
  }
  Promise.resolve(answer).then((response) => {
    const { ok, status } = Object(response) as { ok?: unknown; status?: unknown };
    if (typeof ok !== 'boolean') answered(undefined);
    else answered(status, ok ? undefined : String(statusOf(status)));
  }, failed);
  return {
    answer,
    observed: {
      conclude(error) {
        conclusion ??= { oauthError: error?.oauthError };
        if (error?.code === 'ERR_REFRESH_TIMEOUT') end ??= { at: now(), type: 'timeout' };
        tell();
      },
    },
  };
}
