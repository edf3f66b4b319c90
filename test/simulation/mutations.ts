import { type Mutation, mutation } from './mutation.js';
import { proofMutations } from './proof-mutations.js';

const ATTEMPT = 'manager/attempt.ts';
const CHOICE = 'manager/attempt-choice.ts';
const REFRESHER = 'manager/refresher.ts';
const SESSION = 'core/session.ts';
const RECORD = 'core/session-record.ts';
const COMMANDS = 'manager/session-commands.ts';
const RECONCILE = 'core/reconcile.ts';
const SUPERSEDED = 'this.#run.isDetached || (!isSignIn && !isSameSession(this.#parts.session.record, base))';
/** The worlds in which it comes up often enough. */
const OTHER_APIS = 'other-apis';
const CUT_OFF = 'cut-off';
const NOBODY_YET = 'nobody-yet';
const OLDER = 'base !== undefined && isLater(base, found);';

/** `npm run simulate -- --mutations` runs them all; each has to be noticed. */
export const mutations: readonly Mutation[] = [
  mutation(
    'no look at the storage under the lock',
    'What the storage holds once the lock is ours is read but not used: the refresh goes on with what this manager knew before it waited.',
    ATTEMPT,
    'this.#isBlind ? base : found.record',
    'base',
  ),
  mutation(
    'the write comes after the lock was released',
    'New tokens are written 20 ms after the attempt returned, when another may hold the lock already.',
    ATTEMPT,
    'await this.#write(record);\n    letGo',
    'clock.after(20, () => void this.#write(record));\n    letGo',
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
        find: '!held || !isSameSession(held, base) || !(isBeside || isLater(record, held))',
        replace: 'held && !isLater(record, held)',
      },
    ],
  },
  {
    name: 'no revision check',
    means:
      'Of one session, any other record counts as newer than the one held, and an outcome with an older revision is applied: tokens of the past come back, and their spent refresh token is presented.',
    patches: [
      { file: SESSION, find: ' || !(isBeside || isLater(record, held))) return', replace: ') return' },
      { file: RECORD, find: '|| isLater(found, held);', replace: '|| found.revision !== held.revision;' },
      {
        file: RECONCILE,
        find: "isLater(found, held) ? 'found'",
        replace: "found.revision !== held.revision ? 'found'",
      },
      { file: CHOICE, find: OLDER, replace: 'false as boolean;' },
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
    'else if (failure.named) reconciler.schedule();\n    }',
    'else if (failure.named) reconciler.schedule();\n    }\n    await new Promise<void>((resolve) => platform.clock.after(delayMs, resolve));',
  ),
  mutation(
    'no second look before a refusal is believed',
    'The storage is read again after a refusal, but a newer refresh token in it is ignored and the session ends.',
    ATTEMPT,
    "store.standing(current, record, wasStored) === 'found') {\n        return isSameSession(record, current)",
    "(false as boolean) && store.standing(current, record, wasStored) === 'found') {\n        return isSameSession(record, current)",
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
    'manager/attempt-outcome.ts',
    'Math.max(now + delayMs, named ?? 0)',
    'now + delayMs',
  ),
  mutation(
    'a late answer is dropped',
    'Tokens that come after the deadline of the exchange are thrown away.',
    'manager/exchange.ts',
    'if (answer.tokens || answer',
    'if (!answer.tokens && answer',
  ),
  mutation(
    'the loss of the lock goes unnoticed',
    'A write or an erasure is carried out although the lease was taken away.',
    'manager/record-store.ts',
    'if (isLost()) throw lockLost();',
    '',
  ),
  {
    name: 'tokens that could not be stored are forgotten',
    means:
      'A refresh goes on with the older record of the storage, and with its spent refresh token, where the newer tokens live in memory only (D5).',
    patches: [
      { file: CHOICE, find: OLDER, replace: 'false as boolean;' },
      {
        file: ATTEMPT,
        find: 'if (current && held && supersedes(held, current)) {',
        replace: 'if (current && held && !held) {',
      },
    ],
  },
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
    '`replaceAccessToken` resolves with the rejected token when a refresh that had begun before ends with that very token.',
    'manager/access-tokens.ts',
    'isSame || !isMet()',
    '!isMet() && isSame',
  ),
  mutation(
    'a sign-out leaves no mark',
    'A page that leaves right after `endSession()` leaves nothing behind that tells the next page (E6).',
    'manager/record-store.ts',
    'if (isSignOut) this.#setMarks((marks) => addMarks(marks, marked));',
    'if (isSignOut && !marked) this.#setMarks((marks) => addMarks(marks, marked));',
  ),
  mutation(
    'a record has no owner',
    'The record of another endpoint or client under the same name counts as ours (E8).',
    'core/codec.ts',
    "if (owner !== undefined && owner !== own) return { kind: 'foreign', owner };",
    "if (owner !== undefined && owner !== own && !owner) return { kind: 'foreign', owner };",
  ),
  mutation(
    'another subject counts as the same session',
    'Tokens of somebody else that our refresh token has brought are taken (E8, OpenID Connect Core 12.2).',
    ATTEMPT,
    'if (current && settings.needsRefreshToken && !isSameSubject',
    'if (current && !settings.needsRefreshToken && !isSameSubject',
  ),
  mutation(
    'refresh() joins a refresh that had begun before',
    '`refresh()` resolves with tokens that were asked for before the call (B10).',
    'manager/access-tokens.ts',
    'if (demands.isMet(demand, session.record)) return;',
    'if (demands.isMet(demand, session.record) || round) return;',
  ),
  mutation(
    'asks although there is nothing to present',
    'A session without a refresh token is refreshed all the same, and does not end with its access token (C13).',
    'core/renewal.ts',
    'return needsRefreshToken && refreshToken === undefined;',
    'return needsRefreshToken && refreshToken === null;',
  ),
  mutation(
    'a manager that knows of no session asks without a refresh token',
    'A wake-up while the storage cannot be read sends a request with nothing in it (C13).',
    'core/renewal.ts',
    "if (!tokens) return needsRefreshToken ? 'nothing' : 'ask';",
    "if (!tokens) return 'ask';",
  ),
  mutation(
    'a refresh behind a served token where work ends with the answer',
    'With `background: false`, a due token is served at once and refreshed behind it (A12).',
    'manager/access-tokens.ts',
    'const isBehind = settings.platform.background !== false;',
    'const isBehind = settings.platform.background !== undefined;',
  ),
  mutation(
    'nobody is believed for ever',
    'Once the storage was seen empty, a sign-in elsewhere is never found by those who ask (E9).',
    'manager/storage-reader.ts',
    "return this.#parts.session.state.status === 'none' && !(agoMs >= 0 && agoMs < BELIEVED_MS);",
    "return this.#parts.session.state.status === 'none' && agoMs < 0 && agoMs < -BELIEVED_MS;",
  ),
  mutation(
    'a call beside a sign-in does not wait for it',
    'A caller beside `startSession()` is told that nobody is signed in (A13).',
    'manager/live-session.ts',
    'pending.isStarting && !isServed && !exchange.isInside(signal)',
    'pending.isStarting && !isServed && exchange.isInside(signal)',
  ),
  mutation(
    'a Retry-After of before there is a session is not kept',
    'What the server named is known to nobody else where there is no record that could hold it (C15).',
    ATTEMPT,
    'if (!record && failure.named) await',
    'if (!record && failure.named && !failure) await',
    NOBODY_YET,
  ),
  mutation(
    'a dead storage holds up a session in memory',
    'A session that the storage never took is not refreshed while the storage cannot be read (D9).',
    ATTEMPT,
    'if (!isTold && (!base || store.wasStored(base))) throw error;',
    'if (!isTold) throw error;',
  ),
  mutation(
    'a dead storage holds up a cookie',
    'With a cookie, a session is not refreshed, and nobody signed in, while the storage is dead (D9).',
    ATTEMPT,
    'const isTold = mayFail || (settings.isCookie && (isSignIn || isDeath(settings, error)));',
    'const isTold = mayFail || (settings.isCookie && !settings.isCookie && isSignIn);',
  ),
  mutation(
    'a refresh that was cut off blocks those who come later',
    'A refresh whose continuation and timers a runtime has cancelled counts as under way for ever (B11).',
    REFRESHER,
    'return this.#run !== undefined && isAlive(settings, this.#aliveAt);',
    'return this.#run !== undefined && settings !== undefined;',
  ),
  mutation(
    'a sign-in that was cut off blocks those who come later',
    'A sign-in or a sign-out whose continuation a runtime has cancelled counts as under way for ever (B11).',
    'manager/pending-commands.ts',
    'const isUnderWay = isAlive(this.#settings, this.#begunAt);',
    'const isUnderWay = this.#begunAt >= 0;',
  ),
  mutation(
    'what was cut off comes to life when a clock that was set back comes by again',
    'A sign-in that is dead by the clock holds up callers once more, when the clock shows the moment at which it began (B11).',
    'manager/pending-commands.ts',
    'if (!isUnderWay) this.#begunAt = Number.NEGATIVE_INFINITY;',
    '',
    CUT_OFF,
  ),
  mutation(
    'a refresh() takes the place of a sign-in that began since',
    'With a cookie, a refresh that waited for a look at the storage asks whom the cookie belongs to, over a sign-in under way (A13).',
    'manager/access-tokens.ts',
    'if (this.#parts.pending.isStarting && !this.#parts.exchange.isInside(options.signal))\n        return this.refresh(options);',
    '',
    NOBODY_YET,
  ),
  mutation(
    'a sign-in that failed does not look again',
    'What a peer has stored while this manager asked whom the cookie belongs to is found by the next call alone (E9).',
    REFRESHER,
    "if (!this.#isDisposed && state.status !== 'loading') this.#parts.foundNewer();",
    '',
    NOBODY_YET,
  ),
  mutation(
    'a clock that was set back brings to life what was cut off',
    'Work that a runtime has cancelled counts as under way until the clock has come to where it had been (B11).',
    'manager/hold-lock.ts',
    'return Math.abs(settings.platform.clock.now() - at) <= longestMs(settings);',
    'return settings.platform.clock.now() - at <= longestMs(settings);',
    CUT_OFF,
  ),
  mutation(
    'an errand takes the place of the access token of the session',
    'The access token that was asked for another API becomes the one of the session (J46, J48).',
    'integrations/oauth/errand-steps.ts',
    'tokens: { ...kept, refreshToken, refreshExpiresAt, idToken },',
    'tokens: { ...kept, ...other, refreshToken, refreshExpiresAt, idToken },',
  ),
  mutation(
    'what comes late to an errand becomes the session',
    'Tokens for another API that come after the deadline are stored as those of the session.',
    ATTEMPT,
    'late.tokens ? this.#accept(current, late.tokens)',
    'late.tokens ? late.tokens',
  ),
  mutation(
    'invalid_grant on an errand ends the session',
    'A refusal of another API counts as the end of the grant, without a refresh of the session that says the same (J50).',
    ATTEMPT,
    'isAside ? note : refusal(current, answer)',
    'refusal(current, answer)',
  ),
  {
    name: "a peer's errand counts as a refresh",
    theme: OTHER_APIS,
    means:
      'A record that only an errand has changed is taken for new tokens: a refused or an expired access token is served (A3, B2).',
    patches: [
      { file: CHOICE, find: 'isNewer && !(base && isSameAccess(found, base))', replace: 'isNewer' },
      { file: REFRESHER, find: 'if (!isAside) return outcome;', replace: 'return outcome;' },
    ],
  },
  {
    name: 'a target that was refused is asked for again at once',
    theme: OTHER_APIS,
    means: 'The pause of a target is heeded neither by who asks nor under the lock (J49).',
    patches: [
      {
        file: 'integrations/oauth/errand-steps.ts',
        find: '[held, current.failure, other?.failure].find(',
        replace: '[held, current.failure].find(',
      },
      {
        file: 'integrations/oauth/for-resource.ts',
        find: '[failure, others?.[name]?.failure].find(',
        replace: '[failure].find(',
      },
    ],
  },
  mutation(
    'an errand does not look for the refresh token that a refresh has moved',
    'What another run here has brought while this one waited for the lock, and could not store, is not seen.',
    'manager/attempt-under-lock.ts',
    'records.newest(request.base)',
    'request.base',
    OTHER_APIS,
  ),
  ...proofMutations,
];
