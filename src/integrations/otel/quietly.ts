/** Does something that must not change anything for anybody, whatever it throws. */
export function quietly<T>(task: () => T): T | undefined {
  try {
    return task();
  } catch {
    return undefined;
  }
}
