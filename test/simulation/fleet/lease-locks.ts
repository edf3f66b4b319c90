import type { Lease, Lock } from '../../../src/ports/lock.js';
import type { Host } from './host.js';
import { outsideCall } from './outside-call.js';
import type { SimWorld } from './sim-world.js';

/** A lock in the hands of a process. */
export interface Holding {
  readonly host: Host;
  readonly key: string;
  readonly grantedAt: number;
  /** Somebody else may have it by now. */
  isLost: boolean;
}

/** Locks with leases and fences, one a key, for all processes. */
export interface LeaseLocks {
  portFor(host: Host): Lock;
  /** The process does not renew its leases any more. */
  silenced(host: Host): void;
  holdingOf(key: string, host: Host): Holding | undefined;
  /** When this process lost this lock last. */
  lostAt(key: string, host: Host): number;
  isDown: boolean;
}

interface Waiter {
  readonly host: Host;
  readonly holdMs: number;
  isGone: boolean;
  grant(): void;
}

interface State {
  readonly waiters: Waiter[];
  current: { readonly holding: Holding; readonly controller: AbortController; readonly fence: number } | undefined;
  fences: number;
}

export function createLeaseLocks(world: SimWorld): LeaseLocks {
  const { leaseMs } = world.circumstances;
  const states = new Map<string, State>();
  const losses = new Map<string, number>();

  function stateOf(key: string): State {
    const state = states.get(key) ?? { waiters: [], current: undefined, fences: 0 };
    states.set(key, state);
    return state;
  }

  function hand(state: State): void {
    while (!state.current) {
      const next = state.waiters.shift();
      if (!next) return;
      if (!next.isGone && !next.host.isDead) next.grant();
    }
  }

  /** The lock goes to the next one, and its holder is told, as soon as it can hear. */
  function lose(state: State, how: string): void {
    const lost = state.current;
    if (!lost) return;
    world.count(`lock ${how}`);
    world.trace(() => `${lost.holding.host.name} loses ${lost.holding.key}: ${how}`);
    lost.holding.isLost = true;
    losses.set(`${lost.holding.key} ${lost.holding.host.name}`, world.now);
    state.current = undefined;
    lost.holding.host.deliver(world.random.between(0, 20), () => lost.controller.abort());
    hand(state);
  }

  function release(state: State, holding: Holding): void {
    if (state.current?.holding !== holding) return;
    state.current = undefined;
    hand(state);
  }

  async function run<T>(host: Host, key: string, given: Parameters<Lock['run']>, task: (lease: Lease) => Promise<T>) {
    const [, signal, , { holdMs = 15_000 } = {}] = given;
    const state = stateOf(key);
    const { holding, controller, fence } = await new Promise<NonNullable<State['current']>>((resolve, reject) => {
      const leave = () => {
        waiter.isGone = true;
        reject(signal.reason);
      };
      const waiter: Waiter = {
        host,
        holdMs,
        isGone: false,
        grant() {
          const granted = { host, key, grantedAt: world.now, isLost: false };
          const current = { holding: granted, controller: new AbortController(), fence: ++state.fences };
          state.current = current;
          signal.removeEventListener('abort', leave);
          world.schedule(holdMs, () => {
            if (state.current === current && state.waiters.length > 0) lose(state, 'held too long');
          });
          if (host.isFrozen) silence(state);
          host.deliver(0, () => resolve(current));
        },
      };
      if (signal.aborted) return reject(signal.reason);
      signal.addEventListener('abort', leave);
      state.waiters.push(waiter);
      hand(state);
    });
    try {
      return await task({ signal: controller.signal, fence });
    } finally {
      if (!host.isDead) release(state, holding);
    }
  }

  function silence(state: State): void {
    const { current } = state;
    if (!current) return;
    world.schedule(leaseMs * (0.6 + 0.4 * world.random.next()), () => {
      const { isDead, isFrozen } = current.holding.host;
      if (state.current === current && (isDead || isFrozen)) lose(state, 'ran out');
    });
  }

  const locks: LeaseLocks = {
    isDown: false,
    portFor: (host) => ({
      run: async (...given) => {
        const [key, , task] = given;
        await outsideCall(world, host, 'lock', locks.isDown, () => undefined);
        return run(host, key, given as never, task);
      },
    }),
    silenced(host) {
      for (const state of states.values()) {
        if (state.current?.holding.host === host) silence(state);
      }
    },
    lostAt: (key, host) => losses.get(`${key} ${host.name}`) ?? Number.NEGATIVE_INFINITY,
    holdingOf(key, host) {
      const current = states.get(key)?.current;
      return current?.holding.host === host ? current.holding : undefined;
    },
  };
  return locks;
}
