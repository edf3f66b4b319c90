import { isUsable } from '../core/freshness.js';
import type { Settings } from './options.js';
import { isPauseOver } from './pause.js';
import type { Refresher } from './refresher.js';
import { createScheduler, type Scheduler } from './scheduler.js';
import type { SessionStore } from './session-store.js';
import type { StorageReader } from './storage-reader.js';
import type { UnstoredTokens } from './unstored-tokens.js';

/** A wake-up probes at most once in this time. */
const WAKE_INTERVAL_MS = 5_000;

/** The parts that the alarm needs. */
export interface AlarmParts {
  readonly settings: Settings;
  readonly session: SessionStore;
  readonly refresher: Refresher;
  readonly reader: StorageReader;
  readonly unstored: UnstoredTokens;
}

/** Refreshes of our own accord: ahead of expiry, after a pause, after a wake-up, and to store tokens that came late. */
export class Alarm {
  readonly #parts: AlarmParts;
  #scheduler: Scheduler | undefined;
  #dueAt = 0;
  #wokeAt = Number.NEGATIVE_INFINITY;
  #isProbeAllowed = false;
  #isDisposed = false;

  constructor(parts: AlarmParts) {
    this.#parts = parts;
  }

  /** A wake-up lets one probe through before `retryAt`. */
  get isProbeAllowed(): boolean {
    return this.#isProbeAllowed;
  }

  /** Plans the next refresh after a change of the session, whose access token is due at this moment. */
  plan(dueAt: number): void {
    this.#dueAt = dueAt;
    const { settings, session, refresher, unstored } = this.#parts;
    const { status } = session.state;
    const { failing } = session;
    if (status === 'refreshing') this.#isProbeAllowed = false;
    // A storage that cannot be read is read again at the next call.
    const isIdle =
      (!settings.proactive && !unstored.follow(session.record)) ||
      status === 'refreshing' ||
      status === 'none' ||
      (status === 'loading' && !(!settings.needsRefreshToken && failing));
    const at = isIdle ? Number.POSITIVE_INFINITY : Math.max(failing?.retryAt ?? dueAt, refresher.quietUntil);
    if (at < Number.POSITIVE_INFINITY) {
      const { clock, wakeups } = settings.platform;
      // A hidden page waits for its wake-up; tokens that came late have to be stored all the same.
      this.#scheduler ??= createScheduler(clock, () => {
        if (wakeups.isAwake() || unstored.follow(session.record)) this.#start();
      });
    }
    this.#scheduler?.plan(at);
  }

  /** Timers are not to be trusted: reads the storage before anything is served, then looks at the clock. */
  async wake(): Promise<void> {
    const { settings, session, reader } = this.#parts;
    const { clock, wakeups } = settings.platform;
    await reader.read(true);
    const now = clock.now();
    const { failing, record } = session;
    const isTime = failing
      ? !failing.named || isPauseOver(settings, failing)
      : record !== undefined && now >= this.#dueAt;
    const isRecent = now >= this.#wokeAt && now - this.#wokeAt < WAKE_INTERVAL_MS;
    if (this.#isDisposed || !isTime || isRecent) return;
    this.#wokeAt = now;
    this.#isProbeAllowed = true;
    if (settings.proactive && wakeups.isAwake()) this.#start();
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#scheduler?.cancel();
  }

  #start(): void {
    const { settings, session, refresher } = this.#parts;
    const { record } = session;
    const isGood = record && isUsable(record.tokens, settings.platform.clock.now());
    refresher.start(!record ? 'resume' : isGood ? 'due' : 'expired');
  }
}
