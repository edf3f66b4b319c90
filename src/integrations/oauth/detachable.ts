/** Lets one caller go when a signal aborts, with its reason, without disturbing the work or the others who wait for it. */
export function detachable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason);
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
    if (signal.aborted) return leave();
    signal.addEventListener('abort', leave, { once: true });
  });
}
