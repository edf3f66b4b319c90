import { closed, failureOf } from './closed-lists.js';
import type { Facts } from './instruments.js';
import { overheard } from './overheard.js';
import type { OpenSpan, Telemetry } from './telemetry.js';

/** One call of the refresh function. */
export interface ObservedRequest {
  readonly answer: Promise<unknown>;
  /** What the manager has made of it: only that tells the OAuth error, because the body is the manager's to read. */
  conclude(error: { readonly code?: string; readonly oauthError?: string } | undefined): void;
}

/** How a request went. */
interface How {
  readonly status?: unknown;
  readonly type?: string | undefined;
}

/** The refresh that a request belongs to. */
interface Refresh {
  readonly span: OpenSpan | undefined;
  readonly sessionId: string | undefined;
}

/** Calls the refresh function with a span around it, active in the very turn of the call. */
export function observeRequest(
  call: () => unknown,
  telemetry: Telemetry,
  clock: { now(): number },
  { span: parent, sessionId }: Refresh,
  facts: Facts,
  signal: AbortSignal,
): ObservedRequest {
  const startedAt = clock.now();
  const span = telemetry.startSpan('evertoken.refresh.request', startedAt, parent?.context);
  let end: (How & { readonly at: number }) | undefined;
  let conclusion: { readonly oauthError?: string } | undefined;
  let isTold = false;

  function tell(how?: How): void {
    if (how) end ??= { at: clock.now(), ...how };
    if (!end || !conclusion || isTold) return;
    isTold = true;
    const { at, status, type } = end;
    const told = {
      ...facts,
      'http.response.status_code': closed(status) as number,
      'error.type': type,
      'evertoken.oauth.error': closed(conclusion.oauthError),
    };
    telemetry.record('evertoken.refresh.request.duration', at - startedAt, told);
    span?.end(at, { ...told, 'evertoken.session.id': sessionId }, !!type);
  }

  const ask = async () => call();
  const answer = telemetry.within(span?.context, () =>
    overheard(
      ask,
      (response) => {
        const { ok, status } = Object(response) as { ok?: unknown; status?: unknown };
        tell(ok === false ? failureOf(response, signal) : { status: ok === true ? status : undefined });
      },
      (error) => tell(failureOf(error, signal)),
    ),
  );
  return {
    answer,
    conclude(error = {}) {
      conclusion ??= error;
      tell(error.code === 'ERR_REFRESH_TIMEOUT' ? { type: 'timeout' } : undefined);
    },
  };
}
