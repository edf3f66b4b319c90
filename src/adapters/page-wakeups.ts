import type { Wakeups } from '../ports/wakeups.js';

const types = ['visibilitychange', 'resume', 'pageshow', 'online', 'focus'];

/**
 * Moments after which a page's timers are not to be trusted: it is seen, resumed, restored, focused or online again.
 *
 * Events of a hidden page do not count, but for its return from the back/forward cache. Listens to the page only while
 * there is a listener here. A worker counts as awake; it hears `online` alone. Safe on a server, where nothing ever happens.
 */
export function pageWakeups(): Wakeups {
  const isAwake = (): boolean => globalThis.document?.visibilityState !== 'hidden';
  return {
    isAwake,
    isOnline: () => globalThis.navigator?.onLine !== false,
    subscribe(listener) {
      const heard = ({ type }: Event): void => {
        // A page may return from the back/forward cache hidden, and has missed notices of its peers. In Chromium other
        // listeners get `pageshow` before this one; `resume` comes first.
        if (isAwake() || type === 'pageshow' || type === 'resume') listener();
      };
      // Some events of the document do not bubble to the window, so they are captured; but not `focus`, which elements fire too.
      for (const type of types) globalThis.addEventListener?.(type, heard, type !== 'focus');
      return () => {
        for (const type of types) globalThis.removeEventListener?.(type, heard, type !== 'focus');
      };
    },
  };
}
