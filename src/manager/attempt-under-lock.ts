import { isUsable } from '../core/freshness.js';
import { isNewAccess, isSameSession } from '../core/session-record.js';
import type { AnyTokenError } from '../errors.js';
import { Attempt } from './attempt.js';
import { type AttemptOutcome, unavailable } from './attempt-outcome.js';
import type { AttemptParts } from './attempt-parts.js';
import type { AttemptRequest } from './attempt-request.js';
import type { RefreshRun } from './refresh-run.js';

/** Waits for the lock and makes one attempt; never rejects. */
export function attemptUnderLock(
  parts: AttemptParts,
  run: RefreshRun,
  request: AttemptRequest,
): Promise<AttemptOutcome> {
  const { settings, store, records } = parts;
  return store
    .withLock((storage) => {
      // Another run here, a refresh or an errand, may have moved the refresh token while this one waited for the lock.
      const base = records.newest(request.base);
      return new Attempt(parts, run, { ...request, base }, storage).execute();
    })
    .catch(async (error: AnyTokenError): Promise<AttemptOutcome> => {
      const { base } = request;
      // The holder that kept the lock may have refreshed all the same.
      const isHeld = error.code === 'ERR_LOCK_TIMEOUT';
      const wasStored = store.wasStored(base);
      const { record } = (isHeld ? await store.read().catch(() => undefined) : undefined) ?? {};
      const { clock } = settings.platform;
      if (record && store.standing(base, record, wasStored) === 'found') {
        if (!base || !isSameSession(record, base)) return { kind: 'replaced', record };
        const isServed = isNewAccess(record, base) && isUsable(record.tokens, clock.now());
        if (isServed) return { kind: 'refreshed', by: 'peer', record };
      }
      return unavailable(error, clock.now());
    });
}
