import { fileChannel, fileLock, fileStorage } from '../adapters/file.js';
import { inProcessChannel } from '../adapters/in-process-channel.js';
import { inProcessLock } from '../adapters/in-process-lock.js';
import { memoryStorage } from '../adapters/memory-storage.js';
import { systemClock } from '../adapters/system-clock.js';
import type { Platform } from '../ports/platform.js';

/** See {@link node}. */
export interface NodeOptions {
  /** Path of the credentials file. Default: none, sessions live in memory and end with the process. */
  file?: string | undefined;
}

/**
 * The platform for servers and command-line tools: Node, Bun, Deno, edge workers.
 *
 * With `file`, any number of processes share the sessions in it. Nothing refreshes on its own: a stale token is served
 * and refreshed behind, when somebody asks; `proactive: true` among the manager's options changes that. Nothing keeps
 * the process alive but a caller who waits.
 *
 * For a fleet, replace parts: `{ ...node(), storage: redisStorage(client), lock: redisLock(client) }`.
 */
export function node({ file }: NodeOptions = {}): Platform {
  return {
    storage: file === undefined ? memoryStorage() : fileStorage(file),
    lock: file === undefined ? inProcessLock() : fileLock(file),
    channel: file === undefined ? inProcessChannel() : fileChannel(file),
    wakeups: { subscribe: () => () => undefined, isAwake: () => true, isOnline: () => true },
    clock: systemClock(),
    random: () => Math.random(),
    proactive: false,
  };
}
