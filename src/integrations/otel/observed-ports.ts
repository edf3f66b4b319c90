import type { TokenManagerOptions } from '../../manager/options.js';
import { errorTypeOf, failureOf } from './closed-lists.js';
import type { Facts } from './instruments.js';
import type { Telemetry } from './telemetry.js';

type Platform = NonNullable<TokenManagerOptions['platform']>;
type Revoke = NonNullable<TokenManagerOptions['revoke']>;

/** A platform whose storage and lock are observed; every other part is the platform's own. */
export function observePlatform(platform: Platform, telemetry: Telemetry): Platform {
  const { clock, storage, lock } = platform;

  /** Calls the storage, which may answer at once. */
  function timed<T>(operation: string, call: () => T): T {
    const startedAt = clock.now();
    const end = (facts: Facts) => {
      const seconds = (clock.now() - startedAt) / 1_000;
      telemetry.record('evertoken.storage.operation.duration', seconds, {
        'evertoken.storage.operation': operation,
        ...facts,
      });
    };
    const failed = (error: unknown) => end({ 'error.type': errorTypeOf(error ?? '') });
    try {
      const answer = call();
      const { then } = Object(answer) as { then?: unknown };
      if (typeof then === 'function') (answer as PromiseLike<unknown>).then(() => end({}), failed);
      else end({});
      return answer;
    } catch (error) {
      failed(error);
      throw error;
    }
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
        const startedAt = clock.now();
        let isGranted = false;
        const waited = (facts: Facts) =>
          telemetry.record('evertoken.lock.wait.duration', (clock.now() - startedAt) / 1_000, facts);
        const granted: typeof task = (lease) => {
          isGranted = true;
          waited({});
          return task(lease);
        };
        const outcome = lock.run(key, signal, granted, ...more);
        outcome.then(undefined, () => {
          if (!isGranted) waited({ 'error.type': signal.aborted ? 'timeout' : '_OTHER' });
        });
        return outcome;
      },
    },
  };
}

/** The revoke function, observed. */
export function observeRevoke(revoke: Revoke, telemetry: Telemetry, now: () => number): Revoke {
  return (request) => {
    const startedAt = now();
    const end = (facts: Facts) => telemetry.record('evertoken.revocation.duration', (now() - startedAt) / 1_000, facts);
    const failed = (error: unknown) => end({ 'error.type': failureOf(error, request.signal.aborted).type });
    let answer: Promise<unknown>;
    try {
      answer = revoke(request);
    } catch (error) {
      failed(error);
      throw error;
    }
    Promise.resolve(answer).then((response) => {
      const { ok } = Object(response) as { ok?: unknown };
      if (ok === false) failed(response);
      else end({});
    }, failed);
    return answer;
  };
}
