import { ownerOf } from '../../core/owner.js';
import type { TokenEvent, TokenEvents } from '../../core/session-events.js';
import type { AnyTokenError } from '../../errors.js';
import type { TokenManagerOptions } from '../../manager/options.js';
import type { Watcher } from '../../manager/watcher.js';
import { errorTypeOf, oauthErrorOf, statusOf } from './closed-lists.js';
import type { Facts } from './instruments.js';
import { type ObservedRequest, observeRequest } from './observed-request.js';
import type { ContextLike } from './open-telemetry-like.js';
import type { OpenSpan, Telemetry } from './telemetry.js';

type RefreshTokens = TokenManagerOptions['refresh'];
type Payload<Type extends keyof TokenEvents> = Omit<TokenEvents[Type], 'at' | 'sessionId'>;

/** One refresh with all its attempts. */
interface Run {
  readonly reason: string;
  readonly startedAt: number;
  readonly sessionId: string | undefined;
  readonly span: OpenSpan | undefined;
  attempts: number;
  request?: ObservedRequest | undefined;
  /** It is over, and its outcome comes in this turn or never. */
  isEnding?: boolean;
}

/** What is under way in a session. */
interface Busy {
  run?: Run | undefined;
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
    // Refreshes for other targets go on beside those of the session, whose spans and measures they are not.
    if ('target' in payload && payload.target !== undefined) return;
    if (type === 'sessionStarted') this.#started(payload, sessionId, at);
    else if (type === 'refreshStarted') this.#refreshStarted(payload, sessionId, at);
    else if (type === 'refreshed') this.#refreshed(payload, sessionId, at);
    else if (type === 'refreshFailed') this.#failed(payload, sessionId, at);
    else if (type === 'sessionEnded') this.#ended(payload, sessionId, at);
    else if (type === 'requestRejected') this.#rejected(payload, sessionId, at);
    else if (type === 'storageFailed' || type === 'revokeFailed') {
      const isStorage = type === 'storageFailed';
      const facts = {
        'evertoken.storage.operation': isStorage ? payload.operation : undefined,
        'error.type': errorTypeOf(payload.error),
      };
      if (isStorage) this.#telemetry.record('evertoken.storage.failures', 1, facts);
      this.#log(`evertoken.${isStorage ? 'storage' : 'revocation'}.failure`, 'ERROR', at, sessionId, facts);
    }
  }

  wait(outcome: Promise<unknown>): void {
    const busy = this.#occupy();
    const context = this.#telemetry.active();
    const startedAt = this.#clock.now();
    busy.waiting++;
    busy.waitsIn ??= context;
    const end = (facts: Facts) => {
      const at = this.#clock.now();
      const link = busy.run?.span?.name ?? busy.last;
      busy.waiting--;
      if (busy.waitsIn === context) busy.waitsIn = undefined;
      this.#rest();
      if (at - startedAt <= 1) return; // refused at once, or served by what was there: the clock has just moved on
      this.#telemetry.record('evertoken.wait.duration', (at - startedAt) / 1_000, facts);
      this.#telemetry.startSpan('evertoken.wait', startedAt, { context, link })?.end(at, facts, 'error.type' in facts);
    };
    outcome.then(
      () => end({}),
      (error) => end({ 'error.type': errorTypeOf(error ?? '') }),
    );
  }

  settled(): void {
    const run = this.#busy?.run;
    if (!run) return;
    run.isEnding = true;
    void Promise.resolve().then(() => {
      if (this.#busy?.run === run) this.#close('dropped', this.#clock.now());
    });
  }

  disposed(): void {
    this.#close('dropped', this.#clock.now());
    this.#count(undefined);
  }

  /** A call of the refresh function. */
  apply(refresh: RefreshTokens, self: unknown, args: Parameters<RefreshTokens>): unknown {
    const call = () => Reflect.apply(refresh, self, args);
    const run = this.#busy?.run;
    if (!run) return call();
    const { answer, observed } = observeRequest(call, {
      telemetry: this.#telemetry,
      now: () => this.#clock.now(),
      context: run.span?.context,
      sessionId: run.sessionId,
      address: /:\/\/([^/:]+)/.exec(ownerOf(refresh) ?? '')?.[1],
      request: args[0],
    });
    run.request = observed;
    return answer;
  }

  #started({ from }: Payload<'sessionStarted'>, sessionId: string | undefined, at: number): void {
    const facts = { 'evertoken.session.from': from };
    this.#telemetry.look();
    this.#telemetry.record('evertoken.session.starts', 1, facts);
    this.#log('evertoken.session.start', 'INFO', at, sessionId, facts);
    this.#count('active');
    this.#refreshedAt = undefined;
    // A cookie was asked about, or the client's own grant: what that brings is a session.
    if (this.#busy?.run?.isEnding && (from === 'cookie' || from === 'grant')) {
      this.#close('refreshed', at, { 'evertoken.refresh.by': 'us' });
    }
  }

  #refreshStarted({ reason, attempt }: Payload<'refreshStarted'>, sessionId: string | undefined, at: number): void {
    const busy = this.#occupy();
    if (attempt > 1 && busy.run) {
      busy.run.attempts = attempt;
      return;
    }
    this.#close('dropped', at);
    this.#telemetry.look();
    const isRoot = reason === 'due' || reason === 'resume';
    const context = isRoot ? this.#telemetry.active() : (busy.waitsIn ?? this.#telemetry.active());
    const span = this.#telemetry.startSpan('evertoken.refresh', at, { context, isRoot });
    this.#occupy().run = { reason, startedAt: at, sessionId, span, attempts: attempt };
  }

  #refreshed(
    { by, reason, rotated, attempts, expiresAt, durationMs }: Payload<'refreshed'>,
    sessionId: string | undefined,
    at: number,
  ): void {
    const facts = { 'evertoken.refresh.by': by, 'evertoken.refresh.rotated': rotated };
    this.#log('evertoken.refresh', 'INFO', at, sessionId, {
      ...facts,
      'evertoken.refresh.reason': reason,
      'evertoken.refresh.attempts': attempts,
      'evertoken.refresh.duration': durationMs / 1_000,
    });
    if (this.#refreshedAt !== undefined) {
      this.#telemetry.record('evertoken.refresh.interval', (at - this.#refreshedAt) / 1_000);
    }
    this.#refreshedAt = at;
    if (by === 'us' && expiresAt !== undefined) {
      this.#telemetry.record('evertoken.token.lifetime', (expiresAt - at) / 1_000);
    }
    if (this.#status) this.#count('active');
    if (attempts > 0) this.#close('refreshed', at, facts); // none: a look at the storage has brought it
  }

  #failed({ error, attempt, again }: Payload<'refreshFailed'>, sessionId: string | undefined, at: number): void {
    if (error.code === 'ERR_NO_SESSION') {
      this.#close('dropped', at); // a cookie that stands for nobody
      return;
    }
    const facts = failureFacts(error);
    const severity = error.code === 'ERR_REFRESH_CONFIG' ? 'ERROR' : 'WARN';
    this.#log('evertoken.refresh.failure', severity, at, sessionId, {
      ...facts,
      'evertoken.refresh.attempt': attempt,
      'evertoken.refresh.again': again,
    });
    this.#busy?.run?.request?.conclude(error);
    if (again) return;
    if (this.#status) this.#count('waiting');
    this.#close('failed', at, facts, error);
  }

  #ended({ reason, error }: Payload<'sessionEnded'>, sessionId: string | undefined, at: number): void {
    const facts = failureFacts(error);
    const ends = { 'evertoken.session.end_reason': reason };
    this.#telemetry.record('evertoken.session.ends', 1, { ...ends, 'error.type': facts['error.type'] });
    const severity = reason === 'lost' ? 'ERROR' : reason === 'rejected' ? 'WARN' : 'INFO';
    this.#log('evertoken.session.end', severity, at, sessionId, { ...ends, ...facts });
    this.#count(undefined);
    if (this.#busy?.run?.isEnding && error) this.#close('ended', at, facts, error);
  }

  #rejected(
    { status, origin, challenges, replayed }: Payload<'requestRejected'>,
    sessionId: string | undefined,
    at: number,
  ): void {
    const facts = {
      'http.response.status_code': statusOf(status),
      'server.address': /:\/\/([^/:]+)/.exec(origin)?.[1],
      'evertoken.oauth.error': oauthErrorOf(challenges.map(({ parameters }) => parameters.error).find(Boolean)),
    };
    const [told, other] = [replayed, !replayed].map((is) => ({ ...facts, 'evertoken.request.replayed': is }));
    this.#telemetry.record('evertoken.request.rejections', 0, other);
    this.#telemetry.record('evertoken.request.rejections', 1, told);
    this.#log('evertoken.request.rejection', 'WARN', at, sessionId, told ?? {});
  }

  #close(outcome: string, at: number, more: Facts = {}, error?: Parameters<ObservedRequest['conclude']>[0]): void {
    const busy = this.#busy;
    const run = busy?.run;
    if (!run) return;
    const { reason, startedAt, span, attempts, sessionId, request } = run;
    request?.conclude(error);
    const facts = {
      'evertoken.refresh.outcome': outcome,
      'evertoken.refresh.reason': reason,
      'evertoken.refresh.by': more['evertoken.refresh.by'],
      'error.type': more['error.type'],
    };
    this.#telemetry.record('evertoken.refresh.duration', (at - startedAt) / 1_000, facts);
    span?.end(
      at,
      { ...facts, ...more, 'evertoken.refresh.attempts': attempts, 'evertoken.session.id': sessionId },
      error !== undefined,
    );
    busy.run = undefined;
    busy.last = span?.name;
    this.#rest();
  }

  #log(
    name: string,
    severity: Parameters<Telemetry['log']>[1],
    at: number,
    sessionId: string | undefined,
    facts: Facts,
  ): void {
    const context = this.#busy?.run?.span?.context;
    this.#telemetry.log(name, severity, at, { ...facts, 'evertoken.session.id': sessionId }, context);
  }

  #count(status: 'active' | 'waiting' | undefined): void {
    const before = this.#status;
    this.#status = status;
    if (before === status) return;
    const name = 'evertoken.session.count';
    if (before) this.#telemetry.record(name, -1, { 'evertoken.session.status': before });
    if (status) this.#telemetry.record(name, 1, { 'evertoken.session.status': status });
  }

  #occupy(): Busy {
    this.#busy ??= { waiting: 0 };
    return this.#busy;
  }

  #rest(): void {
    if (this.#busy && !this.#busy.run && this.#busy.waiting === 0) this.#busy = undefined;
  }
}

function failureFacts(error: AnyTokenError | undefined): Facts {
  const { status, oauthError } = Object(error) as { status?: number; oauthError?: string };
  return {
    'error.type': errorTypeOf(error),
    'http.response.status_code': statusOf(status),
    'evertoken.oauth.error': oauthErrorOf(oauthError),
  };
}
