import { hooks } from '../../core/hooks.js';
import type { TokenManager } from '../../manager/token-manager.js';
import type { LimitItems } from './limit-items.js';
import type { Because, End, Limited, Limits, Terms } from './limited.js';
import { endOf, idleOf, tighter } from './limited.js';
import type { Clock, SteadyTime } from './steady-time.js';

/** What the parts have in common. */
export interface Keeping {
  readonly tokens: TokenManager;
  readonly limits: Limits;
  readonly warnMs: number;
  readonly items: LimitItems;
  readonly clock: Clock;
  readonly time: SteadyTime;
  session: Limited | undefined;
  /** The look under way. */
  looking: Promise<void> | undefined;
  cancel: (() => void) | undefined;
  isDisposed: boolean;
  emit(type: 'warned' | 'warningLifted' | 'limitReached', end: End, sessionId: string): void;
}

/** What another peer has tightened is known after so long, without a call. */
const ROUND_MS = 60_000;
/** The same while a warning is shown; and a call looks again after so long. */
const SOON_MS = 1_000;
/** Reading and writing of a peer, each at its slowest. */
export const CONTESTED_MS = 10_000;

/** The session that is kept, as long as it is the manager's. */
export function sessionOf({ session, tokens }: Keeping): Limited | undefined {
  return session && session.terms.sessionId === tokens.getSnapshot().sessionId ? session : undefined;
}

/** Whether a call needs no look at the storage first. */
export function isKnown(keeping: Keeping): boolean {
  const now = keeping.time.now();
  const session = sessionOf(keeping);
  if (!session) return keeping.tokens.getSnapshot().status === 'none';
  return now < session.lookedAt + SOON_MS && now < endOf(session, keeping.limits).at;
}

/** Brings the limits up to date with the storage, and ends the session where it is time. Never rejects. */
export function look(keeping: Keeping): Promise<void> {
  keeping.looking ??= readAll(keeping)
    .catch(() => undefined) // disposed
    .finally(() => {
      keeping.looking = undefined;
    });
  return keeping.looking;
}

async function readAll(keeping: Keeping): Promise<void> {
  const { tokens, items, time } = keeping;
  const { sessionId } = await tokens.ready();
  if (sessionId === undefined || keeping.isDisposed) {
    stop(keeping);
    return;
  }
  const found = await items.read().catch(() => undefined);
  const { terms, use } = found ?? {};
  for (const at of [terms?.startedAt, use?.usedAt]) if (at !== undefined) time.reach(at);
  const isOurs = terms?.sessionId === sessionId;
  if (!isOurs) await tokens[hooks]?.look?.(); // a peer may have ended the session, or have started another one
  const { sessionId: present, issuedAt } = tokens.getSnapshot();
  if (keeping.isDisposed) return undefined;
  if (present !== sessionId) return readAll(keeping);
  const now = time.now();
  const last = sessionOf(keeping);
  const own: Terms = last?.terms ?? { sessionId, startedAt: Math.min(now, (issuedAt ?? now) + time.aheadMs) };
  const merged = isOurs ? tighter(own, terms) : own;
  const stored = use?.sessionId === sessionId ? use.usedAt : undefined;
  // The later session's item stays: a page that was frozen may still hold an earlier one.
  const isLater = !terms || own.startedAt >= terms.startedAt;
  const session: Limited = last ?? {
    terms: merged,
    usedAt: stored ?? (isOurs ? merged.startedAt : now),
    savedAt: -Infinity,
    lookedAt: now,
    contestedUntil: 0,
    isWarned: false,
  };
  keeping.session = Object.assign(session, {
    terms: merged,
    usedAt: Math.max(session.usedAt, stored ?? 0),
    savedAt: found ? (stored ?? -Infinity) : now,
    lookedAt: now,
  });
  const isLooser = isOurs ? JSON.stringify(tighter(terms, terms)) !== JSON.stringify(merged) : isLater;
  // What could not be read may be tighter.
  if (found && isLooser) void save(keeping, session, merged).catch(() => undefined); // tried again at the next look
  review(keeping);
}

/** Stores terms or a use of a session, unless that is over by then. */
export function save(keeping: Keeping, session: Limited, item: Parameters<LimitItems['write']>[0]): Promise<void> {
  return keeping.items.write(item, () => keeping.session !== session || keeping.isDisposed);
}

/** The user did something, and the limits are known to be farther away. */
export function use(keeping: Keeping): void {
  const session = sessionOf(keeping);
  if (!session || keeping.isDisposed) return;
  session.usedAt = keeping.time.now();
  review(keeping);
}

/** The end that a user is told of. */
export function endShown({ tokens, limits, time }: Keeping, session: Limited): End {
  const end = endOf(session, limits);
  const refreshAt = (tokens.getSnapshot().refreshExpiresAt ?? Infinity) + time.aheadMs;
  return refreshAt < end.at ? { at: refreshAt, because: 'refresh-token' satisfies Because } : end;
}

/** Does what is due: ends the session, warns, stores a use; and comes back when the next thing is. */
export function review(keeping: Keeping): void {
  const { limits, time, warnMs } = keeping;
  const session = sessionOf(keeping);
  if (!session || keeping.isDisposed) {
    stop(keeping);
    return;
  }
  const now = time.now();
  const end = endOf(session, limits);
  if (now >= end.at) {
    finish(keeping, session, end);
    return;
  }
  const shown = endShown(keeping, session);
  const warnAt = shown.at - warnMs;
  const isNear = warnMs > 0 && now >= warnAt;
  const { sessionId } = session.terms;
  if (isNear !== session.isWarned) {
    session.isWarned = isNear;
    keeping.emit(isNear ? 'warned' : 'warningLifted', shown, sessionId);
  }
  const { usedAt } = session;
  const idleMs = idleOf(session.terms, limits);
  const saveAt = session.savedAt + (idleMs < Infinity ? idleMs / 10 : ROUND_MS);
  if (usedAt > session.savedAt && now >= saveAt) {
    session.savedAt = usedAt;
    void save(keeping, session, { sessionId, usedAt }).catch(() => undefined);
  }
  const isUnsaved = usedAt > session.savedAt;
  const roundAt = now + (isNear || now < session.contestedUntil ? SOON_MS : ROUND_MS);
  const nextAt = Math.min(roundAt, end.at, isNear || !(warnMs > 0) ? Infinity : warnAt, isUnsaved ? saveAt : Infinity);
  stop(keeping);
  keeping.cancel = keeping.clock.after(Math.max(0, nextAt - now), () => void look(keeping));
}

function finish(keeping: Keeping, session: Limited, end: End): void {
  leave(keeping);
  void keeping.tokens.endSession().catch(() => undefined); // the manager goes on trying
  keeping.emit('limitReached', end, session.terms.sessionId);
}

/** The session is over, by whomever: nothing of it stays. */
export function over(keeping: Keeping, sessionId: string, reason: string): void {
  const { session, limits, time } = keeping;
  if (session?.terms.sessionId === sessionId) {
    const end = endOf(session, limits);
    leave(keeping);
    if (reason === 'peer' && time.now() >= end.at) keeping.emit('limitReached', end, sessionId);
  }
  void keeping.items.remove(sessionId).catch(() => undefined);
}

function leave(keeping: Keeping): void {
  stop(keeping);
  keeping.session = undefined;
}

export function stop(keeping: Keeping): void {
  keeping.cancel?.();
  keeping.cancel = undefined;
}
