import type { SessionRecord } from '../../src/core/session-record.js';
import type { RefreshRequest, RefreshTokens, TokenManagerOptions } from '../../src/index.js';
import { type Attempt, attemptRefresh, type Verdict } from '../../src/manager/attempt.js';
import type { Engine } from '../../src/manager/engine.js';
import type { Slot } from '../../src/manager/persistence.js';
import { createRun, type Run } from '../../src/manager/run.js';
import type { Found } from '../../src/manager/stored-session.js';
import { type FakeClock, fakeClock } from '../../src/testing.js';
import { bareEngine } from './engine.js';

/** One attempt under a lock that is held, with a storage that does what the test says. */
export interface OneAttempt {
  readonly clock: FakeClock;
  readonly engine: Engine;
  readonly run: Run;
  readonly abort: AbortController;
  readonly asked: RefreshRequest[];
  readonly written: SessionRecord[];
  erased: number;
  read: () => Found | Promise<Found>;
  write: () => void | Promise<void>;
  erase: () => void | Promise<void>;
  answer: RefreshTokens;
  about: Attempt;
  /** Whether peers might hold the lock as well. */
  exclusive: boolean | undefined;
  verdict(): Promise<Verdict>;
}

/** Makes an attempt about this record; none, for a cookie. The storage holds it, too, until the test says otherwise. */
export function oneAttempt(base: SessionRecord | undefined, options: Partial<TokenManagerOptions> = {}): OneAttempt {
  const clock = fakeClock();
  const abort = new AbortController();
  const engine = bareEngine(
    { clock, random: () => 0.5 },
    {},
    async (request) => {
      one.asked.push(request);
      return one.answer(request);
    },
    options,
  );
  if (base) engine.state = { status: 'active', revision: base.revision, record: base };
  const one: OneAttempt = {
    clock,
    engine,
    run: createRun(),
    abort,
    asked: [],
    written: [],
    erased: 0,
    read: () => ({ record: base }),
    write: () => undefined,
    erase: () => undefined,
    answer: async () => ({ access_token: 'new-access', refresh_token: 'new-refresh', expires_in: 60 }),
    about: { base, reason: 'expired', attempt: 1, challenge: undefined },
    exclusive: undefined,
    verdict: () => clock.runUntil(attemptRefresh(engine, slot, one.about, one.run)),
  };
  const slot: Slot = {
    get lease() {
      return { signal: abort.signal, ...(one.exclusive !== undefined && { exclusive: one.exclusive }) };
    },
    read: async () => one.read(),
    write: async (record) => {
      one.written.push(record);
      await one.write();
    },
    erase: async () => {
      one.erased++;
      await one.erase();
    },
  };
  return one;
}
