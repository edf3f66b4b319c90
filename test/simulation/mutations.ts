import type { Patch } from './build.js';

/**
 * A safeguard that is taken out of the manager, to see whether the simulation notices.
 *
 * The patches lean on the text of the sources. When one does not apply any more, `means` says what it has to bring
 * about; aim it anew, and see that enough seeds notice: `npm run simulate -- --mutations --only 'part of the name'`.
 */
export interface Mutation {
  readonly name: string;
  /** What goes wrong in the manager with the safeguard gone. */
  readonly means: string;
  readonly patches: readonly Patch[];
}

const ATTEMPT = 'manager/attempt.ts';
const REFRESHER = 'manager/refresher.ts';
const SESSION = 'core/session.ts';
const RECORD = 'core/session-record.ts';
const COMMANDS = 'manager/session-commands.ts';
const RECONCILE = 'core/reconcile.ts';
const SUPERSEDED = 'this.#run.isDetached || (!isSignIn && !isSameSession(this.#parts.session.record, base))';
const OLDER = 'base !== undefined && found.revision < base.revision;';

function mutation(name: string, means: string, file: string, find: string, replace: string): Mutation {
  return { name, means, patches: [{ file, find, replace }] };
}

/** `npm run simulate -- --mutations` runs them all; each has to be noticed. */
export const mutations: readonly Mutation[] = [
  mutation(
    'no look at the storage under the lock',
    'What the storage holds once the lock is ours is read but not used: the refresh goes on with what this manager knew before it waited.',
    ATTEMPT,
    'this.#choose(found.record)',
    'this.#choose(base)',
  ),
  mutation(
    'the write comes after the lock was released',
    'New tokens are written 20 ms after the attempt returned, when another may hold the lock already.',
    ATTEMPT,
    'await this.#write(record);\n    // A token',
    'clock.after(20, () => void this.#write(record));\n    // A token',
  ),
  {
    name: 'a straggling refresh counts after a sign-out or sign-in',
    means:
      'A refresh whose session was ended or replaced meanwhile goes on: it keeps the lock until the server answers, writes its tokens, and its outcome brings the ended session back.',
    patches: [
      { file: ATTEMPT, find: SUPERSEDED, replace: 'this.#request.base === undefined && this.#run.isDetached' },
      {
        file: REFRESHER,
        find: 'if (run.isDetached) return undefined;\n      if (outcome.kind',
        replace: 'if (outcome.kind',
      },
      { file: 'manager/refresh-run.ts', find: ', this.#detached]);', replace: ']);' },
      {
        file: SESSION,
        find: '!held || !isSameSession(held, base) || record.revision <= held.revision',
        replace: 'held && record.revision <= held.revision',
      },
    ],
  },
  {
    name: 'no revision check',
    means:
      'Of one session, any other record counts as newer than the one held, and an outcome with an older revision is applied: tokens of the past come back, and their spent refresh token is presented.',
    patches: [
      { file: SESSION, find: ' || record.revision <= held.revision) return', replace: ') return' },
      { file: RECORD, find: 'found.revision > held.revision', replace: 'found.revision !== held.revision' },
      {
        file: RECONCILE,
        find: "found.revision > held.revision ? 'found'",
        replace: "found.revision !== held.revision ? 'found'",
      },
      { file: ATTEMPT, find: OLDER, replace: 'false as boolean;' },
    ],
  },
  mutation(
    '429 and 503 end the session',
    'Any answer with a status of 429 or more counts as proof that the grant is dead.',
    'manager/attempt-end.ts',
    'endsSession(failure) === true',
    'endsSession(failure) || (failure.status ?? 0) >= 429',
  ),
  mutation(
    'a lost rotation is called a rejection',
    'A refusal after an unanswered presentation of the same refresh token is told as `rejected`.',
    'manager/attempt-end.ts',
    'return current?.unanswered',
    'return (false as boolean)',
  ),
  mutation(
    'no mark before asking',
    'The record is not marked as being presented before the request goes out, so that a crash or reload in between leaves no trace.',
    ATTEMPT,
    'if (current && !settings.isGrant && !this.#isBlind)',
    'if (current && !current)',
  ),
  mutation(
    'sleeps with the lock in hand',
    'The delay before the next attempt is spent while the lock is held.',
    ATTEMPT,
    'if (record) await this.#write(record);',
    'if (record) await this.#write(record);\n    await new Promise<void>((resolve) => platform.clock.after(delayMs, resolve));',
  ),
  mutation(
    'no second look before a refusal is believed',
    'The storage is read again after a refusal, but a newer refresh token in it is ignored and the session ends.',
    ATTEMPT,
    "store.standing(current, record) === 'found') {\n        return isSameSession(record, current)",
    "(false as boolean) && store.standing(current, record) === 'found') {\n        return isSameSession(record, current)",
  ),
  mutation(
    'no cool-down',
    'Callers start a refresh although the session is waiting for `retryAt`.',
    'manager/access-tokens.ts',
    "if (state.status !== 'waiting') return true;",
    'if (state.status) return true;',
  ),
  mutation(
    'retryAt is not stored',
    'The record that is written after a failure lacks the failure: peers and reloads know of no `retryAt`.',
    ATTEMPT,
    'record = { ...current, failure, unanswered',
    'record = { ...current, unanswered',
  ),
  mutation(
    'Retry-After is not heeded',
    'The next attempt comes after the backoff alone, before the moment that the server named.',
    ATTEMPT,
    'Math.max(now + delayMs, named ?? 0)',
    'now + delayMs',
  ),
  mutation(
    'a late answer is dropped',
    'Tokens that come after the deadline of the exchange are thrown away.',
    'manager/exchange.ts',
    'if (answer?.tokens) onLate',
    'if (answer?.tokens && !answer) onLate',
  ),
  mutation(
    'the loss of the lock goes unnoticed',
    'A write or an erasure is carried out although the lease was taken away.',
    'manager/record-store.ts',
    'if (lease.signal.aborted) throw lockLost();',
    '',
  ),
  mutation(
    'tokens that could not be stored are forgotten',
    'A refresh goes on with the older record of the storage, and with its spent refresh token, where the newer tokens live in memory only (D5).',
    ATTEMPT,
    OLDER,
    'false as boolean;',
  ),
  mutation(
    'the proactive timer has no floor',
    'The proactive timer is planned for the due moment or `retryAt` even right after a failure: at once, over and over, where both have passed.',
    'manager/alarm.ts',
    'Math.max(failing?.retryAt ?? dueAt, refresher.quietUntil)',
    '(failing?.retryAt ?? dueAt)',
  ),
  mutation(
    'signing out leaves the record',
    '`endSession` ends the session here but does not erase its record.',
    COMMANDS,
    'erased = record ?? own;\n        await storage.erase();',
    'erased = record ?? own;',
  ),
  mutation(
    'an expired token is served',
    'A token counts as usable after its expiry.',
    'core/freshness.ts',
    'return expiresAt === undefined || now < expiresAt;',
    'return expiresAt === undefined || now > 0;',
  ),
  mutation(
    'callers wait for any retryAt',
    'A run sleeps until its next attempt however far away that is, and callers with it.',
    'core/next-step.ts',
    'delayMs <= MAX_WAIT_MS',
    'delayMs < Number.POSITIVE_INFINITY',
  ),
  mutation(
    'which sessions the storage has held is forgotten',
    'A session that is missing in the storage always counts as one that never got there: nobody follows the end of a session, and it is written again.',
    'manager/record-store.ts',
    'this.#storedIds.includes(record.sessionId)',
    'this.#storedIds.includes(record.sessionId) && !record.sessionId',
  ),
  mutation(
    'a refresh under way may give a rejected token back',
    '`replaceAccessToken` resolves with the rejected token when it joined a refresh that had begun before and ends with that very token.',
    'manager/access-tokens.ts',
    'isJoined && (token === rejected || !isMet())',
    'token === rejected && isJoined && !token',
  ),
];
