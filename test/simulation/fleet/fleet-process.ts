import { createTokenManager } from '../../../src/create-token-manager.js';
import type { Channel } from '../../../src/ports/channel.js';
import { createFleet, type Fleet } from '../../../src/services/fleet/create-fleet.js';
import { indexed } from '../../../src/services/fleet/indexed.js';
import type { LaneOptions } from '../../../src/services/fleet/lane-options.js';
import type { Checks, Scene } from './checks.js';
import type { Host } from './host.js';
import type { SimWorld } from './sim-world.js';

/** A process with a fleet in it. */
export interface FleetProcess {
  readonly host: Host;
  readonly fleet: Fleet;
}

/** Announces changes to all processes. */
export interface SharedChannel {
  portFor(host: Host): Channel;
}

export function createSharedChannel(world: SimWorld): SharedChannel {
  const listeners = new Map<Host, Map<string, Set<() => void>>>();
  return {
    portFor(host) {
      const own = new Map<string, Set<() => void>>();
      listeners.set(host, own);
      return {
        announce(key) {
          for (const [other, theirs] of listeners) {
            if (other.isDead) listeners.delete(other);
            if (other === host || (!world.circumstances.hasChannel && world.random.chance(0.7))) continue;
            for (const listener of theirs.get(key) ?? []) other.deliver(world.random.between(1, 20), listener);
          }
        },
        subscribe(key, listener) {
          const known = own.get(key) ?? new Set();
          own.set(key, known.add(listener));
          return () => void known.delete(listener);
        },
      };
    },
  };
}

export const laneOf = (key: string): string => key.split('/')[0] ?? '';

const EVENTS = ['refreshed', 'refreshFailed', 'sessionEnded', 'lanePaused', 'laneResumed', 'workerRelieved'] as const;

export function createFleetProcess(scene: Scene, checks: Checks, channel: SharedChannel, host: Host): FleetProcess {
  const { world, store, index, locks, providerOf } = scene;
  const due = index.portFor(host);
  const lanes: Record<string, LaneOptions> = {};
  for (const facts of world.circumstances.lanes) {
    const { perSecond, concurrency, from, until, hotForMs, keepAliveMs, takeoverMs } = facts;
    lanes[facts.name] = { perSecond, concurrency, from, until, hotForMs, keepAliveMs, takeoverMs };
  }
  const shape = { laneOf, lanes };
  const random = world.ownRandom.next;
  const platform = {
    storage: indexed(store.portFor(host), due, { ...shape, now: host.clock.now }),
    lock: locks.portFor(host),
    channel: channel.portFor(host),
    wakeups: { subscribe: () => () => undefined, isAwake: () => true, isOnline: () => true },
    clock: host.clock,
    random,
  };
  const fleet = createFleet({
    open(key, guard) {
      const isWorker = guard.retry !== undefined;
      if (isWorker) checks.opened(host, key);
      const refresh = providerOf(key).refreshFor(host, isWorker);
      return createTokenManager({ key, refresh, platform, ...guard });
    },
    due,
    lock: platform.lock,
    clock: host.clock,
    random,
    ...shape,
  });
  for (const type of EVENTS) {
    fleet.on(type, (event) => {
      if (host.isDead) return;
      if (/"[ar]-lane/.test(JSON.stringify(event))) world.violate('no token elsewhere', `in ${type}`);
      if (type === 'lanePaused' || type === 'workerRelieved') world.count(type);
    });
  }
  return { host, fleet };
}
