import type { Channel } from '../ports/channel.js';

/**
 * Tells the other tabs and workers of the origin that something changed, over `BroadcastChannel`.
 *
 * The message is empty. A channel is open while there is a listener, and for the moment of an announcement; a tab hears its
 * own as well. Does nothing where there is no `BroadcastChannel`.
 */
export function broadcastChannel(): Channel {
  return {
    announce(key) {
      const channel = open(key);
      channel?.postMessage(0);
      channel?.close(); // messages already posted are still delivered
    },
    subscribe(key, listener) {
      const channel = open(key);
      channel?.addEventListener('message', listener);
      return () => channel?.close();
    },
  };
}

function open(key: string): BroadcastChannel | undefined {
  try {
    const channel = new BroadcastChannel(key);
    (channel as { unref?: () => void }).unref?.(); // otherwise an open channel keeps Node running
    return channel;
  } catch {
    return undefined; // missing, or access denied
  }
}
