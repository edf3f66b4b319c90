import { inProcessChannel } from '../adapters/in-process-channel.js';
import { inProcessLock } from '../adapters/in-process-lock.js';
import { memoryStorage } from '../adapters/memory-storage.js';
import type { Platform } from '../ports/platform.js';
import { systemClock } from '../time/system-clock.js';

/**
 * The default platform: memory, one process.
 *
 * Managers share sessions where they share this object, and differ by `key`. Nothing survives the process.
 */
export function inProcess(): Platform {
  const clock = systemClock();
  const stop = () => undefined; // one for all sessions
  return {
    storage: memoryStorage(),
    lock: inProcessLock(clock),
    channel: inProcessChannel(),
    wakeups: { subscribe: () => stop, isAwake: () => true, isOnline: () => true },
    clock,
    random: () => Math.random(),
  };
}
