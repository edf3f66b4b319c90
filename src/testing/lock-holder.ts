import type { Lease, Lock } from '../ports/lock.js';
import { later, type UnderTest } from './contract.js';

/** What the factory of `lockContract` gives. */
export interface LockUnderTest extends UnderTest {
  lock: Lock;
  /** The same lock as another tab or process has it; needed with `shared`. */
  second?: Lock;
  /** Lets time pass, for a lock on a fake clock; needed there with `takesOver`. Default: real time passes by itself. */
  elapse?: (ms: number) => Promise<unknown>;
}

/** A signal that never aborts. */
export function never(): AbortSignal {
  return new AbortController().signal;
}

/** The lock of the other context. */
export function secondOf({ second }: LockUnderTest): Lock {
  if (!second)
    throw new Error('Expected the factory to give `second`, the lock in another context, because of `shared`.');
  return second;
}

/** A task that holds the lock until `release` is called. */
export interface Holder {
  readonly granted: Promise<Lease>;
  readonly done: Promise<string>;
  readonly released: boolean;
  release(): void;
}

/** Takes the lock and keeps it. */
export function hold(lock: Lock, key: string, signal: AbortSignal = never(), options?: { holdMs?: number }): Holder {
  let released = false;
  let grant: (lease: Lease) => void = () => undefined;
  let end: (result: string) => void = () => undefined;
  const granted = new Promise<Lease>((resolve) => {
    grant = resolve;
  });
  const ended = new Promise<string>((resolve) => {
    end = resolve;
  });
  const task = (lease: Lease) => {
    grant(lease);
    return ended;
  };
  return {
    granted,
    done: later(lock.run(key, signal, task, options)),
    get released() {
      return released;
    },
    release: () => {
      released = true;
      end('held');
    },
  };
}
