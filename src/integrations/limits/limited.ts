/** What ends first. */
export type Because = 'idle' | 'absolute' | 'refresh-token';

/** The limits of all sessions, in milliseconds. */
export interface Limits {
  readonly idleMs?: number | undefined;
  readonly absoluteMs?: number | undefined;
}

/** When a session began, and what `tighten` made of its limits; the same in every peer, and stored. */
export interface Terms {
  readonly sessionId: string;
  readonly startedAt: number;
  readonly idleMs?: number;
  /** From here on the tightened `idleMs` counts. */
  readonly tightenedAt?: number;
  readonly endsAt?: number;
}

/** A session whose limits are kept here. */
export interface Limited {
  terms: Terms;
  usedAt: number;
  /** The last use that was stored. */
  savedAt: number;
  /** Epoch milliseconds of the last look at the storage. */
  lookedAt: number;
  /** Until then a peer may still be storing terms that it has read before ours. */
  contestedUntil: number;
  isWarned: boolean;
}

/** The end of a session; `at` is infinite where there is none. */
export interface End {
  readonly at: number;
  readonly because: Because | undefined;
}

/** When a session has to end, as far as it is used no more. */
export function endOf({ terms, usedAt }: Limited, limits: Limits): End {
  const { idleMs = Infinity, absoluteMs = Infinity } = limits;
  const idleAt = Math.min(
    usedAt + idleMs,
    // A peer may have been used without having stored that yet: it learns of the tighter limit first.
    Math.max(usedAt, terms.tightenedAt ?? 0) + (terms.idleMs ?? Infinity),
  );
  const absoluteAt = Math.min(terms.startedAt + absoluteMs, terms.endsAt ?? Infinity);
  const idle = { at: idleAt, because: idleAt < Infinity ? ('idle' as const) : undefined };
  return absoluteAt < idleAt ? { at: absoluteAt, because: 'absolute' } : idle;
}

/** The idle limit that counts, in milliseconds. */
export function idleOf({ idleMs = Infinity }: Terms, limits: Limits): number {
  return Math.min(idleMs, limits.idleMs ?? Infinity);
}

/** The tighter of two terms of one session, in everything. */
export function tighter(one: Terms, other: Terms): Terms {
  const { idleMs, tightenedAt } = (one.idleMs ?? Infinity) <= (other.idleMs ?? Infinity) ? one : other;
  const endsAt = Math.min(one.endsAt ?? Infinity, other.endsAt ?? Infinity);
  return {
    sessionId: one.sessionId,
    startedAt: Math.min(one.startedAt, other.startedAt),
    ...(idleMs !== undefined && { idleMs, tightenedAt: tightenedAt ?? 0 }),
    ...(endsAt < Infinity && { endsAt }),
  };
}
