import { dueEntry } from '../../core/due.js';
import { StorageError } from '../../errors.js';
import { type LaneRule, wrongOption } from './lane-options.js';
import { openSession, type SessionWorld } from './open-session.js';
import { timesOf } from './worker.js';

/** Makes the entries of these sessions anew from their records; resolves with how many there were. */
export async function reindex(
  world: SessionWorld,
  keys: Iterable<string> | AsyncIterable<string>,
  laneOf: (key: string) => string,
  ruleOf: (lane: string) => LaneRule,
): Promise<number> {
  if (Object(keys) !== keys) throw wrongOption('keys of reindex()', 'an iterable of keys', typeof keys);
  const { due, clock } = world;
  let count = 0;
  for await (const key of keys) {
    const lane = laneOf(key);
    const tokens = openSession(world, key, lane, true);
    try {
      const snapshot = await tokens.ready();
      if (snapshot.status === 'loading') {
        const message = `Could not read the session ${key} to make its entry anew; ${count} were made before it. Try again.`;
        throw new StorageError('ERR_STORAGE_READ', message);
      }
      if (snapshot.status !== 'active') continue;
      // A refresh under way has the newer entry, which says when it is to be taken over.
      const isUnderWay = (await due.get(key))?.urgent === true;
      if (!isUnderWay) await due.put(key, dueEntry(key, lane, timesOf(snapshot), ruleOf(lane), clock.now()));
      count++;
    } finally {
      tokens.dispose();
    }
  }
  return count;
}
