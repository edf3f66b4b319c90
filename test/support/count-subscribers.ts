import type { TokenManager } from '../../src/index.js';

/** The same manager, and how many listen to its snapshot. */
export function countSubscribers(manager: TokenManager): { tokens: TokenManager; count(): number } {
  let count = 0;
  const subscribe: TokenManager['subscribe'] = (listener) => {
    const stop = manager.subscribe(listener);
    count++;
    return () => {
      count--;
      stop();
    };
  };
  const tokens = new Proxy(manager, {
    get(target, name) {
      if (name === 'subscribe') return subscribe;
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
  return { tokens, count: () => count };
}
