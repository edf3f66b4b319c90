import type { Channel } from '../ports/channel.js';

/** Tells the other managers on the same platform object. */
export function inProcessChannel(): Channel {
  const listeners = new Map<string, Set<() => void>>();
  return {
    announce: (key) => {
      for (const listener of listeners.get(key) ?? []) void Promise.resolve().then(listener);
    },
    subscribe: (key, listener) => {
      const own = () => listener();
      const others = listeners.get(key) ?? new Set();
      listeners.set(key, others.add(own));
      return () => {
        others.delete(own);
        if (others.size === 0 && listeners.get(key) === others) listeners.delete(key);
      };
    },
  };
}
