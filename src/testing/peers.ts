import { OptionsError } from '../errors.js';
import type { Clock } from '../ports/clock.js';
import type { Marks } from '../ports/marks.js';
import type { Platform } from '../ports/platform.js';
import type { Wakeups } from '../ports/wakeups.js';
import { createGate, type Gate, type GateState } from './gate.js';
import { createSharedLock, type SharedLock } from './shared-lock.js';
import {
  connectStorage,
  createSharedChannel,
  createSharedItems,
  type SharedChannel,
  type SharedItems,
  type StorageFault,
  type StorageFaultDecision,
} from './shared-storage.js';
import { systemClock } from './system-clock.js';

/** Options of {@link peers}. */
export interface PeersOptions {
  /** What timers, slow storage and `holdMs` run on. Default the machine's clock; usually a `fakeClock()`. */
  clock?: Clock;
  /** Numbers in [0, 1), for `platform.random`. Default `Math.random`. */
  random?: () => number;
  /** Leases carry fences, and the storage refuses outdated ones. Default `false`, as in browsers. */
  fences?: boolean;
}

/** One of several contexts on the same storage, such as a tab; see {@link peers}. */
export interface Peer {
  /** What a manager in this context is given; another one after `reload`. */
  readonly platform: Platform;
  readonly state: GateState;
  /** The items in the storage that all peers share. */
  readonly items: ReadonlyMap<string, string>;
  /** What calls of this peer's storage meet: a fault, or a function that decides; undefined for none. */
  storageFault: StorageFault | StorageFaultDecision | undefined;
  /** Stops everything: timers, listeners, and whatever waits for the platform. Locks stay held. */
  freeze(): void;
  /** Goes on where `freeze` stopped, with everything that came meanwhile, in order. */
  thaw(): void;
  /** Ends it as closing a tab does: nothing in it goes on, its lock is free, its timers are gone. */
  crash(): void;
  /** Crashes it and starts again with a new platform, which is returned. */
  reload(): Platform;
  /** Opens another peer on the same storage. */
  open(): Peer;
  /** Does work that belongs to this peer but not to its platform, such as the request of a refresh. */
  through<T>(work: () => T | PromiseLike<T>): Promise<T>;
  /** Shows or hides it; showing is a wake-up. */
  setAwake(awake: boolean): void;
  /** Connects or disconnects it; connecting is a wake-up. */
  setOnline(online: boolean): void;
  /** Tells listeners of `platform.wakeups` to look at the clock, as after a sleep. */
  wake(): void;
}

/** As many peers as were asked for. */
export type Peers<Count extends number, List extends Peer[] = []> = number extends Count
  ? Peer[]
  : List['length'] extends Count
    ? List
    : Peers<Count, [...List, Peer]>;

/** What all peers have in common. */
interface Shared {
  readonly clock: Clock;
  readonly random: () => number;
  readonly items: SharedItems;
  readonly lock: SharedLock;
  readonly channel: SharedChannel;
  /** What survives every page. */
  readonly marks: Map<string, string>;
}

/**
 * Makes contexts that share one storage, lock and channel, like the tabs of a browser.
 *
 * Each can be frozen, crashed and reloaded at any moment. Throws `OptionsError` unless `count` is 1 to 100.
 *
 * @example
 * const [first, second] = peers(2, { clock });
 * const tokens = createTokenManager({ platform: first.platform, refresh: (request) => first.through(() => ask(request)) });
 * first.freeze();
 */
export function peers<Count extends number>(count: Count, options: PeersOptions = {}): Peers<Count> {
  if (!Number.isInteger(count) || count < 1 || count > 100) {
    throw new OptionsError('ERR_OPTIONS', `Expected a count from 1 to 100, got ${count}.`);
  }
  const { clock = systemClock, random = Math.random, fences = false } = options;
  const shared: Shared = {
    clock,
    random,
    items: createSharedItems(fences),
    lock: createSharedLock(clock, fences),
    channel: createSharedChannel(),
    marks: new Map(),
  };
  return Array.from({ length: count }, () => createPeer(shared)) as Peers<Count>;
}

function createPeer(shared: Shared): Peer {
  let fault: Peer['storageFault'];
  let context = createContext(shared, decide);

  function decide(...call: Parameters<StorageFaultDecision>): StorageFault | undefined {
    return typeof fault === 'function' ? fault(...call) : fault;
  }

  return {
    get platform() {
      return context.platform;
    },
    get state() {
      return context.gate.state;
    },
    get storageFault() {
      return fault;
    },
    set storageFault(next) {
      fault = next;
    },
    items: shared.items.items,
    freeze: () => context.gate.freeze(),
    thaw: () => context.gate.thaw(),
    crash: () => context.gate.crash(),
    reload: () => {
      context.gate.crash();
      context = createContext(shared, decide);
      return context.platform;
    },
    open: () => createPeer(shared),
    through: (work) => context.gate.through(work),
    setAwake: (awake) => context.wakeups.set('awake', awake),
    setOnline: (online) => context.wakeups.set('online', online),
    wake: () => context.wakeups.wake(),
  };
}

/** A peer from its start or reload to its crash or next reload. */
interface Context {
  readonly gate: Gate;
  readonly platform: Platform;
  readonly wakeups: SettableWakeups;
}

function createContext(shared: Shared, decide: StorageFaultDecision): Context {
  const gate = createGate(() => {
    leave();
    release();
    cancelAll();
  });
  const { lock, release } = shared.lock.connect(gate);
  const { channel, leave } = shared.channel.connect(gate);
  const { clock, cancelAll } = connectClock(shared.clock, gate);
  const wakeups = createWakeups(gate);
  const storage = connectStorage(shared.items, gate, shared.clock, decide);
  const marks = connectMarks(shared.marks, gate);
  return { gate, wakeups, platform: { storage, lock, channel, wakeups, clock, random: shared.random, marks } };
}

function connectMarks(items: Map<string, string>, gate: Gate): Marks {
  return {
    get: (key) => items.get(key) ?? null,
    set: (key, value) => {
      if (gate.state === 'crashed') return; // a crashed page cannot write
      if (value === null) items.delete(key);
      else items.set(key, value);
    },
  };
}

/** The clock of the context behind a gate: it can always be read, but its tasks pass through the gate. */
function connectClock(clock: Clock, gate: Gate): { clock: Clock; cancelAll: () => void } {
  const cancels = new Set<() => void>();
  return {
    clock: {
      now: () => clock.now(),
      after(delayMs, task, options) {
        const run = () => {
          cancels.delete(cancel);
          task();
        };
        let stop = clock.after(
          delayMs,
          () => {
            stop = gate.enter(run);
          },
          options,
        );
        const cancel = () => {
          cancels.delete(cancel);
          stop();
        };
        cancels.add(cancel);
        return cancel;
      },
    },
    cancelAll: () => {
      for (const cancel of cancels) cancel();
    },
  };
}

interface SettableWakeups extends Wakeups {
  set(what: 'awake' | 'online', value: boolean): void;
  wake(): void;
}

function createWakeups(gate: Gate): SettableWakeups {
  const state = { awake: true, online: true };
  const listeners = new Set<{ hear: () => void }>();
  const wake = () => {
    for (const listener of listeners) gate.enter(listener.hear);
  };
  return {
    isAwake: () => state.awake,
    isOnline: () => state.online,
    subscribe(listener) {
      const own = { hear: () => void (listeners.has(own) && listener()) };
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    set(what, value) {
      const before = state[what];
      state[what] = value;
      if (value && !before) wake();
    },
    wake,
  };
}
