import { isSameSession, type SessionRecord } from '../../core/session-record.js';
import type { TokenSet } from '../../core/token-set.js';
import type { AttemptOutcome } from '../../manager/attempt-outcome.js';
import type { ErrandHost, Errands as Started } from '../../manager/errand-host.js';
import type { RefreshRun } from '../../manager/refresh-run.js';
import { type ErrandWish, errandFor } from './errand-steps.js';

/** How often is looked whether an errand that is waited for is dead by the clock. */
export const LOOK_MS = 5_000;

/** The errands of one manager. */
export interface Errands extends Started {
  readonly host: ErrandHost;
  /** One attempt of an errand for a session; its outcome has become that of the session. Never rejects. */
  run(wish: ErrandWish, base: SessionRecord): Promise<AttemptOutcome>;
}

/**
 * Errands: refreshes for other access tokens than the session's own.
 *
 * Each takes its turn at the lock, like any refresh: a refresh token is never presented by two at once.
 */
export function createErrands(host: ErrandHost): Errands {
  const { settings, session, pending, work } = host;
  const { clock } = settings.platform;
  let runs: readonly RefreshRun[] = [];
  /** The errand that began last, and when: one after the other, or those behind would wait too long for the lock. */
  let turn: Promise<unknown> = Promise.resolve();
  let begunAt = 0;

  /** Waits for the errand before, as long as that may still go on. */
  function myTurn(before: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      let cancel = (): void => undefined;
      const look = () => {
        if (host.isAlive(begunAt)) {
          cancel = clock.after(LOOK_MS, look);
          return;
        }
        begunAt = clock.now();
        resolve();
      };
      look();
      void before.then(() => {
        cancel();
        resolve();
      });
    });
  }

  async function attempt(wish: ErrandWish, asked: SessionRecord): Promise<AttemptOutcome> {
    // What a sign-in stores is published by itself.
    if (pending.isStarting) await pending.callers.wait(undefined).catch(() => undefined);
    // The errand before this one may have been told to wait, and not been able to store that.
    const held = session.record;
    const base = held && isSameSession(held, asked) ? held : asked;
    const { name: target, reason, attempt, challenge } = wish;
    begunAt = clock.now();
    const startedAt = begunAt;
    host.emit({ type: 'refreshStarted', payload: { reason, attempt, target }, sessionId: base.sessionId });
    const errand = errandFor(wish, settings);
    const request = { base, reason, attempt, challenge, errand, isSignIn: false, failures: 0 };
    const { run, outcome: coming } = host.attempt(request);
    runs = runs.concat(run);
    const came = await coming;
    // The tokens are kept, and stored by the next attempt.
    const outcome: AttemptOutcome = came.kind === 'lock-lost' ? { ...came, kind: 'failed' } : came;
    runs = runs.filter((other) => other !== run);
    if (run.isDetached) return { kind: 'superseded' };
    publish(host, wish, base, outcome, clock.now() - startedAt);
    return outcome;
  }

  return {
    host,
    run: (wish, base) => {
      const outcome = work.track(myTurn(turn).then(() => attempt(wish, base)));
      turn = outcome;
      return outcome;
    },
    async detach(): Promise<TokenSet | undefined> {
      const detached = runs.map((run) => run.detach());
      runs = [];
      return (await Promise.all(detached)).find(Boolean);
    },
    dispose: () => {
      for (const run of runs) run.stop();
    },
  };
}

/** Makes an outcome that of the session, and tells of it. */
function publish(
  host: ErrandHost,
  { name: target, reason, attempt }: ErrandWish,
  base: SessionRecord,
  outcome: AttemptOutcome,
  durationMs: number,
): void {
  const { session } = host;
  const { sessionId } = base;
  const own = { reason, attempt, durationMs };
  const told = { reason, attempts: attempt, durationMs };
  if (outcome.kind === 'refreshed') {
    const { record, by } = outcome;
    // It is served also where a peer's record of the same revision stays.
    host.marks.add(record.others?.[target]?.accessToken, true, record.grant?.binding);
    session.dispatch({ type: 'refreshed', base, record, by, ...told, isErrand: true });
    const rotated = record.tokens.refreshToken !== base.tokens.refreshToken;
    const { expiresAt } = record.others?.[target] ?? {};
    host.emit({ type: 'refreshed', payload: { by, ...told, rotated, expiresAt, target }, sessionId });
  } else if (outcome.kind === 'failed') {
    const { record, error, retryAt, isOwn } = outcome;
    const by = isOwn ? 'us' : 'peer';
    if (record) session.dispatch({ type: 'refreshed', base, record, by, ...told, isErrand: true });
    host.emit({ type: 'refreshFailed', payload: { ...own, error, retryAt, again: false, target }, sessionId });
  } else if (outcome.kind === 'replaced') {
    session.dispatch({ type: 'found', record: outcome.record, wasStored: true });
  } else if (outcome.kind === 'ended') {
    session.dispatch({ type: 'ended', reason: outcome.reason, error: outcome.error, own });
    if (outcome.unused) void host.revoke(outcome.unused, base);
  }
}
