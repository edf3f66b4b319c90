import { type FileOptions, fileChannel, fileLock, fileStorage } from '../adapters/file.js';
import { inProcessChannel } from '../adapters/in-process-channel.js';
import { inProcessLock } from '../adapters/in-process-lock.js';
import { memoryStorage } from '../adapters/memory-storage.js';
import { checkOptions } from '../adapters/parts/check-options.js';
import { eitherLock } from '../adapters/parts/either-lock.js';
import type { Platform } from '../ports/platform.js';
import { systemClock } from '../time/system-clock.js';

/** See {@link node}. */
export interface NodeOptions extends FileOptions {
  /** Path of the credentials file; a relative one is resolved at this call. Default: none, sessions live in memory. */
  file?: string | undefined;
}

/**
 * The platform for servers and command-line tools: Node, Bun, Deno, edge workers.
 *
 * No timer refreshes: a call for a stale token is served at once and starts a refresh in the background. The manager's option
 * `proactive: true` changes that. Only a caller who waits keeps the process alive.
 *
 * With `file`, any number of processes share the sessions in it; where it cannot be written to, what is in it is read, and
 * what is refreshed lives in the memory of this process. Nothing goes on behind a served token, as the process
 * may end next: a stale token is refreshed before it is served, for at most 2 s. A service that goes on running changes
 * that with `{ ...node({ file }), background: true }`.
 *
 * For a fleet, replace parts: `{ ...node(), storage: redisStorage(client), lock: redisLock(client) }`.
 *
 * @throws {OptionsError} `ERR_OPTIONS`: says what came and what to write instead
 */
export function node(options: NodeOptions = {}): Platform {
  const { file, mode } = checkOptions<NodeOptions>('node', options, ['file', 'mode'], "node({ file: 'session.json' })");
  const given = mode === undefined ? {} : { mode };
  const clock = systemClock();
  const stop = () => undefined; // one for all sessions
  return {
    storage: file === undefined ? memoryStorage() : fileStorage(file, given),
    lock: file === undefined ? inProcessLock(clock) : eitherLock(fileLock(file, given), inProcessLock(clock)),
    channel: file === undefined ? inProcessChannel() : fileChannel(file, given),
    wakeups: { subscribe: () => stop, isAwake: () => true, isOnline: () => true },
    clock,
    random: () => Math.random(),
    proactive: false,
    ...(file !== undefined && { background: false }),
  };
}
