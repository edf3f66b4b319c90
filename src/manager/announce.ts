import type { Settings } from './options.js';

/** Tells the peers to look at the storage. */
export function announce({ platform, name }: Settings): void {
  try {
    platform.channel.announce(name);
  } catch {
    // an announcement need not arrive
  }
}
