import { isUsable } from '../core/freshness.js';
import { orNone } from '../core/or-none.js';
import { recordOf, type SessionEffect, type SessionState } from '../core/session.js';
import type { TokenEvent } from '../core/session-events.js';
import { isSameSession, type SessionRecord } from '../core/session-record.js';
import type { TokenSet } from '../core/token-set.js';
import { type AnyTokenError, OptionsError } from '../errors.js';
import { type AccessParts, AccessTokens } from './access-tokens.js';
import { Alarm, type AlarmParts } from './alarm.js';
import { announce } from './announce.js';
import type { AttemptRequest } from './attempt-request.js';
import { attemptUnderLock } from './attempt-under-lock.js';
import { Demands } from './demands.js';
import { createEmitter, type Emitter, report } from './emitter.js';
import type { ErrandHost, Errands } from './errand-host.js';
import { Exchange } from './exchange.js';
import { isAlive, longestMs } from './hold-lock.js';
import { pastSession, requireSession, whenKnown } from './live-session.js';
import type { Settings } from './options.js';
import { PendingCommands } from './pending-commands.js';
import { PendingWork } from './pending-work.js';
import { Reconciler } from './reconciler.js';
import { RecordFactory } from './record-factory.js';
import { RecordStore, type StorageObserver } from './record-store.js';
import type { RefreshParts } from './refresh-parts.js';
import { RefreshRun } from './refresh-run.js';
import { Refresher } from './refresher.js';
import { revoke } from './revoke.js';
import { type CommandParts, SessionCommands } from './session-commands.js';
import { type SessionObserver, SessionStore } from './session-store.js';
import { type ReaderParts, StorageReader } from './storage-reader.js';
import { TokenMarks } from './token-marks.js';
import { type UnstoredObserver, UnstoredTokens } from './unstored-tokens.js';
import { Waiters, type WaitersObserver } from './waiters.js';
import type { Watcher } from './watcher.js';

type Observers = SessionObserver & StorageObserver & UnstoredObserver & WaitersObserver;
type Parts = RefreshParts & ReaderParts & AlarmParts & AccessParts & CommandParts & ErrandHost;

/** The composition root: makes the parts, each from those before it, and carries out what follows from a change. */
export class Manager implements Observers, Parts {
  declare readonly settings: Settings;
  declare readonly session: SessionStore;
  declare readonly store: RecordStore;
  declare readonly reconciler: Reconciler;
  declare readonly records: RecordFactory;
  declare readonly exchange: Exchange;
  declare readonly demands: Demands;
  declare readonly unstored: UnstoredTokens;
  declare readonly pending: PendingCommands;
  declare readonly work: PendingWork;
  declare readonly refresher: Refresher;
  declare readonly reader: StorageReader;
  declare readonly alarm: Alarm;
  declare readonly marks: TokenMarks;
  declare readonly accessTokens: AccessTokens;
  declare readonly commands: SessionCommands;
  #callers: Waiters<SessionRecord> | undefined;
  #errands: Errands | undefined;
  #emitter: Emitter | undefined;
  /** What ends with the manager; undefined before the first use. */
  #subscriptions: readonly (() => void)[] | undefined;
  /** Callers who wait for a sign-in or a sign-out. */
  #commandCallers: readonly Waiters<void>[] = orNone();
  /** Undefined once disposed of. */
  #watchers: readonly Watcher[] | undefined = orNone();

  constructor(settings: Settings) {
    this.settings = settings;
    this.session = new SessionStore(this);
    this.store = new RecordStore(this);
    this.reconciler = new Reconciler(this);
    this.records = new RecordFactory(settings);
    this.exchange = new Exchange(settings);
    this.demands = new Demands(settings.platform.clock);
    this.unstored = new UnstoredTokens(this);
    this.pending = new PendingCommands(settings);
    this.work = new PendingWork(settings.platform.clock);
    this.refresher = new Refresher(this);
    this.reader = new StorageReader(this);
    this.alarm = new Alarm(this);
    this.marks = new TokenMarks();
    this.accessTokens = new AccessTokens(this);
    this.commands = new SessionCommands(this);
  }

  get callers(): Waiters<SessionRecord> {
    this.#callers ??= new Waiters(this.settings.platform.clock, longestMs(this.settings), this);
    return this.#callers;
  }

  get emitter(): Emitter {
    this.#emitter ??= createEmitter();
    return this.#emitter;
  }

  get errands(): Errands | undefined {
    return this.#errands;
  }

  /** Made at first use, by code that the manager is handed: an application that asks for no other target does not pay for it. */
  startErrands<Started extends Errands>(start: (host: ErrandHost) => Started): Started {
    this.#errands ??= start(this);
    return this.#errands as Started;
  }

  async known(signal: AbortSignal | undefined, rejected?: string): Promise<SessionRecord> {
    await whenKnown(this, signal);
    if (rejected !== undefined && this.marks.isPast(rejected)) throw pastSession();
    return requireSession(this)?.record ?? this.callers.wait(signal);
  }

  isAlive(at: number): boolean {
    return isAlive(this.settings, at);
  }

