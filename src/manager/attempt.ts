import { backoffDelay, mayRetry } from '../core/backoff.js';
import type { Challenge } from '../core/challenge.js';
import { failureError } from '../core/failure-error.js';
import { isUsable } from '../core/freshness.js';
import type { RefreshReason } from '../core/session-events.js';
import {
  isReplaced,
  isSameSession,
  type SessionRecord,
  type StoredFailure,
  supersedes,
} from '../core/session-record.js';
import { type TokenSet, withRefreshToken } from '../core/token-set.js';
import { type AnyTokenError, LockError, SessionError, StorageError } from '../errors.js';
import type { Refused } from './answer.js';
import type { Exchange } from './exchange.js';
import type { Settings } from './options.js';
import { lostLock, type Slot } from './persistence.js';

/** What one attempt, under the lock, came to; told to the session after the lock was released. */
export type Verdict =
  /** There are new tokens: our own, or those of a peer that was faster. */
  | { readonly is: 'refreshed'; readonly by: 'us' | 'peer'; readonly record: SessionRecord }
  /** The storage holds another session, or none any more. */
  | { readonly is: 'elsewhere'; readonly record: SessionRecord | undefined }
  | { readonly is: 'ended'; readonly reason: 'rejected' | 'lost'; readonly error: SessionError }
  | {
      readonly is: 'failed';
      readonly error: AnyTokenError;
      readonly retryAt: number;
      readonly named: boolean;
      readonly record: SessionRecord | undefined;
      /** Trying again soon may help. */
      readonly isPassing: boolean;
      readonly isOwn: boolean;
    }
  /** Tokens came, but the lock was lost: they are kept, and stored in another attempt. */
  | { readonly is: 'unstored' }
  /** The session was ended or replaced here meanwhile: whatever came of it is dropped. */
  | { readonly is: 'moved' };

/** What an attempt is about. */
export interface Attempt {
  /** The session as this manager knew it at the start of the refresh; none when a cookie is asked about. */
  readonly base: SessionRecord | undefined;
  readonly reason: RefreshReason;
  readonly attempt: number;
  readonly challenge: Challenge | undefined;
  /** Failures so far, where there is no record to count them. */
  readonly failures: number;
}

/** What an attempt needs of the refresher. */
export interface AttemptContext {
  readonly settings: Settings;
  readonly exchange: Exchange;
  /** The session was ended or replaced here. */
  isMoved(base: SessionRecord | undefined): boolean;
  isDisposed(): boolean;
  /** Resolves when the session is ended or replaced here: the exchange goes on, but nobody holds the lock for it. */
  readonly detached: Promise<undefined>;
  /** Whether the storage is known to have held this session. */
  hasSeen(record: SessionRecord): boolean;
  /** Tokens that came too late or could not be stored, if they follow from this record. */
  takeLate(current: SessionRecord | undefined): TokenSet | undefined;
  keepLate(current: SessionRecord | undefined, tokens: TokenSet): void;
  /** The storage did not take a record, or did not let go of that of an ended session: tried again later. */
  repair(endedId?: string): void;
  newId(): string;
}

const MOVED: Verdict = { is: 'moved' };
const FOREIGN_LOOKS_MS = [0, 250, 500, 1_000, 2_000];

/**
 * One attempt, in the one order that is safe: look at the storage again, take what a peer has refreshed, ask, write.
 *
 * The caller holds the lock, and releases it before anybody hears of the verdict.
 */
