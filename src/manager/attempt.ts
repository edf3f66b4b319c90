import { backoffDelay } from '../core/backoff.js';
import type { Challenge } from '../core/challenge.js';
import { failureError } from '../core/failure-error.js';
import { isUsable } from '../core/freshness.js';
import { recordOf } from '../core/session.js';
import type { RefreshReason } from '../core/session-events.js';
import {
  isSameSession,
  isSameTokenSet,
  type SessionRecord,
  type StoredFailure,
  supersedes,
} from '../core/session-record.js';
import { type TokenSet, withRefreshToken } from '../core/token-set.js';
import { type AnyTokenError, SessionError, type SessionErrorCode } from '../errors.js';
import type { Answer, Refused } from './answer.js';
import { type Engine, mayAsk } from './engine.js';
import { ask } from './exchange.js';
import { newId } from './lifetime.js';
import type { Settings } from './options.js';
import { lostLock, type Slot } from './persistence.js';
import { repair } from './repair.js';
import type { Run } from './run.js';
import { hasSeen, isPast } from './stored-session.js';

/** What one attempt, under the lock, came to; told to the session after the lock was released. */
export type Verdict =
  /** There are new tokens: our own, or those of a peer that was faster. */
  | {
      readonly is: 'refreshed';
      readonly by: 'us' | 'peer';
      readonly record: SessionRecord;
      /** The server gave it to us, and would give no better one: it is served although it may have expired on the way. */
      readonly isAllThereIs?: boolean;
    }
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
}

/** Where an attempt happens: with the lock in hand. */
interface Held {
  readonly engine: Engine;
  readonly slot: Slot;
  readonly about: Attempt;
  readonly run: Run;
}

const MOVED: Verdict = { is: 'moved' };
const FOREIGN_LOOKS_MS = [0, 250, 500, 1_000, 2_000];

/**
 * One attempt, in the one order that is safe: look at the storage again, take what a peer has refreshed, ask, write.
 *
 * The caller holds the lock, and releases it before anybody hears of the verdict.
 */
export async function attemptRefresh(engine: Engine, slot: Slot, about: Attempt, run: Run): Promise<Verdict> {
  const held: Held = { engine, slot, about, run };
  const { timeoutMs, platform } = engine.settings;
  const { clock } = platform;
  const startedAt = clock.now();
  const found = await slot.read();
  if (isMoved(held)) return MOVED;
  // damage is no proof that the session was ended elsewhere, and may hide a newer refresh token than ours
  const isHidden = found.isNewer || (about.base && hasSeen(engine, about.base));
  if (found.damage && isHidden) return unreadable(found.damage, clock.now());
  const look = compare(found.record, held);
  if ('is' in look) return look;
  const { current } = look;
  const late = takeLate(engine, current);
  if (late) return keep(held, current, late);
  if (engine.isDisposed) return MOVED;
  // a crash between the server's rotation and our write can then be told from a refusal out of nowhere
  if (current) await slot.write({ ...current, unanswered: true }).catch(() => undefined);
  if (isMoved(held)) return MOVED;
  if (slot.lease.signal.aborted) return lost(clock.now());
  const later = takeLate(engine, current); // it came while the mark was written
  if (later) return keep(held, current, later);
  // a request that ends before its answer may lose a rotation: a slow storage, or a clock set forward, leave it half its time
  const limitMs = Math.max(timeoutMs / 2, timeoutMs - Math.max(0, clock.now() - startedAt));
  run.inFlight = present(held, current, limitMs);
  const answer = await Promise.race([run.inFlight, run.detached]);
  if (!answer || isMoved(held)) return MOVED;
  if (answer.tokens) return keep(held, current, answer.tokens);
  // with no session to lose, a plain 401 to the cookie says that nobody is signed in
  const isDead = isProof(answer, engine.settings) || (!current && answer.failure.status === 401);
  return isDead ? believe(held, current, answer) : fail(held, current, answer);
}

/** The session was ended or replaced here. */
function isMoved({ engine, run, about }: Held): boolean {
  return run.isOver || !isSameSession(recordOf(engine.state), about.base);
}

/** Tokens that came too late or could not be stored, if they follow from this record. */
function takeLate(engine: Engine, current: SessionRecord | undefined): TokenSet | undefined {
  const { late } = engine;
  if (!late || !isSameTokenSet(late.base, current)) return undefined;
  engine.late = undefined;
  return late.tokens;
}

/** The record to go on with, or what makes asking needless. */
function compare(
  found: SessionRecord | undefined,
  { engine, about }: Held,
): { readonly current?: SessionRecord } | Verdict {
  const { base, reason } = about;
  if (!base) return found ? { is: 'elsewhere', record: found } : {};
  if (!found || !isSameSession(found, base)) {
    const isOurs = found ? isPast(engine, found, base) : !hasSeen(engine, base);
    return isOurs ? { current: base } : { is: 'elsewhere', record: found };
  }
  const isOlder = found.revision < base.revision; // ours could not be stored yet
  const now = engine.settings.platform.clock.now();
  const isOther = reason !== 'rejected' || found.tokens.accessToken !== base.tokens.accessToken;
  if (supersedes(found, base) && isUsable(found.tokens, now) && isOther)
    return { is: 'refreshed', by: 'peer', record: found };
  const { failure } = found;
  const isNews = failure && !mayAsk(engine, failure) && failure.retryAt !== base.failure?.retryAt;
  if (isNews && (reason !== 'asked' || failure.named)) {
    return failedElsewhere(isOlder ? { ...base, failure } : found, failure);
  }
  return { current: isOlder ? base : found };
}

