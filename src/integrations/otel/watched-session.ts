import { ownerOf } from '../../core/owner.js';
import type { TokenEvent } from '../../core/session-events.js';
import type { AnyTokenError } from '../../errors.js';
import type { TokenManagerOptions } from '../../manager/options.js';
import type { Watcher } from '../../manager/watcher.js';
import { errorTypeOf, hostOf } from './closed-lists.js';
import { factsOf, RECORDS, SEVERITIES, type Told } from './event-facts.js';
import type { Facts } from './instruments.js';
import { type ObservedRequest, observeRequest } from './observed-request.js';
import type { ContextLike } from './open-telemetry-like.js';
import type { OpenSpan, Telemetry } from './telemetry.js';

type RefreshTokens = TokenManagerOptions['refresh'];

/** One refresh with all its attempts. */
interface Run {
  readonly reason: string | undefined;
  readonly startedAt: number;
  readonly sessionId: string | undefined;
  readonly span: OpenSpan | undefined;
  attempts: number | undefined;
  request?: ObservedRequest | undefined;
  /** It is over, and its outcome comes in this turn or never. */
  isEnding?: boolean;
}

/** Refreshes of the session itself, and for other targets, which go on beside them one after the other. */
type Kind = 'own' | 'errand';

/** What is under way in a session. */
interface Busy {
  own?: Run | undefined;
  errand?: Run | undefined;
  waiting: number;
  /** The context of a caller who waits. */
  waitsIn?: ContextLike | undefined;
  /** The last refresh, for the links of those who are served by it. */
  last?: object | undefined;
}

/**
 * Tells of one session. An object of few fields, because there may be thousands; also the handler of the proxy around
 * the refresh function, which costs less than a closure, and leaves what a refresh function tells of itself in sight.
 */
export class WatchedSession implements Watcher {
  readonly #telemetry: Telemetry;
  readonly #clock: { now(): number };
  #busy: Busy | undefined;
  #status: 'active' | 'waiting' | undefined;
  #refreshedAt: number | undefined;

  constructor(telemetry: Telemetry, clock: { now(): number }) {
    this.#telemetry = telemetry;
    this.#clock = clock;
  }

