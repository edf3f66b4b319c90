import type { TokenManagerOptions } from '../../manager/options.js';
import { errorTypeOf, failureOf } from './closed-lists.js';
import type { Facts, InstrumentName } from './instruments.js';
import { overheard } from './overheard.js';
import type { Telemetry } from './telemetry.js';

type Platform = NonNullable<TokenManagerOptions['platform']>;
type Revoke = NonNullable<TokenManagerOptions['revoke']>;

/** Starts a stopwatch: what is returned tells how long it was until it is first called. */
function stopwatch(
  { record }: Telemetry,
  clock: { now(): number },
  name: InstrumentName,
  about?: Facts,
): (errorType?: string) => void {
  const startedAt = clock.now();
  let isOver = false;
  return (errorType) => {
    if (!isOver) record(name, clock.now() - startedAt, { ...about, 'error.type': errorType });
    isOver = true;
  };
}

/** A platform whose storage and lock are observed; every other part is the platform's own. */
export function observePlatform(platform: Platform, telemetry: Telemetry): Platform {
  const { clock, storage, lock } = platform;
  const timed =
    (method: 'getItem' | 'setItem' | 'removeItem', operation: string) =>
    (...args: unknown[]) => {
      const name = 'evertoken.storage.operation';
      const end = stopwatch(telemetry, clock, `${name}.duration`, { [name]: operation });
      return overheard(
        () => Reflect.apply(storage[method], storage, args),
        () => end(),
        (error) => end(errorTypeOf(error)),
      );
    };

  return {
    ...platform,
    storage: {
      getItem: timed('getItem', 'read'),
      setItem: timed('setItem', 'write'),
      removeItem: timed('removeItem', 'remove'),
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
    const failed = (error: unknown) => end(failureOf(error, request.signal).type);
    return overheard(
      () => revoke(request),
      (response) => (Object(response).ok === false ? failed(response) : end()),
      failed,
    );
  };
}
