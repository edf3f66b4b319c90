import { FRESH_LANE, type LaneOutcome, type LanePause, type LaneState, laneAfter } from '../../core/lane.js';
import type { Clock } from '../../ports/clock.js';
import type { DueIndex, LaneCounts } from '../../ports/due-index.js';
import type { FleetEmitter } from './fleet-events.js';

/** What this process knows of the lanes, and tells the others through the index. */
export class LaneBoard {
  readonly #due: DueIndex;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #emitter: FleetEmitter;
  readonly #states = new Map<string, LaneState>();
  /** Pauses that the index has not taken yet; until then they count here. */
  readonly #unwritten = new Map<string, LanePause>();
  /** When a pause of ours was taken last, in writes: an older answer does not know it. */
  readonly #takenAt = new Map<string, number>();
  #writes = 0;
  readonly #told = new Map<string, LanePause['reason']>();
  /** What the index said last, as it was written. */
  readonly #seen = new Map<string, LanePause | undefined>();
  #lastNow: number;

  constructor(due: DueIndex, clock: Clock, random: () => number, emitter: FleetEmitter) {
    this.#due = due;
    this.#clock = clock;
    this.#random = random;
    this.#emitter = emitter;
    this.#lastNow = clock.now();
  }

  pauseOf(lane: string): LanePause | undefined {
    this.#now();
    return this.#stateOf(lane).pause;
  }

  /** Asks the index for the figures of one lane or of all, and learns what it says about pauses. */
  async look(lane?: string): Promise<readonly LaneCounts[]> {
    const begun = this.#writes;
    const all = await this.#due.look(lane);
    for (const { lane: name, paused } of all) {
      if ((this.#takenAt.get(name) ?? 0) <= begun) this.#learn(name, paused);
    }
    return all;
  }

  report(lane: string, outcome: LaneOutcome): void {
    const at = this.#now();
    const before = this.#stateOf(lane);
    const after = laneAfter(before, outcome, at, this.#random());
    this.#states.set(lane, after);
    if (!after.pause || after.pause === before.pause) return;
    this.#tell(lane, after.pause);
    void this.#share(lane, after.pause);
  }

  async set(lane: string, pause: LanePause): Promise<void> {
    const { recent } = this.#stateOf(lane);
    this.#states.set(lane, { pause, recent: pause.reason === 'resumed' ? [] : recent });
    this.#tell(lane, pause);
    await this.#share(lane, pause);
  }

  /** Whether the provider's word that a session is over is believed. */
  mayEnd(lane: string): boolean {
    return this.#stateOf(lane).pause?.reason !== 'deaths';
  }

  #stateOf(lane: string): LaneState {
    return this.#states.get(lane) ?? FRESH_LANE;
  }

  /** A pause is told once, however often a probe finds that nothing has changed. */
  #tell(lane: string, pause: LanePause | undefined): void {
    const { reason, until } = pause ?? { reason: 'resumed', until: 0 };
    const before = this.#told.get(lane) ?? 'resumed';
    if (reason === 'probing' || reason === before) return;
    this.#told.set(lane, reason);
    const at = this.#clock.now();
    if (reason === 'resumed') this.#emitter.emit('laneResumed', { at, lane });
    else this.#emitter.emit('lanePaused', { at, lane, reason, until });
  }

  /** The time; pauses last no longer because the clock was set back. */
  #now(): number {
    const at = this.#clock.now();
    const backMs = this.#lastNow - at;
    this.#lastNow = at;
    if (backMs <= 0) return at;
    for (const [lane, { pause, recent }] of this.#states) {
      if (pause) this.#states.set(lane, { pause: { ...pause, until: pause.until - backMs }, recent });
    }
    return at;
  }

  /** A pause that somebody else has written, by the clock here. */
  #here(lane: string, pause: LanePause): LanePause {
    const { forMs, ...shared } = pause;
    if (forMs === undefined) return pause;
    const now = this.#now();
    // What was not there at the last look has just been written. At the first look, the clocks have to be believed.
    const leftMs = this.#seen.has(lane) ? forMs : Math.min(pause.until - now, forMs);
    return { ...shared, until: now + leftMs };
  }

  async #write(lane: string, pause: LanePause): Promise<void> {
    this.#unwritten.set(lane, pause);
    try {
      await this.#due.pause(lane, pause);
      this.#seen.set(lane, pause);
      this.#takenAt.set(lane, ++this.#writes);
      if (this.#unwritten.get(lane) === pause) this.#unwritten.delete(lane);
    } catch (error) {
      this.#emitter.emit('indexFailed', { at: this.#clock.now(), operation: 'pause', error });
    }
  }

  /** Without a length where it waits for a person. */
  #share(lane: string, pause: LanePause): Promise<void> {
    return this.#write(lane, pause.reason === 'deaths' ? pause : { ...pause, forMs: pause.until - this.#now() });
  }

  /** What the index says about a lane, which another process may have written. */
  #learn(lane: string, pause: LanePause | undefined): void {
    const own = this.#unwritten.get(lane);
    if (own) return void this.#write(lane, own);
    const { pause: before, recent } = this.#stateOf(lane);
    const isKnown = isSame(pause, this.#seen.get(lane));
    const found = isKnown ? before : pause && unlessLonger(this.#here(lane, pause), before);
    this.#seen.set(lane, pause);
    if (found && !isKnown && found.until === before?.until) void this.#share(lane, found);
    const isResumed = !isKnown && pause?.reason === 'resumed';
    this.#states.set(lane, { pause: found, recent: isResumed ? [] : recent });
    this.#tell(lane, found);
  }
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
