import type { Lease, Lock } from '../../src/ports/lock.js';
import type { Oracle } from './oracle.js';
import type { Holding, Peer } from './peer.js';
import type { World } from './world.js';

/** One lock for all peers; or for each peer one, where there is none that they could share. */
export interface SimLock {
  portFor(peer: Peer): Lock;
  /** The peer died: its lock goes, or stays until somebody takes it over; its place in the queue goes. */
  forget(peer: Peer): void;
  /** The holder loses the lock without knowing it yet, as when a lease runs out. */
  lose(): void;
  readonly holding: Holding | undefined;
}

interface Waiter {
  readonly peer: Peer;
  readonly holdMs: number;
  grant(holding: Holding): void;
}

export function createSimLock(world: World, oracle: Oracle): SimLock {
  const { lock: kind, freesOnCrash, hasSlowGrants } = world.circumstances;
  const isShared = kind === 'shared';
  const queue: Waiter[] = [];
  let current: { readonly holding: Holding; readonly holdMs: number } | undefined;
  let fences = 0;

  function hand(): void {
    const next = current ? undefined : queue.shift();
    if (!next) return;
    const holding = hold(next.peer, ++fences);
    current = { holding, holdMs: next.holdMs };
    next.grant(holding);
    watch();
  }

  function hold(peer: Peer, fence: number): Holding {
    const controller = new AbortController();
    const { cuts } = peer;
    return {
      peer,
      fence,
      controller,
      grantedAt: world.now,
      cuts,
      isLost: false,
      isTold: false,
      isRunning: false,
      open: 0,
    };
  }

  // those who wait take over one at a time, from a holder that is past its time
  function watch(): void {
    if (kind === 'plain' || isShared || !current || queue.length === 0) return;
    const watched = current;
    const { grantedAt } = watched.holding;
    world.schedule(grantedAt + watched.holdMs - world.now, () => {
      if (current === watched && queue.length > 0 && world.now >= grantedAt + watched.holdMs) takeOver('taken over');
    });
  }

  function takeOver(how: string): void {
    if (!current) return;
    const { holding } = current;
    world.count(`lock ${how}`);
    world.trace(() => `lock of ${holding.peer.name} is ${how}`);
    holding.isLost = true;
    oracle.presumedDead(holding.peer);
    const tell = () => {
      holding.isTold = true;
      holding.controller.abort();
    };
    // a fence makes up for being told late; without one, the news comes before anything else
    holding.peer.deliver(
      kind === 'fenced' ? world.random.between(0, 50) : 0,
      tell,
      kind !== 'fenced' || world.random.chance(0.5),
    );
    current = undefined;
    hand();
  }

  function release(holding: Holding, before?: Holding): void {
    holding.isRunning = false;
    // a peer that waited for the lock which it held itself, frozen, has two: the older one goes on until it is told
    if (holding.peer.holding === holding) holding.peer.holding = before?.isRunning ? before : undefined;
    if (current?.holding !== holding) return;
    current = undefined;
    hand();
  }

  async function perform<T>(peer: Peer, holding: Holding, task: (lease: Lease) => Promise<T>): Promise<T> {
    const { holding: before } = peer;
    holding.isRunning = true;
    peer.holding = holding;
    const { signal } = holding.controller;
    const fence = kind === 'fenced' ? { fence: holding.fence } : {};
    try {
      return await task({ signal, ...fence, ...(isShared && { exclusive: false }) });
    } finally {
      release(holding, before);
    }
  }

  function enqueue(peer: Peer, signal: AbortSignal, holdMs: number): Promise<Holding> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        const index = queue.indexOf(waiter);
        if (index < 0) return;
        queue.splice(index, 1);
        reject(signal.reason);
      };
      const grant = (holding: Holding) => {
        const delayMs = world.fails('slow grant', hasSlowGrants ? 0.5 : 0.01)
          ? world.random.wait(1_000)
          : world.random.between(0, 2);
        peer.deliver(delayMs, () => {
          if (!signal.aborted) return resolve(holding);
          release(holding);
          reject(signal.reason);
        });
      };
      const waiter: Waiter = { peer, holdMs, grant };
      if (signal.aborted) return reject(signal.reason);
      signal.addEventListener('abort', leave);
      queue.push(waiter);
      hand();
      watch();
    });
  }

  return {
    portFor: (peer) => ({
      run: async (_key, signal, task, options) => {
        if (world.fails('lock refuses', 0.004)) throw new Error('the lock manager is gone');
        const holding = await enqueue(peer, signal, options?.holdMs ?? 15_000);
        const result = await perform(peer, holding, task);
        if (world.fails('release hangs', 0.002)) await new Promise(() => undefined);
        return result;
      },
    }),
    forget: (peer) => {
      for (let index = queue.length - 1; index >= 0; index--) if (queue[index]?.peer === peer) queue.splice(index, 1);
      if (current?.holding.peer !== peer) return;
      if (freesOnCrash || kind === 'plain' || isShared) release(current.holding);
      else world.trace(() => `${peer.name} leaves the lock locked`);
    },
    lose: () => takeOver('lost'),
    get holding() {
      return current?.holding;
    },
  };
}
