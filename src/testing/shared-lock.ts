import { LockError } from '../errors.js';
import type { Clock } from '../ports/clock.js';
import type { Lease, Lock } from '../ports/lock.js';
import type { Gate } from './gate.js';

const HOLD_MS = 15_000;

/** One lock for several contexts: first come, first served; a holder past its `holdMs` is taken over from. */
export interface SharedLock {
  /** The lock as the context behind a gate has it, and what its crash does to it. */
  connect(gate: Gate): { lock: Lock; release: () => void };
}

/** A context's place in the queue; the first one holds the lock. */
interface Place {
  readonly gate: Gate;
  readonly holdMs: number;
  readonly grant: (fence: number) => void;
  readonly depose: () => void;
  grantedAt?: number;
  /** Stops the timer for its `holdMs`; set while another place waits behind it. */
  unwatch?: (() => void) | undefined;
}

/** Makes a lock whose holding times run on this clock. */
export function createSharedLock(clock: Clock, fences: boolean): SharedLock {
  const queues = new Map<string, Place[]>();
  const fenceOf = new Map<string, number>();

  /** Grants the lock to the first in the queue, and times its `holdMs` while another one waits. */
  function serve(key: string): void {
    const queue = queues.get(key) ?? [];
    const [first, second] = queue;
    if (!first) return void queues.delete(key);
    if (first.grantedAt === undefined) {
      first.grantedAt = clock.now();
      fenceOf.set(key, (fenceOf.get(key) ?? 0) + 1);
      first.grant(fenceOf.get(key) ?? 0);
    }
    if (second) first.unwatch ??= clock.after(untilPast(first), () => overtake(key, first), { keepAlive: true });
    else unwatch(first);
  }

  function untilPast({ grantedAt = 0, holdMs }: Place): number {
    return Math.min(Math.max(0, grantedAt + holdMs - clock.now()), 2_147_483_647);
  }

  function overtake(key: string, holder: Place): void {
    leave(key, holder);
    holder.depose();
  }

  function unwatch(place: Place): void {
    place.unwatch?.();
    place.unwatch = undefined;
  }

  function join(key: string, place: Place): void {
    const queue = queues.get(key) ?? [];
    queues.set(key, queue);
    queue.push(place);
    if (queue.length <= 2) serve(key);
  }

  function leave(key: string, place: Place): void {
    const queue = queues.get(key) ?? [];
    const index = queue.indexOf(place);
    if (index < 0) return;
    queue.splice(index, 1);
    unwatch(place);
    serve(key);
  }

  return {
    connect: (gate) => ({
      lock: {
        run: (key, signal, task, { holdMs = HOLD_MS } = {}) =>
          gate.through(() => {
            const lost = new AbortController();
            const depose = () => void gate.enter(() => lost.abort(tookOver(holdMs)));
            const { place, granted } = queueUp(gate, holdMs, depose, signal, (own) => leave(key, own));
            if (!signal.aborted) join(key, place);
            const run = (fence: number) => gate.through(() => task(leaseOf(lost.signal, fence, fences)));
            return granted.then(run).finally(() => leave(key, place));
          }),
      },
      release: () => {
        for (const [key, queue] of queues) {
          for (const place of queue.filter((one) => one.gate === gate)) leave(key, place);
        }
      },
    }),
  };
}

/** A place in the queue, and the promise of its turn, which an abort ends before it has come. */
function queueUp(
  gate: Gate,
  holdMs: number,
  depose: () => void,
  signal: AbortSignal,
  leave: (place: Place) => void,
): { place: Place; granted: Promise<number> } {
  let grant: (fence: number) => void = () => undefined;
  const place: Place = { gate, holdMs, depose, grant: (fence) => grant(fence) };
  const granted = new Promise<number>((resolve, reject) => {
    const abort = () => {
      leave(place);
      reject(signal.reason);
    };
    grant = (fence) => {
      signal.removeEventListener('abort', abort);
      resolve(fence);
    };
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
  return { place, granted };
}

function leaseOf(signal: AbortSignal, fence: number, fences: boolean): Lease {
  return fences ? { signal, fence } : { signal };
}

function tookOver(holdMs: number): LockError {
  return new LockError('ERR_LOCK_LOST', `Expected the task to end within ${holdMs} ms; another holder took over.`);
}
