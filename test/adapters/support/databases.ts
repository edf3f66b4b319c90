/** How IndexedDB behaves; see {@link stubDatabases}. */
export interface Databases {
  /** What becomes of an `open`: never answered, answered with an error, or thrown at once. */
  mood: 'silent' | { fails: DOMException } | { throws: DOMException } | 'good';
  /** How often somebody has asked for a database. */
  opens: number;
  /** Answers those that were not answered. */
  wake(): void;
  readonly factory: Pick<IDBFactory, 'open'>;
}

type Request = { -readonly [Name in 'onerror' | 'onsuccess' | 'onupgradeneeded']: (() => void) | null } & {
  result: unknown;
  error: unknown;
};

/** An IndexedDB whose databases have the store and hold values in memory, and fail as they are told. */
export function stubDatabases(): Databases {
  const values = new Map<string, unknown>();
  let unanswered: Request[] = [];
  const answer = (request: Request): void => {
    request.result = database(values);
    queueMicrotask(() => request.onsuccess?.());
  };
  const databases: Databases = {
    mood: 'good',
    opens: 0,
    wake: () => unanswered.splice(0).forEach(answer),
    factory: {
      open() {
        databases.opens++;
        const { mood } = databases;
        const request: Request = { onerror: null, onsuccess: null, onupgradeneeded: null, result: null, error: null };
        if (typeof mood === 'object' && 'throws' in mood) throw mood.throws;
        if (mood === 'silent') unanswered = [...unanswered, request];
        else if (mood === 'good') answer(request);
        else {
          request.error = mood.fails;
          queueMicrotask(() => request.onerror?.());
        }
        return request as unknown as IDBOpenDBRequest;
      },
    },
  };
  return databases;
}

function database(values: Map<string, unknown>): unknown {
  return {
    version: 1,
    objectStoreNames: { contains: () => true },
    close: () => undefined,
    transaction: () => transaction(values),
  };
}

function transaction(values: Map<string, unknown>): unknown {
  const opened: {
    oncomplete?: () => void;
    onabort?: () => void;
    commit(): void;
    abort(): void;
    objectStore(): unknown;
  } = {
    commit: () => undefined,
    abort: () => queueMicrotask(() => opened.onabort?.()),
    objectStore: () => ({
      keyPath: null,
      get(key: string) {
        const reading: { result?: unknown; onsuccess?: () => void } = {};
        queueMicrotask(() => {
          reading.result = values.get(key);
          reading.onsuccess?.();
          queueMicrotask(() => opened.oncomplete?.());
        });
        return reading;
      },
      put: (value: unknown, key: string) => void values.set(key, value),
      delete: (key: string) => void values.delete(key),
    }),
  };
  return opened;
}