/** Presents the refresh token to the server. */
function present({ engine, about }: Held, current: SessionRecord | undefined, limitMs: number): Promise<Answer> {
  const { reason, attempt, challenge } = about;
  const { accessToken, refreshToken, scopes = [] } = current?.tokens ?? {};
  return ask(
    engine,
    {
      ...(refreshToken !== undefined && { refreshToken }),
      ...(challenge && { challenge }),
      accessToken,
      scopes,
      reason,
      attempt,
      attemptId: current?.attemptId ?? newId(engine),
    },
    current?.tokens,
    limitMs,
    (tokens) => {
      engine.late = { base: current, tokens };
      engine.reactions.cameLate(engine);
    },
  );
}

async function keep(
  { engine, slot, about }: Held,
  current: SessionRecord | undefined,
  tokens: TokenSet,
): Promise<Verdict> {
  if (slot.lease.signal.aborted) {
    engine.late = { base: current, tokens };
    return { is: 'unstored' };
  }
  const { clock } = engine.settings.platform;
  const wasUsable = isUsable(tokens, clock.now());
  const record = grow(engine, current, tokens);
  await slot.write(record).catch(() => repair(engine));
  // unless it was a slow storage that has used its life up; once, lest the next one goes the same way
  const isAllThereIs = !wasUsable || about.attempt > 1 || isUsable(tokens, clock.now());
  return { is: 'refreshed', by: 'us', record, isAllThereIs };
}

function grow(engine: Engine, current: SessionRecord | undefined, tokens: TokenSet): SessionRecord {
  const { sessionId = newId(engine), revision = 0 } = current ?? {};
  return { sessionId, revision: revision + 1, tokens, attemptId: newId(engine), unanswered: false, failure: undefined };
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
async function believe(held: Held, current: SessionRecord | undefined, answer: Refused): Promise<Verdict> {
  const { engine, slot } = held;
  const { clock } = engine.settings.platform;
  const looks = slot.lease.exclusive === false ? FOREIGN_LOOKS_MS : [0];
  let waited = 0;
  for (const lookAt of looks) {
    if (lookAt > waited) await new Promise<void>((resolve) => clock.after(lookAt - waited, resolve));
    waited = lookAt;
    const late = takeLate(engine, current);
    if (late) return keep(held, current, late);
    const { record } = await slot.read();
    if (isMoved(held)) return MOVED;
    const isOld = record && current && isPast(engine, record, current);
    if (record && !isOld && supersedes(record, current)) {
      return isSameSession(record, current) ? { is: 'refreshed', by: 'peer', record } : { is: 'elsewhere', record };
    }
  }
  // whoever took the lock over decides
  if (slot.lease.signal.aborted) return lost(clock.now());
  if (current) await slot.erase().catch(() => repair(engine, current.sessionId));
  const { status, oauthError } = answer.failure;
  const said = [status, oauthError].filter((fact) => fact !== undefined).join(', ');
  return current?.unanswered
    ? ended(
        'lost',
        'ERR_SESSION_LOST',
        `The answer to a refresh never came, and the server then refused the same refresh token (${said}): sign in again.`,
      )
    : ended(
        'rejected',
        'ERR_SESSION_REJECTED',
        `The server refused the refresh token for good (${said}): sign in again.`,
      );
}

function ended(reason: 'rejected' | 'lost', code: SessionErrorCode, message: string): Verdict {
  return { is: 'ended', reason, error: new SessionError(code, message) };
}

async function fail({ engine, slot }: Held, current: SessionRecord | undefined, answer: Refused): Promise<Verdict> {
  const { retry, platform } = engine.settings;
  const { kind, status, oauthError, retryAt: named } = answer.failure;
  const count = (current?.failure?.count ?? engine.failures) + 1;
  const isPassing = kind === 'transient' || kind === 'unknown';
  const delayMs = isPassing ? backoffDelay(count, retry, platform.random()) : retry.maxDelayMs;
  const retryAt = Math.max(platform.clock.now() + delayMs, named ?? 0);
  const failure: StoredFailure = { code: answer.code, status, oauthError, retryAt, named: named !== undefined, count };
  const { refreshToken } = answer;
  let record = current;
  if (current && refreshToken !== undefined && refreshToken !== current.tokens.refreshToken) {
    record = { ...grow(engine, current, withRefreshToken(current.tokens, refreshToken)), failure };
  } else if (current) {
    record = { ...current, failure, unanswered: current.unanswered || !answer.isAnswer };
  }
  if (record) await slot.write(record).catch(() => repair(engine));
  const error = failureError(failure, answer.detail, answer.cause);
  return { is: 'failed', error, retryAt, named: failure.named, record, isPassing, isOwn: true };
}

function failedElsewhere(record: SessionRecord, failure: StoredFailure): Verdict {
  const { retryAt, named } = failure;
  const isPassing = !/CONFIG|INTERACTION/.test(failure.code);
  return { is: 'failed', error: failureError(failure), retryAt, named, record, isPassing, isOwn: false };
}

/** Storage or lock failed: no request was made, and the next call may try again at once. */
export function unreadable(error: AnyTokenError, now: number): Extract<Verdict, { is: 'failed' }> {
  Object.assign(error, { retryAt: now });
  return { is: 'failed', error, retryAt: now, named: false, record: undefined, isPassing: false, isOwn: true };
}

function lost(now: number): Verdict {
  return unreadable(lostLock(), now);
}
