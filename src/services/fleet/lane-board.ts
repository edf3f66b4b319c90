import { FRESH_LANE, type LaneOutcome, type LanePause, type LaneState, laneAfter } from '../../core/lane.js';
import type { Clock } from '../../ports/clock.js';
import type { DueIndex, LaneCounts } from '../../ports/due-index.js';
import type { FleetEmitter } from './fleet-events.js';

/** What this process knows of the lanes, and tells the others through the index. */
export interface LaneBoard {
  pauseOf(lane: string): LanePause | undefined;
  /** Asks the index for the figures of one lane or of all, and learns what it says about pauses. */
  look(lane?: string): Promise<readonly LaneCounts[]>;
  report(lane: string, outcome: LaneOutcome): void;
  set(lane: string, pause: LanePause): Promise<void>;
  /** Whether the provider's word that a session is over is believed. */
  mayEnd(lane: string): boolean;
}

export function createLaneBoard(due: DueIndex, clock: Clock, random: () => number, emitter: FleetEmitter): LaneBoard {
  const states = new Map<string, LaneState>();
  /** Pauses that the index has not taken yet; until then they count here. */
  const unwritten = new Map<string, LanePause>();
  /** When a pause of ours was taken last, in writes: an older answer does not know it. */
  const takenAt = new Map<string, number>();
  let writes = 0;
  const told = new Map<string, LanePause['reason']>();
  /** What the index said last, as it was written. */
  const seen = new Map<string, LanePause | undefined>();
  let lastNow = clock.now();
  const stateOf = (lane: string) => states.get(lane) ?? FRESH_LANE;

  /** A pause is told once, however often a probe finds that nothing has changed. */
  function tell(lane: string, pause: LanePause | undefined): void {
    const { reason, until } = pause ?? { reason: 'resumed', until: 0 };
    const before = told.get(lane) ?? 'resumed';
    if (reason === 'probing' || reason === before) return;
    told.set(lane, reason);
    const at = clock.now();
    if (reason === 'resumed') emitter.emit('laneResumed', { at, lane });
    else emitter.emit('lanePaused', { at, lane, reason, until });
  }

  /** The time; pauses last no longer because the clock was set back. */
  function now(): number {
    const at = clock.now();
    const backMs = lastNow - at;
    lastNow = at;
    if (backMs <= 0) return at;
    for (const [lane, { pause, recent }] of states) {
      if (pause) states.set(lane, { pause: { ...pause, until: pause.until - backMs }, recent });
    }
    return at;
  }

  /** A pause that somebody else has written, by the clock here. */
  function here(lane: string, pause: LanePause): LanePause {
    const { forMs, ...shared } = pause;
    if (forMs === undefined) return pause;
    // What was not there at the last look has just been written. At the first look, the clocks have to be believed.
    const leftMs = seen.has(lane) ? forMs : Math.min(pause.until - now(), forMs);
    return { ...shared, until: now() + leftMs };
  }

  async function write(lane: string, pause: LanePause): Promise<void> {
    unwritten.set(lane, pause);
    try {
      await due.pause(lane, pause);
      seen.set(lane, pause);
      takenAt.set(lane, ++writes);
      if (unwritten.get(lane) === pause) unwritten.delete(lane);
    } catch (error) {
      emitter.emit('indexFailed', { at: clock.now(), operation: 'pause', error });
    }
  }

  /** Without a length where it waits for a person. */
  function share(lane: string, pause: LanePause): Promise<void> {
    return write(lane, pause.reason === 'deaths' ? pause : { ...pause, forMs: pause.until - now() });
  }

  /** What the index says about a lane, which another process may have written. */
  function learn(lane: string, pause: LanePause | undefined): void {
    const own = unwritten.get(lane);
    if (own) return void write(lane, own);
    const { pause: before, recent } = stateOf(lane);
    const isKnown = isSame(pause, seen.get(lane));
    const found = isKnown ? before : pause && unlessLonger(here(lane, pause), before);
    seen.set(lane, pause);
    if (found && !isKnown && found.until === before?.until) void share(lane, found);
    const isResumed = !isKnown && pause?.reason === 'resumed';
    states.set(lane, { pause: found, recent: isResumed ? [] : recent });
    tell(lane, found);
  }

  return {
    pauseOf(lane) {
      now();
      return stateOf(lane).pause;
    },
    async look(lane) {
      const begun = writes;
      const all = await due.look(lane);
      for (const counts of all) if ((takenAt.get(counts.lane) ?? 0) <= begun) learn(counts.lane, counts.paused);
      return all;
    },
    report(lane, outcome) {
      const at = now();
      const before = stateOf(lane);
      const after = laneAfter(before, outcome, at, random());
      states.set(lane, after);
      if (!after.pause || after.pause === before.pause) return;
      tell(lane, after.pause);
      void share(lane, after.pause);
    },
    async set(lane, pause) {
      const { recent } = stateOf(lane);
      states.set(lane, { pause, recent: pause.reason === 'resumed' ? [] : recent });
      tell(lane, pause);
      await share(lane, pause);
    },
    mayEnd: (lane) => stateOf(lane).pause?.reason !== 'deaths',
  };
}

/** A pause that another process wrote before it knew that a server has named a later moment. */
function unlessLonger(found: LanePause, before: LanePause | undefined): LanePause {
  const isNamed = before?.reason === 'retry-after' || before?.isNamed;
  const isPause = found.reason === 'retry-after' || found.reason === 'unavailable' || found.reason === 'config';
  return before && isNamed && isPause && before.until > found.until
    ? { ...found, until: before.until, isNamed: true }
    : found;
}

function isSame(one: LanePause | undefined, other: LanePause | undefined): boolean {
  return one?.until === other?.until && one?.reason === other?.reason && one?.count === other?.count;
}
