import type { Patch } from './build.js';

/** A safeguard that is taken out of the manager, to see whether the simulation notices. */
export interface Mutation {
  readonly name: string;
  readonly patches: readonly Patch[];
}

const ATTEMPT = 'manager/attempt.ts';
const REFRESHER = 'manager/refresher.ts';
const COMMANDS = 'manager/session-commands.ts';
const MOVED = 'run.isOver || !isSameSession(recordOf(store.state), base)';
const STORE = 'await slot.write(record).catch(() => context.repair());';

function mutation(name: string, file: string, find: string, replace: string): Mutation {
  return { name, patches: [{ file, find, replace }] };
}

/** `npm run simulate -- --mutations` runs them all; each has to be noticed. */
export const mutations: readonly Mutation[] = [
  mutation('no look at the storage under the lock', ATTEMPT, 'compare(found.record, about', 'compare(base, about'),
  mutation(
    'the write comes after the lock was released',
    ATTEMPT,
    `const record = grow(current, tokens, context);\n  ${STORE}`,
    `const record = grow(current, tokens, context);\n  context.settings.platform.clock.after(20, () => void ${STORE.slice(6, -1)});`,
  ),
  {
    name: 'a straggling refresh counts after a sign-out: no look at session and revision',
    patches: [
      { file: REFRESHER, find: MOVED, replace: 'base === undefined && run.isOver' },
      { file: REFRESHER, find: 'if (run.isOver) return;\n    if (verdict.is', replace: 'if (verdict.is' },
      {
        file: 'core/session.ts',
        find: 'if (!held || !isSameSession(held, base) || record.revision <= held.revision)',
        replace: 'if (!held)',
      },
    ],
  },
  mutation(
    '429 and 503 end the session',
    ATTEMPT,
    'endsSession(failure) === true',
    'endsSession(failure) || (failure.status ?? 0) >= 429',
  ),
  mutation(
    'a lost rotation is called a rejection',
    ATTEMPT,
    "current?.unanswered ? 'lost' : 'rejected'",
    "'rejected' as 'lost' | 'rejected'",
  ),
  mutation(
    'no mark before asking',
    ATTEMPT,
    'if (current) await slot.write({ ...current, unanswered: true }).catch(() => undefined);',
    '',
  ),
  mutation(
    'sleeps with the lock in hand',
    ATTEMPT,
    `if (record) ${STORE}`,
    `if (record) ${STORE}\n  await new Promise<void>((resolve) => platform.clock.after(delayMs, resolve));`,
  ),
  mutation(
    'no second look before a refusal is believed',
    ATTEMPT,
    'if (record && supersedes(record, current)) {',
    'if (false as boolean && record) {',
  ),
  mutation(
    'no cool-down',
    'manager/token-access.ts',
    "if (state.status !== 'waiting') return true;",
    'if (state.status) return true;',
  ),
  mutation(
    'retryAt is not stored',
    ATTEMPT,
    'record = { ...current, failure, unanswered',
    'record = { ...current, unanswered',
  ),
  mutation(
    'Retry-After is not heeded',
    ATTEMPT,
    'Math.max(platform.clock.now() + delayMs, named ?? 0)',
    'platform.clock.now() + delayMs',
  ),
  mutation(
    'a late answer is dropped',
    'manager/exchange.ts',
    'if (answer?.tokens) onLate',
    'if (answer?.tokens && !answer) onLate',
  ),
  mutation(
    'the loss of the lock goes unnoticed',
    'manager/persistence.ts',
    'if (lease.signal.aborted) throw lostLock();',
    '',
  ),
  mutation(
    'tokens that could not be stored are forgotten',
    ATTEMPT,
    'if (found.revision < base.revision) return { current: base };',
    '',
  ),
  mutation('the proactive timer has no floor', 'manager/alarm.ts', 'Math.max(at, refresher.quietUntil)', 'at'),
  mutation(
    'signing out leaves the record',
    COMMANDS,
    'newest = record;\n      await slot.erase();',
    'newest = record;',
  ),
  mutation(
    'an expired token is served',
    'core/freshness.ts',
    'return expiresAt === undefined || now < expiresAt;',
    'return expiresAt === undefined || now > 0;',
  ),
  mutation('callers wait for any retryAt', REFRESHER, 'waitMs <= MAX_WAIT_MS', 'waitMs < Number.POSITIVE_INFINITY'),
  mutation(
    'which sessions the storage has held is forgotten',
    'manager/stored-session.ts',
    'seen.has(sessionId)',
    'seen.has(sessionId) && seen.size === 0',
  ),
  mutation(
    'a refresh under way may give a rejected token back',
    'manager/token-access.ts',
    'token === rejected && isJoined',
    'token === rejected && isJoined && !token',
  ),
];
