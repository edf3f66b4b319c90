type Callback<T> = (error: Error | null, result?: T) => void;

/** AsyncStorage in memory, as its own mock for Jest has it: every method takes a callback last, and calls what it is given. */
export function createAsyncStorage() {
  const items = new Map<string, string>();
  async function settle<T>(result: T, callback: Callback<T> | null | undefined): Promise<T> {
    await Promise.resolve();
    if (callback) callback(null, result);
    return result;
  }
  return {
    getItem: (key: string, callback?: Callback<string | null> | null) => settle(items.get(key) ?? null, callback),
    setItem: (key: string, value: string, callback?: Callback<void> | null) => {
      if (typeof value !== 'string') throw new TypeError('[AsyncStorage] Passing something else than a string');
      items.set(key, value);
      return settle<void>(undefined, callback);
    },
    removeItem: (key: string, callback?: Callback<void> | null) => {
      items.delete(key);
      return settle<void>(undefined, callback);
    },
  };
}
