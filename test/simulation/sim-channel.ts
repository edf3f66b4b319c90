import type { Channel } from '../../src/ports/channel.js';
import type { Peer } from './peer.js';
import type { World } from './world.js';

/** Tells the peers that something changed; some seeds have one that loses announcements. */
export interface SimChannel {
  portFor(peer: Peer): Channel;
}

/** An announcement takes at most this long. */
export const CHANNEL_MS = 20;

export function createSimChannel(world: World): SimChannel {
  const { hasChannel } = world.circumstances;
  const listeners = new Map<Peer, Set<() => void>>();
  return {
    portFor: (peer) => {
      const own = new Set<() => void>();
      listeners.set(peer, own);
      return {
        announce: () => {
          for (const [other, theirs] of listeners) {
            if (other.isDead) listeners.delete(other);
            if (other.isDead || (other === peer && !world.random.chance(0.3))) continue;
            if (!hasChannel && world.random.chance(0.5)) continue;
            other.deliver(world.random.between(0, hasChannel ? CHANNEL_MS : 2_000), () => {
              for (const listener of theirs) listener();
            });
          }
        },
        subscribe: (_key, listener) => {
          own.add(listener);
          return () => own.delete(listener);
        },
      };
    },
  };
}
