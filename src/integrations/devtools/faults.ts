/** What the next request to the token endpoint meets. */
export type NextAnswer = '503' | '429' | 'slow' | 'lost' | 'dead';

/** What is broken at present, part by part. */
export interface Broken {
  /** `full`: nothing can be written, but read and removed. */
  storage: 'full' | 'fails' | 'hangs' | undefined;
  lock: 'held' | 'lost' | undefined;
  network: 'offline' | undefined;
  answer: NextAnswer | undefined;
}

/** The switches of one manager, and what its parts have done. */
export interface Faults {
  /** Read it, and write through `set` alone. */
  readonly broken: Readonly<Broken>;
  readonly clockOffsetMs: number;
  /** The time that the manager sees, in epoch milliseconds. */
  now(): number;
  /** Breaks a part, or mends it with undefined. */
  set<Part extends keyof Broken>(part: Part, fault: Broken[Part]): void;
  /** Moves the clock of this manager, as a sleep does: it shows another time, and then everybody is woken. */
  jump(ms: number): void;
  /** Takes the answer that is next, once. */
  takeAnswer(): NextAnswer | undefined;
  /** Calls the listener after every change; returns an unsubscribe function. */
  subscribe(listener: () => void): () => void;
  /** Calls the listener when the clock jumped or the network came back; returns an unsubscribe function. */
  onWake(listener: () => void): () => void;
  /** Waits while the part has this fault; rejects with the reason of the signal. */
  while<Part extends keyof Broken>(part: Part, fault: Broken[Part], signal?: AbortSignal): Promise<void>;
  /** What the wrapped parts count. */
  readonly uses: { reads: number; writes: number; lock: 'free' | 'waiting' | 'held'; callers: number };
}

/** Makes switches with nothing broken, over a clock. */
export function createFaults(clock: { now(): number }): Faults {
  const broken: Broken = { storage: undefined, lock: undefined, network: undefined, answer: undefined };
  const changes = new Set<() => void>();
  const wakes = new Set<() => void>();
  let clockOffsetMs = 0;
  const tell = (listeners: Set<() => void>) => {
    for (const listener of [...listeners]) listener();
  };
  const listen = (listeners: Set<() => void>, listener: () => void) => {
    const own = () => listener();
    listeners.add(own);
    return () => void listeners.delete(own);
  };
  const faults: Faults = {
    broken,
    uses: { reads: 0, writes: 0, lock: 'free', callers: 0 },
    get clockOffsetMs() {
      return clockOffsetMs;
    },
    now: () => clock.now() + clockOffsetMs,
    set(part, fault) {
      const before = broken[part];
      if (before === fault) return;
      broken[part] = fault;
      tell(changes);
      if (before === 'offline') tell(wakes);
    },
    jump(ms) {
      clockOffsetMs += ms;
      tell(changes);
      tell(wakes);
    },
    takeAnswer() {
      const { answer } = broken;
      faults.set('answer', undefined);
      return answer;
    },
    subscribe: (listener) => listen(changes, listener),
    onWake: (listener) => listen(wakes, listener),
    while: (part, fault, signal) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (broken[part] === fault && !signal?.aborted) return;
          stop();
          signal?.removeEventListener('abort', look);
          if (signal?.aborted) reject(signal.reason);
          else resolve();
        };
        const stop = listen(changes, look);
        signal?.addEventListener('abort', look);
        look();
      }),
  };
  return faults;
}
