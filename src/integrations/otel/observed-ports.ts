import type { TokenManagerOptions } from '../../manager/options.js';
import { errorTypeOf, failureOf } from './closed-lists.js';
import type { Facts, InstrumentName } from './instruments.js';
import { overheard } from './overheard.js';
import type { Telemetry } from './telemetry.js';

type Platform = NonNullable<TokenManagerOptions['platform']>;
type Revoke = NonNullable<TokenManagerOptions['revoke']>;

/** Starts a stopwatch: what is returned tells how long it was until it is first called. */
function stopwatch(
  telemetry: Telemetry,
  clock: { now(): number },
  name: InstrumentName,
  about?: Facts,
): (errorType?: string) => void {
  const startedAt = clock.now();
  let isOver = false;
  return (errorType) => {
    if (isOver) return;
    isOver = true;
    telemetry.record(name, (clock.now() - startedAt) / 1_000, { ...about, 'error.type': errorType });
  };
}

/** A platform whose storage and lock are observed; every other part is the platform's own. */
export function observePlatform(platform: Platform, telemetry: Telemetry): Platform {
  const { clock, storage, lock } = platform;

  function timed<T>(operation: string, call: () => T): T {
    const name = 'evertoken.storage.operation';
    const end = stopwatch(telemetry, clock, `${name}.duration`, { [name]: operation });
    return overheard(
      call,
      () => end(),
      (error) => end(errorTypeOf(error)),
    );
  }

  return {
    ...platform,
    storage: {
      getItem: (...args) => timed('read', () => storage.getItem(...args)),
      setItem: (...args) => timed('write', () => storage.setItem(...args)),
      removeItem: (...args) => timed('remove', () => storage.removeItem(...args)),
      get fault() {
        return storage.fault;
      },
    },
    lock: {
      run(key, signal, task, ...more) {
        const end = stopwatch(telemetry, clock, 'evertoken.lock.wait.duration');
        const granted: typeof task = (lease) => {
          end();
          return task(lease);
        };
        const outcome = lock.run(key, signal, granted, ...more);
        outcome.catch(() => end(signal.aborted ? 'timeout' : '_OTHER'));
        return outcome;
      },
    },
  };
}

/** The revoke function, observed. */
export function observeRevoke(revoke: Revoke, telemetry: Telemetry, clock: { now(): number }): Revoke {
  return (request) => {
    const end = stopwatch(telemetry, clock, 'evertoken.revocation.duration');
    const failed = (error: unknown) => end(failureOf(error, request.signal.aborted).type);
    return overheard(
      () => revoke(request),
      (response) => (Object(response).ok === false ? failed(response) : end()),
      failed,
    );
  };
}
