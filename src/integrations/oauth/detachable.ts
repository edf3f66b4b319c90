/** Rejects one caller with the signal's reason on abort; the work, and other callers waiting for it, go on. */
export function detachable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason);
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
    if (signal.aborted) return leave();
    signal.addEventListener('abort', leave, { once: true });
  });
}