  attempt(request: AttemptRequest): ReturnType<ErrandHost['attempt']> {
    const run = new RefreshRun(!this.#watchers);
    return { run, outcome: attemptUnderLock(this, run, request) };
  }

  /** What follows from a change of the session, in this order; its effects come after all of it. */
  sessionChanged(before: SessionState): void {
    if (!this.#watchers) return; // a refresh that was under way still stores its tokens, but there are no callers left
    const { state } = this.session;
    const next = recordOf(state);
    const last = recordOf(before);
    const dueAt = this.accessTokens.update(next, last);
    if (last && !isSameSession(next, last)) void this.refresher.detach('session-over');
    if (next && !last && isUsable(next.tokens, this.settings.platform.clock.now())) this.#callers?.resolve(next);
    else if (before.status === 'loading' && state.status === 'active') {
      // A caller waits, or was refused when the request with the cookie failed.
      if (this.#callers?.isWaiting || (this.settings.isCookie && before.failing)) this.refresher.start('expired');
    }
    this.alarm.plan(dueAt);
    this.#emitter?.changed();
  }

  carryOut(effect: SessionEffect): void {
    if (effect.type === 'announce') announce(this.settings);
    else if (effect.type === 'refuse') this.#callers?.reject(effect.error);
    else {
      if (effect.event.type === 'sessionStarted') this.commands.tellEnds();
      this.emit(effect.event);
    }
  }

  storageFailed(operation: 'read' | 'write' | 'remove', error: AnyTokenError): void {
    this.emit({ type: 'storageFailed', payload: { operation, error }, sessionId: this.session.record?.sessionId });
  }

  finishSignOut(): Promise<void> {
    return this.work.track(this.commands.finish());
  }

  storedLate(): void {
    announce(this.settings); // what peers have read since may have been the record before
    this.reconciler.schedule();
  }

  foundNewer(): void {
    void this.reader.read(false);
  }

  /** Callers have waited longer than a refresh can take: another one starts. */
  waitersOverdue(): void {
    const { record } = this.session;
    const isGood = record && isUsable(record.tokens, this.settings.platform.clock.now());
    this.refresher.start(isGood ? 'due' : record ? 'expired' : 'resume');
  }

  tokensArrivedLate(): void {
    if (this.unstored.follow(this.session.record)) this.refresher.start('due');
  }

  emit(event: TokenEvent): void {
    const at = this.settings.platform.clock.now();
    this.tell((watcher) => watcher.event(event, at));
    this.#emitter?.emit(event, at);
  }

  watch(watcher: Watcher): () => void {
    this.checkUse();
    this.#watchers = this.#watchers?.concat(watcher);
    return () => {
      this.#watchers = this.#watchers?.filter((other) => other !== watcher);
    };
  }

  /** Tells watchers, each isolated from the others' exceptions. */
  tell(say: (watcher: Watcher) => void, watchers: readonly Watcher[] = this.#watchers ?? []): void {
    for (const watcher of watchers) {
      try {
        say(watcher);
      } catch (error) {
        report(error);
      }
    }
  }

  /** A caller is not served at once. */
  waited<T>(outcome: Promise<T>): Promise<T> {
    this.tell((watcher) => watcher.wait(outcome));
    return outcome;
  }

  /** Tells the server that tokens are not used any more, in the background. */
  revoke(tokens: TokenSet | undefined, of: SessionRecord | undefined): Promise<void> {
    const revocation = revoke(this.settings, tokens, of?.grant).then((error) => {
      if (error) this.emit({ type: 'revokeFailed', payload: { error }, sessionId: of?.sessionId });
    });
    return this.work.track(revocation);
  }

  checkUse(): void {
    if (!this.#watchers) throw disposed();
  }

  /** Listens to peers and wake-ups from the first use to the end; throws after `dispose()`. */
  activate(): void {
    this.checkUse();
    if (this.#subscriptions) return;
    const { name, platform } = this.settings;
    this.#subscriptions = [];
    this.#subscriptions = [platform.channel.subscribe(name, () => void this.reader.read(false))];
    const unsubscribe = platform.wakeups.subscribe(() => void this.alarm.wake());
    this.#subscriptions = this.#subscriptions.concat(unsubscribe);
  }

  /** Waits for a command that goes on by itself: the process stays alive meanwhile, and `dispose()` refuses the caller. */
  track(command: Promise<void>, signal?: AbortSignal): Promise<void> {
    const callers = new Waiters<void>(this.settings.platform.clock);
    const outcome = callers.wait(signal);
    this.#commandCallers = this.#commandCallers.concat(callers);
    this.work
      .track(command)
      .then(
        () => callers.resolve(),
        (error) => callers.reject(error),
      )
      .then(() => {
        this.#commandCallers = orNone(this.#commandCallers.filter((other) => other !== callers));
      });
    return outcome;
  }

  /** Lets go of callers, timers and listeners. */
  dispose(): void {
    if (!this.#watchers) return;
    const watchers = this.#watchers;
    this.#watchers = undefined;
    const error = disposed();
    for (const callers of this.#commandCallers) callers.reject(error);
    this.callers.close(error);
    this.reader.refuse(error);
    this.pending.callers.reject(error);
    this.accessTokens.dispose();
    this.alarm.dispose();
    this.reconciler.dispose();
    this.refresher.dispose();
    this.#errands?.dispose();
    for (const unsubscribe of this.#subscriptions ?? []) unsubscribe();
    this.#emitter?.clear();
    this.tell((watcher) => watcher.disposed(), watchers);
  }
}

function disposed(): OptionsError {
  return new OptionsError('ERR_DISPOSED', 'Expected a manager in use, but dispose() was called: create another one.');
}
