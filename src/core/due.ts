/** When a session is to be refreshed next, and what decides the order. Derived from the session's record; holds no token. */
export interface DueEntry {
  /** The lane whose rate and pauses apply: usually a provider, or a provider and a region. */
  readonly lane: string;
  /** Epoch milliseconds from which it may be claimed. */
  readonly at: number;
  /** Epoch milliseconds at which the access token expires; absent where that is not known. */
  readonly expiresAt?: number | undefined;
  /** How long its access tokens live, in milliseconds; absent where that is not known. */
  readonly lifetimeMs?: number | undefined;
  /** Epoch milliseconds of the next refresh if nobody uses the session until then. */
  readonly keepAliveAt?: number | undefined;
  /** A refresh is under way, or its process died: to be claimed before all others. */
  readonly urgent?: boolean | undefined;
  /** Its access token has expired, and refreshing fails. */
  readonly stuck?: boolean | undefined;
}

/** When a lane's sessions are refreshed. */
export interface DueRule {
  /** The share of the access token's lifetime after which it is refreshed at the earliest. */
  readonly from: number;
  /** The share after which it is refreshed at the latest. */
  readonly until: number;
  /** How long after its last refresh a session that nobody uses is refreshed all the same, in milliseconds. */
  readonly keepAliveMs: number;
  /** How long after the start of a refresh that does not end another process takes over, in milliseconds. */
  readonly takeoverMs: number;
}

/** What a stored session, or its snapshot, says about time; all in epoch milliseconds. */
export interface SessionTimes {
  readonly issuedAt: number;
  readonly expiresAt?: number | undefined;
  readonly refreshExpiresAt?: number | undefined;
  /** Refreshing fails; no attempt before this moment. */
  readonly retryAt?: number | undefined;
  /** A refresh token was presented and no answer has come. */
  readonly unanswered?: boolean | undefined;
}

/** What a manager puts before its key. */
const PREFIX = 'evertoken:';
/** How far before the end of a refresh token it is used, as a share of its life. */
const MARGIN = 0.1;

/**
 * When the access token is to be refreshed, in epoch milliseconds; undefined where its expiry is not known.
 *
 * Somewhere between two shares of its lifetime, as the key and the token say: a million sessions that start together
 * spread over the whole of it, and do not come together again.
 */
export function dueMoment(key: string, { issuedAt, expiresAt }: SessionTimes, rule: DueRule): number | undefined {
  if (expiresAt === undefined) return undefined;
  const share = rule.from + (rule.until - rule.from) * spread(`${key} ${issuedAt}`);
  return Math.floor(issuedAt + (expiresAt - issuedAt) * share);
}

/** When a session that nobody uses is refreshed, so that its refresh token does not lapse; epoch milliseconds. */
export function keepAliveMoment({ issuedAt, refreshExpiresAt }: SessionTimes, { keepAliveMs }: DueRule): number {
  const lastMoment =
    refreshExpiresAt === undefined
      ? Number.POSITIVE_INFINITY
      : refreshExpiresAt - MARGIN * (refreshExpiresAt - issuedAt);
  return Math.floor(Math.min(issuedAt + keepAliveMs, lastMoment));
}

/** When a session is to be refreshed, whether or not somebody uses it; epoch milliseconds. */
export function refreshMoment(key: string, times: SessionTimes, rule: DueRule): number {
  const keepAliveAt = keepAliveMoment(times, rule);
  return Math.min(dueMoment(key, times, rule) ?? keepAliveAt, keepAliveAt);
}

/** The entry of a session in the due index, at `now`. */
export function dueEntry(key: string, lane: string, times: SessionTimes, rule: DueRule, now: number): DueEntry {
  const { issuedAt, expiresAt, retryAt, unanswered } = times;
  const at = Math.max(refreshMoment(key, times, rule), retryAt ?? 0);
  return {
    lane,
    at: unanswered ? now + rule.takeoverMs : at,
    expiresAt,
    lifetimeMs: expiresAt === undefined ? undefined : expiresAt - issuedAt,
    keepAliveAt: keepAliveMoment(times, rule),
    ...(unanswered && { urgent: true }),
    ...(retryAt !== undefined && expiresAt !== undefined && expiresAt <= now && { stuck: true }),
  };
}

/** Whether somebody has used a session lately; one that is not known to be unused counts as used. */
export function isHot(
  { usedAt, lifetimeMs }: { readonly usedAt: number; readonly lifetimeMs?: number | undefined },
  hotForMs: number | undefined,
  now: number,
): boolean {
  return now < usedAt + (hotForMs ?? Math.max(lifetimeMs ?? 0, 3_600_000));
}

/** What a stored record says about time, at `now`; undefined for anything that is no record of ours. Never throws. */
export function readTimes(text: string, now: number): SessionTimes | undefined {
  try {
    const { evertoken, sessionId, issuedAt, expiresAt, refreshExpiresAt, unanswered, failure } = JSON.parse(text);
    if (!(evertoken >= 1) || typeof sessionId !== 'string' || !Number.isFinite(issuedAt)) return undefined;
    const retryAt = moment(failure?.retryAt);
    // The mark stays after an answer that never came; then the pause counts, until another attempt marks it anew.
    const isUnderWay = unanswered === true && !(retryAt !== undefined && retryAt > now);
    return {
      issuedAt,
      expiresAt: moment(expiresAt),
      refreshExpiresAt: moment(refreshExpiresAt),
      retryAt,
      unanswered: isUnderWay,
    };
  } catch {
    return undefined; // without the parser's message, which quotes the text
  }
}

/** The manager's key of a storage key, as the index and the workers name a session. */
export function sessionKey(storageKey: string): string {
  return storageKey.startsWith(PREFIX) ? storageKey.slice(PREFIX.length) : storageKey;
}

function moment(value: unknown): number | undefined {
  return Number.isFinite(value) ? (value as number) : undefined;
}

/** A number in [0, 1) that depends on every character: FNV-1a, and the mixing at the end of MurmurHash3. */
function spread(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
