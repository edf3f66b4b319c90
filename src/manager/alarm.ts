import { isUsable } from '../core/freshness.js';
import { failingOf, recordOf } from '../core/session.js';
import { type Engine, mayAsk } from './engine.js';
import { look } from './looker.js';
import { hasLate, startRefresh } from './refresher.js';
import { createScheduler } from './scheduler.js';

/** A wake-up probes at most once in this time. */
const WAKE_INTERVAL_MS = 5_000;

/** Plans the next refresh of our own accord: ahead of expiry, when a circuit breaker's time is over, or to store a late answer. */
export function planAlarm(engine: Engine): void {
  const { state, settings, isDisposed, quietUntil } = engine;
  const { status } = state;
  if (status === 'refreshing') engine.mayProbe = false;
  const failing = failingOf(state);
  // a storage that cannot be read is read again when somebody asks
  const isIdle =
    (!settings.proactive && !hasLate(engine)) ||
    isDisposed ||
    status === 'refreshing' ||
    status === 'none' ||
    (status === 'loading' && !(settings.isCookie && failing));
  const at = isIdle ? Number.POSITIVE_INFINITY : Math.max(failing?.retryAt ?? engine.dueAt, quietUntil);
  if (at < Number.POSITIVE_INFINITY) {
    const { clock, wakeups } = settings.platform;
    // a hidden page waits until it is seen again: a wake-up looks at the clock; but tokens that came late have to be stored
    engine.scheduler ??= createScheduler(clock, () => {
      if (wakeups.isAwake() || hasLate(engine)) start(engine);
    });
  }
  engine.scheduler?.plan(at);
}

/** Timers are not to be trusted: looks at the storage before anything is served, then at the clock. */
export function wake(engine: Engine): void {
  const { settings } = engine;
  const { clock, wakeups } = settings.platform;
  void look(engine, true).then(() => {
    const now = clock.now();
    const { state, wokeAt } = engine;
    const failing = failingOf(state);
    const isTime = failing ? !failing.named || mayAsk(engine, failing) : 'record' in state && now >= engine.dueAt;
    if (engine.isDisposed || !isTime || (now >= wokeAt && now - wokeAt < WAKE_INTERVAL_MS)) return;
    engine.wokeAt = now;
    engine.mayProbe = true;
    if (settings.proactive && wakeups.isAwake()) start(engine);
  });
}

function start(engine: Engine): void {
  const record = recordOf(engine.state);
  const now = engine.settings.platform.clock.now();
  startRefresh(engine, !record ? 'resume' : isUsable(record.tokens, now) ? 'due' : 'expired');
}
