import { isHot } from '../../core/due.js';
import type { LanePause } from '../../core/lane.js';
import type { ClaimedEntry, LaneCounts } from '../../ports/due-index.js';
import { createHeap } from './heap.js';

/** An entry and its place. */
export interface Node {
  entry: ClaimedEntry;
  /** What lies in a heap with another number is passed over. */
  version: number;
  isReady: boolean;
}

/** The entries of one lane of {@link memoryDueIndex}. */
export interface MemoryLane {
  pause: LanePause | undefined;
  add(node: Node): void;
  drop(node: Node): void;
  /** Takes out what comes first among what is due. */
  take(limit: number, hotForMs: number | undefined): Node[];
  counts(name: string): LaneCounts;
  stuck(): Iterable<Node>;
}

interface Placed {
  readonly node: Node;
  readonly version: number;
}

/** Entries of unused sessions come after all others, urgent ones before. */
const COLD = 1e15;

export function createMemoryLane(now: () => number): MemoryLane {
  const waiting = createHeap<Placed>();
  const ready = createHeap<Placed>();
  const stuck = new Set<Node>();
  let total = 0;
  let due = 0;
  let hotMs: number | undefined;

  function drop(node: Node): void {
    total--;
    if (node.isReady) due--;
    stuck.delete(node);
    node.isReady = false;
    node.version++;
  }

  /** Moves what has become due to what may be claimed, in its order. */
  function advance(): void {
    for (let first = waiting.peek(); first && first.priority <= now(); first = waiting.peek()) {
      waiting.pop();
      const { node, version } = first.item;
      if (node.version !== version) continue;
      node.isReady = true;
      due++;
      ready.push(priority(node.entry, hotMs, now()), first.item);
    }
  }

  /** How many access tokens in use have expired, and for how long. */
  function overdue(): Pick<LaneCounts, 'overdue' | 'oldestOverdueMs'> {
    const expired = [...ready.items()].filter(
      ({ node, version }) =>
        node.version === version &&
        (node.entry.expiresAt ?? Number.POSITIVE_INFINITY) <= now() &&
        isHot(node.entry, hotMs, now()),
    );
    const ages = expired.map(({ node }) => now() - (node.entry.expiresAt ?? now()));
    return { overdue: ages.length, oldestOverdueMs: ages.reduce((oldest, age) => Math.max(oldest, age), 0) };
  }

  return {
    pause: undefined,
    drop,
    add(node) {
      total++;
      if (node.entry.stuck) stuck.add(node);
      waiting.push(node.entry.at, { node, version: node.version });
    },
    take(limit, hotForMs) {
      hotMs = hotForMs;
      advance();
      const taken: Node[] = [];
      while (taken.length < limit) {
        const placed = ready.pop();
        if (!placed) break;
        if (placed.node.version !== placed.version) continue;
        drop(placed.node);
        taken.push(placed.node);
      }
      return taken;
    },
    counts(lane) {
      advance();
      return { lane, total, due, ...overdue(), attention: stuck.size, paused: this.pause };
    },
    stuck: () => stuck,
  };
}

function priority(entry: ClaimedEntry, hotForMs: number | undefined, now: number): number {
  const expiresAt = entry.expiresAt ?? entry.at;
  if (entry.urgent) return expiresAt - COLD;
  return isHot(entry, hotForMs, now) ? expiresAt : expiresAt + COLD;
}