export async function attemptRefresh(slot: Slot, about: Attempt, context: AttemptContext): Promise<Verdict> {
  const { base } = about;
  const { clock } = context.settings.platform;
  const startedAt = clock.now();
  const found = await slot.read();
  if (context.isMoved(base)) return MOVED;
  if (found.isNewer && found.damage) return unreadable(found.damage, clock.now());
  const look = compare(found.record, about, context);
  if ('is' in look) return look;
  const { current } = look;
  const late = context.takeLate(current);
  if (late) return keep(slot, current, late, context);
  if (context.isDisposed()) return MOVED;
  // a crash between the server's rotation and our write can then be told from a refusal out of nowhere
  if (current) await slot.write({ ...current, unanswered: true }).catch(() => undefined);
  if (context.isMoved(base)) return MOVED;
  if (slot.lease.signal.aborted) return lost(clock.now());
  const later = context.takeLate(current); // it came while the mark was written
  if (later) return keep(slot, current, later, context);
  const { timeoutMs } = context.settings;
  const limitMs = Math.max(1, timeoutMs - Math.max(0, clock.now() - startedAt));
  const answer = await Promise.race([ask(about, current, limitMs, context), context.detached]);
  if (!answer || context.isMoved(base)) return MOVED;
  if (answer.tokens) return keep(slot, current, answer.tokens, context);
  // with no session to lose, a plain 401 to the cookie says that nobody is signed in
  const isDead = isProof(answer, context.settings) || (!current && answer.failure.status === 401);
  return isDead ? believe(slot, current, answer, about, context) : fail(slot, current, answer, about, context);
}

/** The record to go on with, or what makes asking needless. */
function compare(
  found: SessionRecord | undefined,
  { base, reason }: Attempt,
  { settings, hasSeen }: AttemptContext,
): { readonly current: SessionRecord | undefined } | Verdict {
  if (!base) return found ? { is: 'elsewhere', record: found } : { current: undefined };
  const isUnsaved = !hasSeen(base);
  if (!found) return isUnsaved ? { current: base } : { is: 'elsewhere', record: undefined };
  if (!isSameSession(found, base)) {
    return isReplaced(found, base, !isUnsaved) ? { current: base } : { is: 'elsewhere', record: found };
  }
  if (found.revision < base.revision) return { current: base };
  const now = settings.platform.clock.now();
  const isOther = reason !== 'rejected' || found.tokens.accessToken !== base.tokens.accessToken;
  if (supersedes(found, base) && isUsable(found.tokens, now) && isOther)
    return { is: 'refreshed', by: 'peer', record: found };
  const { failure } = found;
  const isNews = failure && !mayRetry(failure, now, settings.retry) && failure.retryAt !== base.failure?.retryAt;
  if (isNews && (reason !== 'asked' || failure.named)) return failedElsewhere(found, failure);
  return { current: found };
}

function ask(about: Attempt, current: SessionRecord | undefined, limitMs: number, context: AttemptContext) {
  const { reason, attempt, challenge } = about;
  const { accessToken, refreshToken, scopes = [] } = current?.tokens ?? {};
  return context.exchange.ask(
    {
      ...(refreshToken !== undefined && { refreshToken }),
      ...(challenge && { challenge }),
      accessToken,
      scopes,
      reason,
      attempt,
      attemptId: current?.attemptId ?? context.newId(),
    },
    current?.tokens,
    limitMs,
    (tokens) => context.keepLate(current, tokens),
  );
}

async function keep(
  slot: Slot,
  current: SessionRecord | undefined,
  tokens: TokenSet,
  context: AttemptContext,
): Promise<Verdict> {
  if (slot.lease.signal.aborted) {
    context.keepLate(current, tokens);
    return { is: 'unstored' };
  }
  const record = grow(current, tokens, context);
  await slot.write(record).catch(() => context.repair());
  return { is: 'refreshed', by: 'us', record };
}

function grow(current: SessionRecord | undefined, tokens: TokenSet, { newId }: AttemptContext): SessionRecord {
  const { sessionId = newId(), revision = 0 } = current ?? {};
  return { sessionId, revision: revision + 1, tokens, attemptId: newId(), unanswered: false, failure: undefined };
}

function isProof({ failure }: Refused, { endsSession }: Settings): boolean {
  if (failure.status === undefined && failure.oauthError === undefined && failure.kind !== 'dead') return false;
  try {
    return endsSession(failure) === true;
  } catch {
    return false; // whoever cannot tell has no proof
  }
}

