import type { LanePause } from '../../core/lane.js';
import type { LaneCounts } from '../../ports/due-index.js';

/** The figures of one lane, and what this process does for it. */
export interface LaneSnapshot extends LaneCounts {
  /** Refreshes under way in this process. */
  readonly inFlight: number;
  /** Refreshes of the last ten seconds in this process, a second. */
  readonly perSecond: number;
}

/** What a fleet shows: see {@link Fleet.getSnapshot}. */
export interface FleetSnapshot {
  readonly lanes: Readonly<Record<string, LaneSnapshot>>;
  /** Managers at hand for requests are not counted. */
  readonly isRunning: boolean;
}

/** Keeps the figures of the lanes, as they come. */
export interface LaneFigures {
  note(counts: LaneCounts): void;
  started(lane: string): void;
  ended(lane: string): void;
  refreshed(lane: string): void;
  lanes(): Iterable<string>;
  inFlight(): number;
  snapshot(isRunning: boolean, pauseOf: (lane: string) => LanePause | undefined): FleetSnapshot;
}

const WINDOW_MS = 10_000;
const NO_COUNTS = { total: 0, due: 0, overdue: 0, oldestOverdueMs: 0, attention: 0 };

export function createLaneFigures(now: () => number): LaneFigures {
  const counts = new Map<string, LaneCounts>();
  const flying = new Map<string, number>();
  const recent = new Map<string, number[]>();

  const add = (lane: string, more: number) => flying.set(lane, (flying.get(lane) ?? 0) + more);
  const refreshes = (lane: string) => {
    const kept = (recent.get(lane) ?? []).filter((at) => at > now() - WINDOW_MS);
    recent.set(lane, kept);
    return kept;
  };

  return {
    note: (one) => void counts.set(one.lane, one),
    started: (lane) => void add(lane, 1),
    ended: (lane) => void add(lane, -1),
    refreshed: (lane) => void refreshes(lane).push(now()),
    lanes: () => new Set([...counts.keys(), ...flying.keys()]),
    inFlight: () => [...flying.values()].reduce((sum, one) => sum + one, 0),
    snapshot(isRunning, pauseOf) {
      const lanes = [...this.lanes()].map((lane): [string, LaneSnapshot] => [
        lane,
        {
          ...(counts.get(lane) ?? { lane, ...NO_COUNTS }),
          paused: pauseOf(lane),
          inFlight: flying.get(lane) ?? 0,
          perSecond: refreshes(lane).length / (WINDOW_MS / 1_000),
        },
      ]);
      return { isRunning, lanes: Object.fromEntries(lanes) };
    },
  };
}
