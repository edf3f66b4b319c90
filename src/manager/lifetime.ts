import { OptionsError } from '../errors.js';
import type { Clock } from '../ports/clock.js';
import { createWaitingRoom, type WaitingRoom } from './waiting-room.js';

/** From creation to `dispose()`: who waits, and what has to be let go of. */
export interface Lifetime {
  readonly isDisposed: boolean;
  /** Throws `OptionsError`, `ERR_DISPOSED`, after the end. */
  check(): void;
  /** Waits for work that goes on by itself; the process stays alive meanwhile, the end of the manager refuses the caller. */
  attend<T>(work: Promise<T>): Promise<T>;
  /** Called at the end, in order, with the error for those who wait. */
  onEnd(task: (error: OptionsError) => void): void;
  end(): void;
}

export function createLifetime(clock: Clock): Lifetime {
  const rooms = new Set<WaitingRoom<never>>();
  const tasks: ((error: OptionsError) => void)[] = [];
  let isDisposed = false;

  const disposed = () =>
    new OptionsError('ERR_DISPOSED', 'Expected a manager in use, but dispose() was called: create another one.');

  return {
    get isDisposed() {
      return isDisposed;
    },
    check: () => {
      if (isDisposed) throw disposed();
    },
    attend: <T>(work: Promise<T>) => {
      const room = createWaitingRoom<T>(clock);
      const waiting = room.join(undefined);
      rooms.add(room as WaitingRoom<never>);
      work.then(room.settle, room.refuse).then(() => rooms.delete(room as WaitingRoom<never>));
      return waiting;
    },
    onEnd: (task) => {
      tasks.push(task);
    },
    end: () => {
      if (isDisposed) return;
      isDisposed = true;
      for (const room of rooms) room.refuse(disposed());
      for (const task of tasks) task(disposed());
    },
  };
}
