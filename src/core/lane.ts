import { backoffDelay, MAX_RETRY_AFTER_MS } from './backoff.js';

/** Why a lane feeds nothing, or less, and since or until when. */
export interface LanePause {
  /** Epoch milliseconds: the end of the pause; for `resumed`, when it ended. */
  readonly until: number;
  /** `probing`: one refresh is under way to see whether the provider is back. `resumed`: the rate grows again. */
  readonly reason: 'unavailable' | 'config' | 'deaths' | 'retry-after' | 'probing' | 'resumed';
  /** How many pauses there were in a row. */
  readonly count: number;
  /**
   * Milliseconds from the moment at which it was written to its end, by one and the same clock.
   *
   * Others count it from when they see it, so that no clock has to agree with another one.
   */
  readonly forMs?: number | undefined;
  /** A server has named a moment to come back at: no success of what was under way ends the pause. */
  readonly isNamed?: boolean | undefined;
  /** A person lets the lane go on, whatever a server has named. */
  readonly isForced?: boolean | undefined;
}

/** What one attempt of a refresh says about the provider. */
export interface LaneOutcome {
  /** `other`: a refusal that says nothing about the provider as a whole, or a fault of our own. */
  readonly kind: 'refreshed' | 'unavailable' | 'config' | 'dead' | 'other';
  /** Epoch milliseconds that the server named (`Retry-After`). */
  readonly retryAt?: number | undefined;
}

/** What a process knows about a lane; never mutated. */
export interface LaneState {
  readonly pause: LanePause | undefined;
  /** The last outcomes, oldest first. */
  readonly recent: readonly LaneOutcome['kind'][];
}

/** Nothing is known. */
export const FRESH_LANE: LaneState = { pause: undefined, recent: [] };

/** How much a lane may start now: nothing, one refresh whose outcome decides, or so many a second. */
export type Allowance = 'none' | 'probe' | number;

type Brake = 'unavailable' | 'config' | 'deaths';

const WINDOW = 40;
const UNAVAILABLE_OF_20 = 10;
const DEAD_OF_40 = 20;
const CONFIG_IN_A_ROW = 5;
const PAUSES = { attempts: 1, minDelayMs: 5_000, maxDelayMs: 300_000 };
const CONFIG_PAUSE_MS = 60_000;
/** The rate doubles this often after a pause, from one a second. */
const RAMP_STEP_MS = 5_000;
/** A lane that is held for deaths waits for a person. */
const FOREVER = Number.MAX_SAFE_INTEGER;

/** What is known about a lane after one more outcome; `random` is in [0, 1). */
export function laneAfter(state: LaneState, outcome: LaneOutcome, now: number, random: number): LaneState {
  const { pause } = state;
  if (pause?.reason === 'deaths') return state;
  const namedAt = outcome.retryAt !== undefined && outcome.retryAt > now ? outcome.retryAt : 0;
  if (pause && pause.reason !== 'resumed' && pause.reason !== 'retry-after') {
    return afterBrake(state, pause, outcome, namedAt, [now, random]);
  }
  const recent = [...state.recent, outcome.kind].slice(-WINDOW);
  const isNamed = pause?.reason === 'retry-after';
  const until = Math.max(namedAt, isNamed ? pause.until : 0);
  const reason = reasonToBrake(recent);
  if (reason) return { pause: brakeFor(reason, 0, until, now, random), recent: [] };
  if (namedAt > 0) {
    return { pause: { until, reason: 'retry-after', count: pause?.count ?? 0 }, recent };
  }
  const isOver = isNamed && outcome.kind === 'refreshed' && now >= pause.until;
  return { pause: isOver ? { until: pause.until, reason: 'resumed', count: 0 } : pause, recent };
}

/** While a brake holds, only the probe counts. */
function afterBrake(
  state: LaneState,
  pause: LanePause,
  { kind }: LaneOutcome,
  namedAt: number,
  [now, random]: readonly [number, number],
): LaneState {
  const isProbe = pause.reason === 'probing';
  const isFailure = kind === 'unavailable' || kind === 'config';
  if (isProbe && isFailure) return { ...state, pause: brakeFor(kind, pause.count + 1, namedAt, now, random) };
  if (namedAt > 0) {
    if (isProbe) return { pause: { until: namedAt, reason: 'retry-after', count: pause.count }, recent: [] };
    const until = Math.max(namedAt, pause.until);
    return pause.isNamed && until === pause.until ? state : { ...state, pause: { ...pause, until, isNamed: true } };
  }
  if (kind === 'refreshed' && pause.isNamed && now < pause.until) {
    return { pause: { until: pause.until, reason: 'retry-after', count: 0 }, recent: [] };
  }
  if (kind === 'refreshed' || isProbe) return { pause: { until: now, reason: 'resumed', count: 0 }, recent: [] };
  return state; // of what was under way when the pause began, the failures say nothing new
}

/** What a lane may start at `now`. */
export function allowance(pause: LanePause | undefined, now: number, perSecond: number): Allowance {
  if (!pause) return perSecond;
  // What is further ahead than any pause was written by a clock that has been set back since, or by one that is wrong.
  const isHeld = now < pause.until && pause.until - now <= MAX_RETRY_AFTER_MS;
  if (pause.reason === 'deaths' || (isHeld && pause.reason !== 'resumed')) return 'none';
  const isFarAhead = now < pause.until && pause.reason === 'retry-after';
  if (isFarAhead || (pause.reason !== 'resumed' && pause.reason !== 'retry-after')) return 'probe';
  const steps = Math.floor(Math.abs(now - pause.until) / RAMP_STEP_MS);
  return Math.min(perSecond, 2 ** steps);
}

/** The pause that goes with a probe: others wait for its outcome, for a bounded time. */
export function probing(pause: LanePause, now: number, forMs: number): LanePause {
  return { until: now + forMs, reason: 'probing', count: pause.count };
}

function reasonToBrake(recent: LaneState['recent']): Brake | undefined {
  const count = (kind: LaneOutcome['kind'], last: number) => recent.slice(-last).filter((one) => one === kind).length;
  if (count('dead', WINDOW) >= DEAD_OF_40) return 'deaths';
  if (count('config', CONFIG_IN_A_ROW) === CONFIG_IN_A_ROW) return 'config';
  return count('unavailable', 2 * UNAVAILABLE_OF_20) >= UNAVAILABLE_OF_20 ? 'unavailable' : undefined;
}

function brakeFor(reason: Brake, count: number, namedAt: number, now: number, random: number): LanePause {
  const pausedMs = reason === 'config' ? CONFIG_PAUSE_MS : backoffDelay(count, PAUSES, random);
  const until = reason === 'deaths' ? FOREVER : Math.max(now + pausedMs, namedAt);
  return { until, reason, count, ...(namedAt > now && { isNamed: true }) };
}
