/** Whether the code behind a gate runs: a tab, or a process. */
export type GateState = 'running' | 'frozen' | 'crashed';

/** All work of a context passes through its gate, so that the context can be frozen or crashed. */
export interface Gate {
  readonly state: GateState;
  /** Runs the task now; if frozen, in order after the thaw; after a crash never. Returns a function that cancels it. */
  enter(task: () => void): () => void;
  /** Runs the work through `enter`; its outcome passes through `enter` as well. */
  through<T>(work: () => T | PromiseLike<T>): Promise<T>;
  freeze(): void;
  thaw(): void;
  crash(): void;
}

/** Makes an open gate; `onCrash` is called once. */
export function createGate(onCrash: () => void): Gate {
  let state: GateState = 'running';
  let waiting: Array<() => void> = [];

  function enter(task: () => void): () => void {
    if (state === 'running') task();
    if (state !== 'frozen') return () => undefined;
    waiting.push(task);
    return () => {
      waiting = waiting.filter((other) => other !== task);
    };
  }

  return {
    get state() {
      return state;
    },
    enter,
    through: (work) =>
      new Promise((resolve, reject) => {
        const settle = (task: () => void) => void enter(task);
        const begin = async () => work();
        enter(() => {
          begin().then(
            (value) => settle(() => resolve(value)),
            (error) => settle(() => reject(error)),
          );
        });
      }),
    freeze: () => {
      if (state === 'running') state = 'frozen';
    },
    thaw: () => {
      if (state === 'frozen') state = 'running';
      const errors: unknown[] = [];
      for (let task = waiting[0]; task && state === 'running'; task = waiting[0]) {
        waiting.shift();
        try {
          task();
        } catch (error) {
          errors.push(error);
        }
      }
      if (errors.length > 0) throw errors[0];
    },
    crash: () => {
      if (state === 'crashed') return;
      state = 'crashed';
      waiting = [];
      onCrash();
    },
  };
}
