import { type DueEntry, dueEntry, isHot, refreshMoment, type SessionTimes } from '../../core/due.js';
import type { SessionSnapshot } from '../../manager/token-manager.js';
import type { LaneRule } from './lane-options.js';
import { openSession, type SessionWorld } from './open-session.js';

/** Longer than any token lives: asks for one that is newer than the present one. */
const NEWER = Number.MAX_SAFE_INTEGER;

/**
 * Refreshes a session if it is due; knows its key and nothing else, so that a job may come twice, late, or after a sign-out.
 *
 * Never rejects for what the provider says; rejects where the storage or the index fails, and the claim runs out by itself.
 */
export async function work(world: SessionWorld, key: string, lane: string, rule: LaneRule): Promise<void> {
  const { due, clock } = world;
  const tokens = openSession(world, key, lane, true);
  try {
    const snapshot = await tokens.ready();
    if (snapshot.status === 'loading') return; // the storage cannot be read now
    if (snapshot.status === 'none') return await removeRemnant(world, key, rule);
    const times = timesOf(snapshot);
    const isDue = clock.now() >= refreshMoment(key, times, rule);
    // A refresh that its process did not end is presented again at once, while the provider may still forgive that.
    const isUrgent = isDue || isUnanswered(await due.get(key), times);
    if (isUrgent) await refresh(tokens, times, isDue);
    const after = tokens.getSnapshot();
    const isOver = after.status !== 'active' || after.issuedAt !== times.issuedAt;
    if (!isOver)
      await due.put(key, comingUp(dueEntry(key, lane, timesOf(after), rule, clock.now()), rule, clock.now()));
    await tokens.settled();
  } finally {
    tokens.dispose();
  }
}

/** The entry says that a refresh began, and the record does not hold the tokens of a later one. */
function isUnanswered(found: DueEntry | undefined, { issuedAt }: SessionTimes): boolean {
  const { urgent, expiresAt, lifetimeMs } = found ?? {};
  return urgent === true && (expiresAt === undefined || lifetimeMs === undefined || issuedAt <= expiresAt - lifetimeMs);
}

/** An attempt that failed without a moment to try again, for a lock or a storage, is no reason to be the first once more. */
function comingUp(entry: DueEntry, { takeoverMs }: LaneRule, now: number): DueEntry {
  return { ...entry, at: Math.max(entry.at, now + takeoverMs) };
}

/** What a snapshot says about time. */
export function timesOf(snapshot: SessionSnapshot): SessionTimes {
  const { issuedAt = 0, expiresAt, refreshExpiresAt, retryAt } = snapshot;
  return { issuedAt, expiresAt, refreshExpiresAt, retryAt };
}

/** Makes a session due that was put off as nobody used it, and that somebody has used since. */
export async function comeBack(
  { due, clock }: SessionWorld,
  key: string,
  snapshot: SessionSnapshot,
  rule: LaneRule,
): Promise<void> {
  const now = clock.now();
  if (snapshot.status !== 'active' || (snapshot.retryAt ?? 0) > now) return;
  const found = await due.get(key);
  if (!found || found.urgent || found.at <= now + rule.takeoverMs) return; // nothing to do, or somebody is at it
  if (!isHot(found, rule.hotForMs, now)) return; // the use was noted so late that it does not count any more
  // The entry is of the newest token; the snapshot may be older.
  const { keepAliveAt = found.at + 1, expiresAt, lifetimeMs } = found;
  if (found.at < keepAliveAt || expiresAt === undefined || lifetimeMs === undefined) return; // not put off
  if (now < refreshMoment(key, { issuedAt: expiresAt - lifetimeMs, expiresAt }, rule)) return;
  const { key: _, usedAt, ...entry } = found;
  await due.put(key, { ...entry, at: now });
}

/** Failures are told by events and by the record; here they are nobody's. */
async function refresh(
  tokens: ReturnType<typeof openSession>,
  { expiresAt }: SessionTimes,
  isDue: boolean,
): Promise<void> {
  try {
    // A token that a peer has got since the look is newer, and satisfies both; `refresh()` would ask for another one.
    if (isDue && expiresAt !== undefined) await tokens.getAccessToken({ minValidityMs: NEWER });
    else await tokens.replaceAccessToken(await tokens.getAccessToken());
  } catch {
    // told
  }
}

/** An entry without a session: a sign-out that got no further, or the end of a session whose process died over it. */
async function removeRemnant({ due, clock }: SessionWorld, key: string, { takeoverMs }: LaneRule): Promise<void> {
  const entry = await due.get(key);
  if (!entry) return;
  // One that comes up later than its claim runs out was written since, with another session that begins just now.
  if (!entry.urgent && entry.at > clock.now() + 2 * takeoverMs) return;
  await due.remove(key, entry.urgent ? { reason: 'rejected', at: clock.now() } : undefined);
}
