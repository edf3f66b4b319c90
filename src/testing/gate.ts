/** Whether the code behind a gate runs: a tab, or a process. */
export type GateState = 'running' | 'frozen' | 'crashed';

/** What a context does goes through here, so that it can be held up, or end. */
export interface Gate {
  readonly state: GateState;
  /** Does it now; when frozen, on thawing and in order; after a crash never. Returns a function that cancels. */
  enter(task: () => void): () => void;
  /** Does the work as `enter` would, and settles as it does, as `enter` would. */
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
