import type { Clock } from '../../ports/clock.js';
import type { DueIndex, EndedSession } from '../../ports/due-index.js';
import { createMemoryLane, type MemoryLane, type Node } from './memory-lane.js';

/**
 * A due index in the memory of this process: for one process, and for tests.
 *
 * It is gone with the process; `fleet.reindex()` makes it anew from the records. Some 400 bytes an entry.
 */
export function memoryDueIndex(options: { clock?: Pick<Clock, 'now'> } = {}): DueIndex {
  const now = () => options.clock?.now() ?? Date.now();
  const nodes = new Map<string, Node>();
  const lanes = new Map<string, MemoryLane>();
  const endedSessions = new Map<string, EndedSession>();

  function laneOf(name: string): MemoryLane {
    const lane = lanes.get(name) ?? createMemoryLane(now);
    lanes.set(name, lane);
    return lane;
  }

  return {
    put(key, entry) {
      const known = nodes.get(key);
      if (known) laneOf(known.entry.lane).drop(known);
      const node: Node = known ?? { entry: { ...entry, key, usedAt: now() }, version: 0, isReady: false };
      node.entry = { ...entry, key, usedAt: node.entry.usedAt };
      nodes.set(key, node);
      laneOf(entry.lane).add(node);
    },
    get: (key) => nodes.get(key)?.entry,
    touch(keys, at) {
      for (const key of keys) {
        const node = nodes.get(key);
        if (node && node.entry.usedAt < at) node.entry = { ...node.entry, usedAt: at };
      }
    },
    remove(key, ended) {
      const node = nodes.get(key);
      const lane = node?.entry.lane ?? endedSessions.get(key)?.lane ?? 'default';
      if (ended) endedSessions.set(key, { key, lane, ...ended });
      if (node) laneOf(lane).drop(node);
      nodes.delete(key);
    },
    async claim(name, { limit, forMs, hotForMs }) {
      const lane = laneOf(name);
      return lane.take(limit, hotForMs).map((node) => {
        const { entry } = node;
        node.entry = { ...entry, at: now() + forMs };
        lane.add(node);
        return entry;
      });
    },
    pause(name, pause) {
      laneOf(name).pause = pause;
    },
    look: async (name) =>
      name === undefined ? [...lanes].map(([one, lane]) => lane.counts(one)) : [laneOf(name).counts(name)],
    ended: async (limit) => [...endedSessions.values()].slice(0, limit),
    acknowledge(keys) {
      for (const key of keys) endedSessions.delete(key);
    },
    attention: async (limit) =>
      [...lanes.values()].flatMap((lane) => [...lane.stuck()].map(({ entry }) => entry)).slice(0, limit),
  };
}