/** Before a refusal ends a session, the storage is read again: a peer may have stored a newer refresh token. */
async function believe(
  slot: Slot,
  current: SessionRecord | undefined,
  answer: Refused,
  about: Attempt,
  context: AttemptContext,
): Promise<Verdict> {
  const { clock } = context.settings.platform;
  const looks = slot.lease.exclusive === false ? FOREIGN_LOOKS_MS : [0];
  let waited = 0;
  for (const lookAt of looks) {
    if (lookAt > waited) await new Promise<void>((resolve) => clock.after(lookAt - waited, resolve));
    waited = lookAt;
    const late = context.takeLate(current);
    if (late) return keep(slot, current, late, context);
    const { record } = await slot.read();
    if (context.isMoved(about.base)) return MOVED;
    const isOld = record && current && isReplaced(record, current, context.hasSeen(current));
    if (record && !isOld && supersedes(record, current)) {
      return isSameSession(record, current) ? { is: 'refreshed', by: 'peer', record } : { is: 'elsewhere', record };
    }
  }
  // whoever took the lock over decides
  if (slot.lease.signal.aborted) return lost(clock.now());
  if (current) await slot.erase().catch(() => context.repair(current.sessionId));
  const reason = current?.unanswered ? 'lost' : 'rejected';
  const { status, oauthError } = answer.failure;
  const said = [status, oauthError].filter((fact) => fact !== undefined).join(', ');
  const error =
    reason === 'lost'
      ? new SessionError(
          'ERR_SESSION_LOST',
          `The answer to a refresh never came, and the server then refused the same refresh token (${said}): sign in again.`,
        )
      : new SessionError(
          'ERR_SESSION_REJECTED',
          `The server refused the refresh token for good (${said}): sign in again.`,
        );
  return { is: 'ended', reason, error };
}

async function fail(
  slot: Slot,
  current: SessionRecord | undefined,
  answer: Refused,
  about: Attempt,
  context: AttemptContext,
): Promise<Verdict> {
  const { retry, platform } = context.settings;
  const { kind, status, oauthError, retryAt: named } = answer.failure;
  const count = (current?.failure?.count ?? about.failures) + 1;
  const isPassing = kind === 'transient' || kind === 'unknown';
  const delayMs = isPassing ? backoffDelay(count, retry, platform.random()) : retry.maxDelayMs;
  const retryAt = Math.max(platform.clock.now() + delayMs, named ?? 0);
  const failure: StoredFailure = { code: answer.code, status, oauthError, retryAt, named: named !== undefined, count };
  const { refreshToken } = answer;
  let record = current;
  if (current && refreshToken !== undefined && refreshToken !== current.tokens.refreshToken) {
    record = { ...grow(current, withRefreshToken(current.tokens, refreshToken), context), failure };
  } else if (current) {
    record = { ...current, failure, unanswered: current.unanswered || !answer.isAnswer };
  }
  if (record) await slot.write(record).catch(() => context.repair());
  const error = failureError(failure, answer.detail, answer.cause);
  return { is: 'failed', error, retryAt, named: failure.named, record, isPassing, isOwn: true };
}

function failedElsewhere(record: SessionRecord, failure: StoredFailure): Verdict {
  const { retryAt, named } = failure;
  const isPassing = !/CONFIG|INTERACTION/.test(failure.code);
  return { is: 'failed', error: failureError(failure), retryAt, named, record, isPassing, isOwn: false };
}

/** Storage or lock failed: no request was made, and the next call may try again at once. */
export function unreadable(error: AnyTokenError, now: number): Verdict {
  const facts = { cause: error.cause, retryAt: now };
  const told =
    error instanceof LockError
      ? new LockError(error.code, error.message, facts)
      : error instanceof StorageError
        ? new StorageError(error.code, error.message, facts)
        : error;
  return { is: 'failed', error: told, retryAt: now, named: false, record: undefined, isPassing: false, isOwn: true };
}

function lost(now: number): Verdict {
  return unreadable(lostLock(), now);
}
