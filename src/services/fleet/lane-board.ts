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
  const states = createLaneStates(clock);
  const shared = createSharedPauses(due, clock, emitter, states.now);
  const tell = createTeller(clock, emitter);

  /** What the index says about a lane, which another process may have written. */
  function learn(lane: string, pause: LanePause | undefined): void {
    if (shared.writeAgain(lane)) return;
    states.now(); // first: a clock that was set back moves what is known
    const { pause: before, recent } = states.get(lane);
    // Nobody takes a pause out of the index: it has been emptied.
    if (!pause && before) return void shared.share(lane, before);
    const isKnown = shared.isKnown(lane, pause);
    const found = isKnown ? before : pause && unlessLonger(shared.here(lane, pause), before, states.now());
    shared.note(lane, pause);
    if (found && !isKnown && found.until === before?.until) void shared.share(lane, found);
    const isResumed = !isKnown && found?.reason === 'resumed';
    states.set(lane, { pause: found, recent: isResumed ? [] : recent });
    tell(lane, found);
  }

  return {
    pauseOf(lane) {
      states.now();
      return states.get(lane).pause;
    },
    async look(lane) {
      const isNewer = shared.beginLook();
      const all = await due.look(lane);
      for (const counts of all) if (isNewer(counts.lane)) learn(counts.lane, counts.paused);
      return all;
    },
    report(lane, outcome) {
      const at = states.now();
      const before = states.get(lane);
      const after = laneAfter(before, outcome, at, random());
      states.set(lane, after);
      if (!after.pause || after.pause === before.pause) return;
      tell(lane, after.pause);
      void shared.share(lane, after.pause);
    },
    async set(lane, pause) {
      const { recent } = states.get(lane);
      states.set(lane, { pause, recent: pause.reason === 'resumed' ? [] : recent });
      tell(lane, pause);
      await shared.share(lane, pause);
    },
    mayEnd: (lane) => states.get(lane).pause?.reason !== 'deaths',
  };
}

interface LaneStates {
  get(lane: string): LaneState;
  set(lane: string, state: LaneState): void;
  /** The time; pauses last no longer because the clock was set back. */
  now(): number;
}

function createLaneStates(clock: Clock): LaneStates {
  const states = new Map<string, LaneState>();
  let lastNow = clock.now();
  return {
    get: (lane) => states.get(lane) ?? FRESH_LANE,
    set: (lane, state) => void states.set(lane, state),
    now() {
      const at = clock.now();
      const backMs = lastNow - at;
      lastNow = at;
      if (backMs <= 0) return at;
      for (const [lane, { pause, recent }] of states) {
        if (pause) states.set(lane, { pause: { ...pause, until: pause.until - backMs }, recent });
      }
      return at;
    },
  };
}

/** A pause is told once, however often a probe finds that nothing has changed. */
function createTeller(clock: Clock, emitter: FleetEmitter): (lane: string, pause: LanePause | undefined) => void {
  const told = new Map<string, LanePause['reason']>();
  return (lane, pause) => {
    const { reason, until } = pause ?? { reason: 'resumed', until: 0 };
    const before = told.get(lane) ?? 'resumed';
    if (reason === 'probing' || reason === before) return;
    told.set(lane, reason);
    const at = clock.now();
    if (reason === 'resumed') emitter.emit('laneResumed', { at, lane });
    else emitter.emit('lanePaused', { at, lane, reason, until });
  };
}

/** What the index and this process have told each other about pauses. */
interface SharedPauses {
  /** Begins a look at the index: whether its answer is newer than what was written meanwhile. */
  beginLook(): (lane: string) => boolean;
  share(lane: string, pause: LanePause): Promise<void>;
  /** Writes once more what the index has not taken; false where there is no such pause. */
  writeAgain(lane: string): boolean;
  isKnown(lane: string, pause: LanePause | undefined): boolean;
  note(lane: string, pause: LanePause | undefined): void;
  /** A pause that somebody else has written, by the clock here. */
  here(lane: string, pause: LanePause): LanePause;
}

function createSharedPauses(due: DueIndex, clock: Clock, emitter: FleetEmitter, now: () => number): SharedPauses {
  /** Pauses that the index has not taken yet; until then they count here. */
  const unwritten = new Map<string, LanePause>();
  /** When a pause of ours was taken last, in writes: an older answer does not know it. */
  const takenAt = new Map<string, number>();
  let writes = 0;
  /** What the index said last, as it was written. */
  const seen = new Map<string, LanePause | undefined>();

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

  return {
    beginLook() {
      const begun = writes;
      return (lane) => (takenAt.get(lane) ?? 0) <= begun;
    },
    // without a length where it waits for a person
    share: (lane, pause) => write(lane, pause.reason === 'deaths' ? pause : { ...pause, forMs: pause.until - now() }),
    writeAgain(lane) {
      const own = unwritten.get(lane);
      if (own) void write(lane, own);
      return own !== undefined;
    },
    isKnown: (lane, pause) => isSame(pause, seen.get(lane)),
    note: (lane, pause) => void seen.set(lane, pause),
    here(lane, { forMs, ...pause }) {
      if (forMs === undefined) return pause;
      const at = now();
      // What was not there at the last look has just been written. At the first look, the clocks have to be believed.
      return { ...pause, until: at + (seen.has(lane) ? forMs : Math.min(pause.until - at, forMs)) };
    },
  };
}

/** Clocks and looks differ by so much: who ended a pause may have known that it was over. */
const NEARLY_MS = 1_000;

/** What another process wrote before it knew that a server has named a later moment. */
function unlessLonger(found: LanePause, before: LanePause | undefined, now: number): LanePause {
  const isNamed = before?.reason === 'retry-after' || before?.isNamed;
  if (found.reason === 'resumed' && !found.isForced && isNamed && before.until > now + NEARLY_MS) return before;
  const isPause = found.reason === 'retry-after' || found.reason === 'unavailable' || found.reason === 'config';
  return before && isNamed && isPause && before.until > found.until
    ? { ...found, until: before.until, isNamed: true }
    : found;
}

function isSame(one: LanePause | undefined, other: LanePause | undefined): boolean {
  const fields = ['until', 'reason', 'count', 'isNamed'] as const;
  return fields.every((field) => one?.[field] === other?.[field]);
}
