import type { Oracle } from './oracle.js';
import type { Peer } from './peer.js';
import type { SimLock } from './sim-lock.js';
import type { SimServer } from './sim-server.js';
import type { SimStorage } from './sim-storage.js';
import type { World } from './world.js';

/** What can be done to a world. */
export interface Victims {
  readonly world: World;
  readonly server: SimServer;
  readonly storage: SimStorage;
  readonly lock: SimLock;
  readonly oracle: Oracle;
  /** Those who live. */
  alive(): Peer[];
  /** A peer dies; with `again`, another comes in its place at once. */
  crash(peer: Peer, again: boolean): void;
  /** What a peer has under way never goes on. */
  cut(peer: Peer): void;
  create(): void;
  dispose(peer: Peer): void;
}

const MEAN_MS = 25_000;
const JUMPS_MS = [-7_200_000, -600_000, -30_000, 30_000, 600_000, 7_200_000];

/** How often misfortunes happen, one beside the other. */
const WEIGHTS = {
  'peer frozen': 8,
  'peer crashed': 4,
  'peer reloaded': 6,
  'peer created': 8,
  'peer disposed': 2,
  'clock jump': 3,
  offline: 5,
  hidden: 4,
  'woken up': 3,
  'server trouble': 8,
  'storage down': 3,
  'storage full': 3,
  'storage forgets': 0.3,
  'another client': 0.3,
  'lease lost': 2,
  'grant revoked': 0.5,
  'access revoked': 4,
  'cut off': 12,
};

export type Misfortune = keyof typeof WEIGHTS;

/** One misfortune after the other, until the world is calm. */
export function makeTrouble(victims: Victims): void {
  const { world } = victims;
  const { trouble } = world.circumstances;
  if (trouble === 0) return;
  const next = () => {
    world.schedule(world.random.wait(MEAN_MS / trouble), () => {
      if (world.isCalm) return;
      strike(victims);
      next();
    });
  };
  next();
}

function strike(victims: Victims): void {
  const { world, server, storage, lock, oracle } = victims;
  const { random } = world;
  const peers = victims.alive();
  if (peers.length === 0) {
    victims.create();
    return;
  }
  const peer = random.pick(peers);
  const { lock: lockKind, background } = world.circumstances;
  const weights = { ...WEIGHTS, ...world.theme?.misfortunes };
  const kind = random.weigh({
    ...weights,
    'lease lost': lockKind === 'fenced' ? weights['lease lost'] : 0,
    'cut off': background ? 0 : weights['cut off'],
  });
  world.count(kind);
  world.trace(() => `--- ${kind} (${peer.name})`);
  const until = (meanMs: number, end: () => void) => world.schedule(random.wait(meanMs), end);
  if (kind === 'peer frozen') {
    peer.freeze();
    until(random.pick([2_000, 20_000, 60_000]), peer.thaw);
  } else if (kind === 'peer crashed') victims.crash(peer, false);
  else if (kind === 'peer reloaded') victims.crash(peer, true);
  else if (kind === 'cut off') victims.cut(peer);
  else if (kind === 'peer created') victims.create();
  else if (kind === 'peer disposed') victims.dispose(peer);
  else if (kind === 'clock jump') {
    const jumpMs = random.pick(world.theme?.jumpsMs ?? JUMPS_MS);
    world.wallOffset += jumpMs;
    world.jumpedAt = world.now;
    // which of two sessions is the newer one, nobody can tell from a clock that was set back
    if (jumpMs < 0) world.wasSetBack = true;
    oracle.clockJumped();
  } else if (kind === 'offline') offline(victims, until);
  else if (kind === 'hidden') {
    peer.isAwake = false;
    until(60_000, () => {
      peer.isAwake = true;
      peer.wake();
    });
  } else if (kind === 'woken up') peer.wake();
  else if (kind === 'server trouble') {
    server.mood = random.pick(['overloaded', 'broken', 'gateway', 'portal', 'misconfigured']);
    until(random.pick([10_000, 120_000]), () => {
      server.mood = 'up';
    });
  } else if (kind === 'storage down') {
    storage.isDown = true;
    until(15_000, () => {
      storage.isDown = false;
    });
  } else if (kind === 'storage full') {
    storage.isFull = true;
    until(random.pick([15_000, 120_000]), () => {
      storage.isFull = false;
    });
  } else if (kind === 'storage forgets') storage.forget();
  else if (kind === 'another client') {
    storage.intrude(true);
    until(30_000, () => storage.intrude(false));
  } else if (kind === 'lease lost') lock.lose();
  else if (kind === 'grant revoked') {
    const grant = [...server.grants.values()].at(-1);
    if (grant) grant.isAlive = false;
  } else server.revokeAccess();
}

function offline({ alive }: Victims, until: (meanMs: number, end: () => void) => void): void {
  for (const peer of alive()) {
    peer.isOnline = false;
    until(30_000, () => {
      peer.isOnline = true;
      peer.wake();
    });
  }
}
