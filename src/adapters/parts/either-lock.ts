import type { Lock } from '../../ports/lock.js';

/**
 * The lock of all processes; where nothing may be written there, that of this process, whose lease says so.
 *
 * On a read-only disk no process can store refreshed tokens, so the session is refreshed in memory instead of failing.
 */
export function eitherLock(shared: Lock, own: Lock): Lock {
  return {
    async run(key, signal, task, options) {
      let hasBegun = false;
      const begin: typeof task = (lease) => {
        hasBegun = true;
        return task(lease);
      };
      try {
        return await shared.run(key, signal, begin, options);
      } catch (error) {
        if (hasBegun || signal.aborted || !isReadOnly(error)) throw error;
      }
      return own.run(key, signal, (lease) => task({ signal: lease.signal, exclusive: false }), options);
    },
  };
}

function isReadOnly(error: unknown): boolean {
  const { cause } = Object(error) as { cause?: { code?: unknown } };
  return ['EROFS', 'EACCES', 'EPERM', 'ENOSPC', 'EDQUOT'].includes(String(cause?.code));
}
