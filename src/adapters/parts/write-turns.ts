import { StorageError } from '../../errors.js';

/** The wanted value of a key, null to remove it, and the function that stores it. */
export interface Wish {
  readonly value: string | null;
  /** Calls `goOn` before each native call; it throws once this write timed out and a newer one has begun. */
  carryOut(goOn: () => void): Promise<void>;
}

/** How long a write may delay the next one. */
const PATIENCE_MS = 5_000;

/**
 * One write after the other for each key, so that a write that took long never lands on a newer one.
 *
 * A write that does not end is waited for no longer than 5 s. When it ends after that, it may have overwritten a newer
 * write of its key, which is carried out again.
 */
export function createWriteTurns(): (key: string, wish: Wish) => Promise<void> {
  const lines = new Map<string, { newest: Wish; tail: Promise<void>; unsettled: number }>();

  function write(key: string, wish: Wish): Promise<void> {
    const line = lines.get(key) ?? { newest: wish, tail: Promise.resolve(), unsettled: 0 };
    lines.set(key, line);
    line.newest = wish;
    line.unsettled++;
    return new Promise((resolve, reject) => {
      const inTurn = (next: () => void): void => {
        let isGivenUp = false;
        const cancel = after(PATIENCE_MS, () => {
          isGivenUp = true;
          next();
        });
        const goOn = (): void => {
          if (isGivenUp && line.newest !== wish) throw overtaken();
        };
        const settled = (): void => {
          cancel();
          next();
          if (isGivenUp && line.newest !== wish) write(key, { ...line.newest }).catch(() => undefined);
          if (--line.unsettled === 0) lines.delete(key);
        };
        wish.carryOut(goOn).then(goOn).then(resolve, reject).finally(settled);
      };
      line.tail = line.tail.then(() => new Promise(inTurn));
    });
  }
  return write;
}

/** The outcome of a read, or undefined where it fails or takes longer than so many milliseconds. */
export function answerWithin<T>(limitMs: number, read: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve) => {
    const cancel = after(limitMs, () => resolve(undefined));
    read
      .catch(() => undefined)
      .then(resolve)
      .finally(cancel);
  });
}

function overtaken(): StorageError {
  return new StorageError('ERR_STORAGE_WRITE', 'A write took too long, and a newer one has begun; that one counts.');
}

/** A timer that does not keep a process running. */
function after(delayMs: number, task: () => void): () => void {
  const timer: unknown = setTimeout(task, delayMs);
  (timer as { unref?: () => void }).unref?.();
  return () => clearTimeout(timer as Parameters<typeof clearTimeout>[0]);
}
