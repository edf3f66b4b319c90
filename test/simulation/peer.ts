import type { TokenManager } from '../../src/manager/token-manager.js';
import type { Clock } from '../../src/ports/clock.js';
import type { Wakeups } from '../../src/ports/wakeups.js';
import type { Grant } from './sim-server.js';
import type { World } from './world.js';

/** The lock in the hands of a peer. */
export interface Holding {
  readonly peer: Peer;
  readonly fence: number;
  readonly controller: AbortController;
  readonly grantedAt: number;
  /** The cuts of the peer, then: a holder that was cut off does nothing any more. */
  readonly cuts: number;
  /** Somebody else was given the lock meanwhile. */
  isLost: boolean;
  /** The peer was told so. */
  isTold: boolean;
  /** The task runs; before, the news of the grant is on its way. */
  isRunning: boolean;
  /** Calls to the storage and requests that were begun in it and have not been answered. */
  open: number;
}

/** A tab, worker or process: a manager with ports of its own, that can freeze and die at any moment. */
export interface Peer {
  readonly name: string;
  readonly slot: number;
  isDead: boolean;
  isFrozen: boolean;
  /** Milliseconds spent frozen; time that does not count for a bound. */
  frozenMs: number;
  frozenAt: number;
  thawedAt: number;
  /** How often everything under way was cut off. */
  cuts: number;
  /** When that was last. */
  cutAt: number;
  /** When a sign-in last was. */
  startCutAt: number;
  /** Runs something inside this peer, after a delay: later when it is frozen, never when it is dead, or was cut off. */
  deliver(delayMs: number, run: () => void, isUrgent?: boolean): () => void;
  /** The same, and a cut does not reach it: what comes from outside. */
  visit(delayMs: number, run: () => void): void;
  freeze(): void;
  thaw(): void;
  /** What is under way never goes on, timers included, as where a runtime ends with the answer; what comes later works. */
  cut(): void;
  die(): void;
  readonly clock: Clock;
  readonly wakeups: Wakeups;
  isAwake: boolean;
  isOnline: boolean;
  /** Fires the platform's wake-up event. */
  wake(): void;
  /** Wake-ups that have not led to a request yet. */
  wakes: number;
  /** When the last one was; who asks while the storage is looked at then, asks whoever turns out to be signed in. */
  wokeAt: number;
  holding: Holding | undefined;
  manager: TokenManager;
  /** The sessions and grants that were signed out of in this peer, or replaced. */
  readonly left: Set<string>;
  /** What sign-ins under way are about. */
  readonly starting: Set<Grant>;
  /** Sign-outs under way. */
  ending: number;
  /** Of these, those that began before it was known who is signed in. */
  endingAnybody: number;
  /** When this peer last had tokens of its own asking. */
  refreshedAt: number;
  disposed: boolean;
  /** When a write of its own was done, and told otherwise. */
  misledAt: number;
  /** Sign-outs so far. */
  ends: number;
  /** When the last one was. */
  endedAt: number;
  /** When its session ended last, wherever. */
  heardEndAt: number;
  /** Calls for tokens under way. */
  asking: number;
  /** The refresh that began last. */
  lastStart: { readonly at: number; readonly reason: string } | undefined;
}

export function createPeer(world: World, slot: number, name: string): Peer {
  const listeners = new Set<() => void>();
  const backlog: (() => void)[] = [];

  function enter(run: () => void, isUrgent: boolean): void {
    if (peer.isDead) return;
    if (!peer.isFrozen) run();
    else if (isUrgent) backlog.unshift(run);
    else backlog.push(run);
  }

  const peer: Peer = {
    name,
    slot,
    isDead: false,
    isFrozen: false,
    frozenMs: 0,
    frozenAt: 0,
    thawedAt: 0,
    cuts: 0,
    cutAt: Number.NEGATIVE_INFINITY,
    startCutAt: Number.NEGATIVE_INFINITY,
    deliver: (delayMs, run, isUrgent = false) => {
      let isCancelled = false;
      const { cuts } = peer;
      const guarded = () => {
        if (!isCancelled && cuts === peer.cuts) run();
      };
      const happening = world.schedule(delayMs, () => enter(guarded, isUrgent));
      return () => {
        isCancelled = true;
        happening.run = undefined;
      };
    },
    visit: (delayMs, run) => {
      world.schedule(delayMs, () => enter(run, false));
    },
    freeze: () => {
      world.trace(() => `${name} freezes`);
      if (!peer.isFrozen) peer.frozenAt = world.now;
      peer.isFrozen = true;
    },
    thaw: () => {
      if (!peer.isFrozen || peer.isDead) return;
      world.trace(() => `${name} thaws, ${backlog.length} waiting`);
      peer.isFrozen = false;
      peer.thawedAt = world.now;
      peer.frozenMs += world.now - peer.frozenAt;
      // one after the other: what they set going runs in between
      backlog.splice(0).forEach((run) => {
        world.schedule(0, () => enter(run, false));
      });
    },
    cut: () => {
      world.trace(() => `what ${name} has under way is cut off`);
      peer.cuts++;
      peer.cutAt = world.now;
      if (peer.starting.size > 0) peer.startCutAt = world.now;
      peer.holding = undefined;
      peer.starting.clear();
      peer.ending = 0;
      peer.endingAnybody = 0;
      peer.asking = 0;
    },
    die: () => {
      peer.isDead = true;
      peer.isFrozen = false;
    },
    clock: {
      now: world.wall,
      after: (delayMs, task) => {
        const lagMs = world.fails('late timer', 0.01) ? world.random.wait(peer.isAwake ? 50 : 1_000) : 0;
        return peer.deliver(delayMs + lagMs, task);
      },
    },
    wakeups: {
      subscribe: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      isAwake: () => peer.isAwake,
      isOnline: () => peer.isOnline,
    },
    isAwake: true,
    isOnline: true,
    wake: () => {
      peer.visit(0, () => {
        peer.wakes = Math.min(2, peer.wakes + 1);
        peer.wokeAt = world.now;
        for (const listener of listeners) listener();
      });
    },
    wakes: 0,
    wokeAt: Number.NEGATIVE_INFINITY,
    holding: undefined,
    manager: undefined as never,
    left: new Set(),
    starting: new Set(),
    ending: 0,
    endingAnybody: 0,
    refreshedAt: 0,
    disposed: false,
    misledAt: Number.NEGATIVE_INFINITY,
    ends: 0,
    endedAt: Number.NEGATIVE_INFINITY,
    heardEndAt: Number.NEGATIVE_INFINITY,
    asking: 0,
    lastStart: undefined,
  };
  return peer;
}
