import type { SessionRecord, StoredFailure } from '../../src/core/session-record.js';
import type { RefreshRequest, RefreshTokens, TokenManagerOptions } from '../../src/index.js';
import { Attempt } from '../../src/manager/attempt.js';
import type { AttemptOutcome } from '../../src/manager/attempt-outcome.js';
import type { AttemptRequest } from '../../src/manager/attempt-request.js';
import type { Manager } from '../../src/manager/manager.js';
import type { Found, LockedStorage } from '../../src/manager/record-store.js';
import { RefreshRun } from '../../src/manager/refresh-run.js';
import { type FakeClock, fakeClock } from '../../src/testing.js';
import { bareManager, hold } from './bare-manager.js';

/** One attempt under a lock that is held, with a storage that does what the test says. */
export interface OneAttempt {
  readonly clock: FakeClock;
  readonly manager: Manager;
  readonly run: RefreshRun;
  readonly abort: AbortController;
  readonly asked: RefreshRequest[];
  readonly written: SessionRecord[];
  erased: number;
  read: () => Found | Promise<Found>;
  write: () => void | Promise<void>;
  erase: () => void | Promise<void>;
  answer: RefreshTokens;
  /** The pause that is stored where there is no session; and those that were written, undefined for one that was removed. */
  pause: StoredFailure | undefined;
  readonly pauses: (StoredFailure | undefined)[];
  request: AttemptRequest;
  /** Whether peers might hold the lock as well. */
  exclusive: boolean | undefined;
  outcome(): Promise<AttemptOutcome>;
}

/** Makes an attempt about this record; none, for a cookie. The storage holds it, too, until the test says otherwise. */
export function oneAttempt(base: SessionRecord | undefined, options: Partial<TokenManagerOptions> = {}): OneAttempt {
  const clock = fakeClock();
  const abort = new AbortController();
  const manager = bareManager(
    { clock, random: () => 0.5 },
    {},
    async (request) => {
      one.asked.push(request);
      return one.answer(request);
    },
    options,
  );
  if (base) hold(manager, base);
  const one: OneAttempt = {
    clock,
    manager,
    run: new RefreshRun(false),
    abort,
    asked: [],
    written: [],
    erased: 0,
    read: () => ({ record: base }),
    write: () => undefined,
    erase: () => undefined,
    answer: async () => ({ access_token: 'new-access', refresh_token: 'new-refresh', expires_in: 60 }),
    pause: undefined,
    pauses: [],
    request: { base, reason: 'expired', attempt: 1, isSignIn: false, challenge: undefined, failures: 0 },
    exclusive: undefined,
    outcome: () => clock.runUntil(new Attempt(manager, one.run, one.request, storage).execute()),
  };
  const storage: LockedStorage = {
    get isExclusive() {
      return one.exclusive !== false;
    },
    isLost: () => abort.signal.aborted,
    read: async () => one.read(),
    write: async (record) => {
      one.written.push(record);
      await one.write();
    },
    readPause: async () => one.pause,
    writePause: async (pause) => void one.pauses.push(pause),
    erase: async () => {
      one.erased++;
      await one.erase();
    },
    forget: async () => undefined,
  };
  return one;
}