  event({ type, payload, sessionId }: TokenEvent, at: number): void {
    const { record } = this.#telemetry;
    const told: Told = payload;
    const { reason, error } = told;
    const facts = factsOf(told);
    const kind = kindOf(told);
    const run = this.#busy?.[kind];
    // a cookie that stands for nobody
    const isNobody = error?.code === 'ERR_NO_SESSION';
    const log = RECORDS[type];
    const end = { 'evertoken.session.end_reason': type === 'sessionEnded' ? reason : undefined };
    if (log && !isNobody) {
      const [name, severity] = log;
      const about = { ...facts, ...end, 'evertoken.session.id': sessionId };
      this.#telemetry.log(name, SEVERITIES[error?.code ?? ''] ?? severity, at, about, run?.span?.context);
    }
    if (type === 'sessionStarted') {
      record('evertoken.session.starts', 1, facts);
      this.#count('active');
      this.#refreshedAt = undefined;
      // A cookie was asked about, or the client's own grant: what that brings is a session.
      if (run?.isEnding && /cookie|grant/.test(payload.from)) {
        this.#close(kind, at, 'refreshed', { 'evertoken.refresh.by': 'us' });
      }
    } else if (type === 'refreshStarted') {
      this.#begin(kind, told, sessionId, at);
    } else if (type === 'refreshed') {
      if (kind === 'own') this.#refreshed(payload, at);
      if (payload.attempts > 0) this.#close(kind, at, 'refreshed', facts); // none: a look at the storage has brought it
    } else if (type === 'refreshFailed') {
      run?.request?.conclude(error);
      if (isNobody) this.#close(kind, at);
      else if (!payload.again) {
        if (kind === 'own' && this.#status) this.#count('waiting');
        this.#close(kind, at, 'failed', facts, error);
      }
    } else if (type === 'sessionEnded') {
      record('evertoken.session.ends', 1, { ...end, 'error.type': facts['error.type'] });
      this.#count(undefined);
      if (error) this.#close(run?.isEnding ? 'own' : 'errand', at, 'ended', facts, error);
      this.#close('errand', at);
    } else if (type === 'requestRejected') {
      record('evertoken.request.rejections', 0, { ...facts, 'evertoken.request.replayed': !payload.replayed });
      record('evertoken.request.rejections', 1, facts);
    } else if (type === 'storageFailed') {
      record('evertoken.storage.failures', 1, facts);
    }
  }

  wait(outcome: Promise<unknown>): void {
    const busy = this.#occupy();
    const context = this.#telemetry.active();
    const startedAt = this.#clock.now();
    busy.waiting++;
    busy.waitsIn ??= context;
    const end = (errorType?: string) => {
      const at = this.#clock.now();
      const link = (busy.own ?? busy.errand)?.span?.name ?? busy.last;
      const facts = { 'error.type': errorType };
      busy.waiting--;
      if (busy.waitsIn === context) busy.waitsIn = undefined;
      this.#rest();
      if (at - startedAt <= 1) return; // refused at once, or served by what was there: the clock has just moved on
      this.#telemetry.record('evertoken.wait.duration', at - startedAt, facts);
      this.#telemetry.startSpan('evertoken.wait', startedAt, context, link)?.end(at, facts, !!errorType);
    };
    outcome.then(
      () => end(),
      (error) => end(errorTypeOf(error)),
    );
  }

  settled(): void {
    const run = this.#busy?.own;
    if (!run) return;
    run.isEnding = true;
    void Promise.resolve().then(() => {
      if (this.#busy?.own === run) this.#close('own');
    });
  }

  disposed(): void {
    this.#close('own');
    this.#close('errand');
    this.#count(undefined);
  }

  /** A call of the refresh function. */
  apply(refresh: RefreshTokens, self: unknown, args: Parameters<RefreshTokens>): unknown {
    const [request] = args;
    const call = () => Reflect.apply(refresh, self, args);
    const run = this.#busy?.[kindOf(request)];
    if (!run) return call();
    const facts = {
      'evertoken.refresh.retry': request.attempt > 1,
      'evertoken.refresh.errand': request.target && true,
      'server.address': hostOf(ownerOf(refresh)),
    };
    run.request = observeRequest(call, this.#telemetry, this.#clock, run, facts, request.signal);
    return run.request.answer;
  }

  #begin(kind: Kind, { reason, attempt }: Told, sessionId: string | undefined, startedAt: number): void {
    const busy = this.#occupy();
    const run = busy[kind];
    if (run && attempt !== 1) {
      run.attempts = attempt;
      return;
    }
    this.#close(kind, startedAt);
    const telemetry = this.#telemetry;
    const isRoot = reason === 'due' || reason === 'resume';
    const context = (!isRoot && busy.waitsIn) || telemetry.active();
    const span = telemetry.startSpan('evertoken.refresh', startedAt, context, undefined, isRoot);
    this.#occupy()[kind] = { reason, startedAt, sessionId, span, attempts: attempt };
  }

  #refreshed({ by, expiresAt }: Told, at: number): void {
    const { record } = this.#telemetry;
    if (this.#refreshedAt) record('evertoken.refresh.interval', at - this.#refreshedAt);
    this.#refreshedAt = at;
    if (by === 'us' && expiresAt) record('evertoken.token.lifetime', expiresAt - at);
    if (this.#status) this.#count('active');
  }

  #close(
    kind: Kind,
    at: number = this.#clock.now(),
    outcome = 'dropped',
    more: Facts = {},
    error?: AnyTokenError,
  ): void {
    const busy = this.#busy;
    const run = busy?.[kind];
    if (!run) return;
    const { reason, startedAt, span, attempts, sessionId, request } = run;
    request?.conclude(error);
    const end = { 'evertoken.refresh.outcome': outcome, 'error.type': more['error.type'] };
    const facts = {
      ...end,
      'evertoken.refresh.reason': reason,
      'evertoken.refresh.by': more['evertoken.refresh.by'],
      'evertoken.refresh.errand': kind === 'errand' || undefined,
    };
    const { record } = this.#telemetry;
    record('evertoken.refresh.duration', at - startedAt, facts);
    if (kind === 'own') record('evertoken.refresh.ends', 1, end);
    const about = { 'evertoken.refresh.attempts': attempts, 'evertoken.session.id': sessionId };
    span?.end(at, { ...more, ...facts, ...about }, !!error);
    busy[kind] = undefined;
    busy.last = span?.name;
    this.#rest();
  }

  #count(status: 'active' | 'waiting' | undefined): void {
    const tell = (difference: number) => {
      const facts = { 'evertoken.session.status': this.#status };
      if (this.#status) this.#telemetry.record('evertoken.session.count', difference, facts);
    };
    tell(-1);
    this.#status = status;
    tell(1);
  }

  #occupy(): Busy {
    this.#busy ??= { waiting: 0 };
    return this.#busy;
  }

  #rest(): void {
    const { own, errand, waiting } = this.#busy ?? {};
    if (!own && !errand && !waiting) this.#busy = undefined;
  }
}

function kindOf({ target }: { readonly target?: unknown }): Kind {
  return target ? 'errand' : 'own';
}
