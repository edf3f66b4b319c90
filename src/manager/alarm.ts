import { mayRetry } from '../core/backoff.js';
import { isUsable } from '../core/freshness.js';
import { recordOf, type SessionState } from '../core/session.js';
import type { Looker } from './looker.js';
import type { Settings } from './options.js';
import type { Refresher } from './refresher.js';
import { createScheduler } from './scheduler.js';
import type { SessionStore } from './session-store.js';

/** Refreshes of our own accord: ahead of expiry, when a circuit breaker's time is over, and after a wake-up. */
export interface Alarm {
  /** Plans the next moment for a new state. */
  plan(state: SessionState): void;
  /** Timers are not to be trusted: looks at the storage before anything is served, then at the clock. */
  wake(): void;
  /** Whether a wake-up lets one probe through before `retryAt`. */
  mayProbe(): boolean;
  cancel(): void;
}

/** What the alarm works on. */
export interface AlarmContext {
  readonly settings: Settings;
  readonly store: SessionStore;
  readonly refresher: Refresher;
  readonly looker: Looker;
  dueAt(): number;
  isDisposed(): boolean;
}

/** A wake-up probes at most once in this time. */
const WAKE_INTERVAL_MS = 5_000;

export function createAlarm(context: AlarmContext): Alarm {
  const { settings, store, refresher, looker, dueAt, isDisposed } = context;
  const { clock, wakeups } = settings.platform;
  let wokeAt = Number.NEGATIVE_INFINITY;
  let canProbe = false;

  function start(): void {
    const record = recordOf(store.state);
    refresher.start(!record ? 'resume' : isUsable(record.tokens, clock.now()) ? 'due' : 'expired');
  }

  const scheduler = createScheduler(clock, () => {
    // a hidden page waits until it is seen again: a wake-up looks at the clock
    if (wakeups.isAwake()) start();
  });

  return {
    plan: (state) => {
      const failing = 'failing' in state ? state.failing : undefined;
      if (state.status === 'refreshing') canProbe = false;
      // a storage that cannot be read is read again when somebody asks
      const at =
        state.status === 'refreshing' || state.status === 'none' || (state.status === 'loading' && !settings.isCookie)
          ? Number.POSITIVE_INFINITY
          : (failing?.retryAt ?? (state.status === 'loading' ? Number.POSITIVE_INFINITY : dueAt()));
      scheduler.plan(
        settings.proactive && !isDisposed() ? Math.max(at, refresher.quietUntil) : Number.POSITIVE_INFINITY,
      );
    },
    wake: () => {
      void looker.look(true).then(() => {
        const now = clock.now();
        const { state } = store;
        const failing = 'failing' in state ? state.failing : undefined;
        const isTime = failing
          ? !failing.named || mayRetry(failing, now, settings.retry)
          : 'record' in state && now >= dueAt();
        if (isDisposed() || !isTime || (now >= wokeAt && now - wokeAt < WAKE_INTERVAL_MS)) return;
        wokeAt = now;
        canProbe = true;
        if (settings.proactive && wakeups.isAwake()) start();
      });
    },
    mayProbe: () => canProbe,
    cancel: scheduler.cancel,
  };
}
