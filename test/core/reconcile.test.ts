import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isBehind, merge, reconcile, type Standing, withLongerPause, withMark } from '../../src/core/reconcile.js';
import {
  isSameSession,
  isSameTokenSet,
  type SessionRecord,
  type StoredFailure,
} from '../../src/core/session-record.js';
import { failureUntil, recordWith } from '../support/session-records.js';

const NOW = 1_000;
const overAt =
  (now: number) =>
  ({ retryAt }: StoredFailure) =>
    retryAt <= now;
const isOver = overAt(NOW);

describe('which record is right', () => {
  const ours = (revision: number) => recordWith({ sessionId: 'ours', revision });
  const other = (revision: number) => recordWith({ sessionId: 'other', revision });

  // Row by row, what was found; then what is right where no session, a never stored one, or a stored one is held.
  type Row = [row: string, found: SessionRecord | undefined, isBuried: boolean, none: Standing, Standing, Standing];
  const rows: Row[] = [
    ['nothing', undefined, false, 'neither', 'held', 'neither'],
    ['an older record of the same session', ours(2), false, 'found', 'held', 'held'],
    ['the same tokens', ours(3), false, 'found', 'held', 'held'],
    ['a newer record of the same session', ours(4), false, 'found', 'found', 'found'],
    ['an older one of another session', other(2), false, 'found', 'held', 'found'],
    ['one of another session that is as new', other(3), false, 'found', 'found', 'found'],
    ['a newer one of another session', other(4), false, 'found', 'found', 'found'],
    ['an older one of a session that ended here', other(2), true, 'neither', 'held', 'held'],
    ['one of a session that ended here, as new', other(3), true, 'neither', 'held', 'held'],
    ['a newer one of a session that ended here', other(4), true, 'neither', 'held', 'held'],
    ['a newer one of our session, which is ending here', ours(4), true, 'neither', 'held', 'held'],
  ];
  test.each(rows)('found is %s', (_, found, isBuried, none, neverStored, stored) => {
    expect(reconcile(undefined, found, { wasStored: false, isBuried })).toBe(none);
    expect(reconcile(ours(3), found, { wasStored: false, isBuried })).toBe(neverStored);
    expect(reconcile(ours(3), found, { wasStored: true, isBuried })).toBe(stored);
  });

  test('what the storage is known to have held counts for a session that is held, and for none else', () => {
    for (const [, stored, isBuried] of rows) {
      const [known, unknown] = [true, false].map((wasStored) => reconcile(undefined, stored, { wasStored, isBuried }));
      expect(known).toBe(unknown);
    }
  });
});

describe('the record that is written where the held one stands', () => {
  const held = recordWith({ revision: 5 });
  const paused = (retryAt: number, more: Partial<SessionRecord> = {}) =>
    recordWith({ revision: 4, failure: failureUntil(retryAt), ...more });

  test.each([
    ['nothing', undefined],
    ['an older record without a pause', recordWith({ revision: 4 })],
    ['a pause that is over', paused(NOW)],
    ['the pause of another session', paused(NOW + 500, { sessionId: 'other' })],
    ['the mark of another session', recordWith({ sessionId: 'other', revision: 5, unanswered: true })],
    ['the mark of older tokens', recordWith({ revision: 4, unanswered: true })],
  ])('is the held one, where this was found: %s', (_, found) => {
    expect(merge(held, found, isOver)).toEqual(held);
  });

  test('has the pause that was found with older tokens of the same session, from one millisecond ahead', () => {
    expect(merge(held, paused(NOW + 1), isOver)).toEqual({ ...held, failure: failureUntil(NOW + 1) });
  });

  test.each([
    ['shorter', 100],
    ['just as long', 200],
  ])('keeps its own pause where the one that was found is %s', (_, afterMs) => {
    const waiting = { ...held, failure: failureUntil(NOW + 200, true) };
    expect(merge(waiting, paused(NOW + afterMs), isOver)).toEqual(waiting);
  });

  test.each([true, false])('has the longer pause that was found in place of its own (named: %s)', (named) => {
    const waiting = { ...held, failure: failureUntil(NOW + 200, named) };
    const found = paused(NOW + 201, { failure: failureUntil(NOW + 201, named) });
    expect(merge(waiting, found, isOver).failure).toEqual(found.failure);
  });

  test('has the pause that the server named, while it lasts, in place of a longer one that nobody named', () => {
    const named = failureUntil(NOW + 200, true);
    const longer = failureUntil(NOW + 900);
    expect(merge({ ...held, failure: longer }, paused(0, { failure: named }), isOver).failure).toEqual(named);
    expect(merge({ ...held, failure: named }, paused(0, { failure: longer }), isOver).failure).toEqual(named);
    const over = overAt(NOW + 200);
    expect(merge({ ...held, failure: longer }, paused(0, { failure: named }), over).failure).toEqual(longer);
    expect(merge({ ...held, failure: named }, paused(0, { failure: longer }), over).failure).toEqual(longer);
  });

  test('has the pause that was found in place of its own that a clock which was set back has moved out of reach', () => {
    const away = failureUntil(NOW + 9_000, true);
    const near = failureUntil(NOW + 200, true);
    const isVoid = ({ retryAt }: StoredFailure) => retryAt > NOW + 3_600 || retryAt <= NOW;
    expect(merge({ ...held, failure: away }, paused(0, { failure: near }), isVoid).failure).toEqual(near);
    expect(merge({ ...held, failure: near }, paused(0, { failure: away }), isVoid).failure).toEqual(near);
  });

  test('has the mark that was found with the same tokens, and keeps its own', () => {
    const marked = { ...held, unanswered: true };
    expect(merge(held, marked, isOver)).toEqual(marked);
    expect(merge(marked, held, isOver)).toEqual(marked);
    expect(withMark(held, marked)).toEqual(marked);
    expect(withMark(held, undefined)).toBe(held);
  });
});

describe('the storage is behind', () => {
  const standing = recordWith({ revision: 5, failure: failureUntil(NOW) });
  const paused = (retryAt: number, revision = 5) => recordWith({ revision, failure: failureUntil(retryAt) });

  test.each([
    ['nothing', undefined],
    ['another session, however new', recordWith({ sessionId: 'other', revision: 9 })],
    ['older tokens', recordWith({ revision: 4 })],
    ['older tokens with the same pause', paused(NOW, 4)],
    ['the same tokens without the pause', recordWith({ revision: 5 })],
    ['the same tokens with a shorter pause', paused(NOW - 1)],
  ])('where it holds %s', (_, found) => {
    expect(isBehind(found, standing, isOver)).toBe(true);
  });

  test('where a longer pause that nobody named hides the one that the server named, while that lasts', () => {
    const named = recordWith({ revision: 5, failure: failureUntil(NOW + 5, true) });
    expect(isBehind(paused(NOW + 9), named, isOver)).toBe(true);
    expect(isBehind(named, paused(NOW + 9), isOver)).toBe(false);
    expect(isBehind(paused(NOW + 9), named, overAt(NOW + 5))).toBe(false);
    expect(isBehind(named, paused(NOW + 9), overAt(NOW + 5))).toBe(true);
  });

  test.each([
    ['the same', standing],
    ['the same tokens with a longer pause', paused(NOW + 1)],
    ['newer tokens', recordWith({ revision: 6 })],
  ])('but not where it holds %s', (_, found) => {
    expect(isBehind(found, standing, isOver)).toBe(false);
  });
});

describe('over all records', () => {
  const moment = fc.integer({ min: NOW - 3, max: NOW + 3 });
  const record = fc
    .record({
      sessionId: fc.constantFrom('ours', 'other', 'third'),
      revision: fc.integer({ min: 1, max: 4 }),
      unanswered: fc.boolean(),
      failure: fc.option(
        fc.tuple(moment, fc.boolean()).map(([retryAt, named]) => failureUntil(retryAt, named)),
        { nil: undefined },
      ),
    })
    .map((more) => recordWith(more));
  const maybe = fc.option(record, { nil: undefined });
  const pauseOf = ({ failure }: SessionRecord) => failure?.retryAt ?? 0;
  const check = <Values extends unknown[]>(property: fc.IProperty<Values>) => fc.assert(property, { numRuns: 2_000 });

  /** One manager, and what it does when it reconciles. */
  interface World {
    readonly held: SessionRecord | undefined;
    readonly stored: SessionRecord | undefined;
    readonly storedIds: readonly string[];
    readonly buriedIds: readonly string[];
  }

  function settle({ held, stored, storedIds, buriedIds }: World): World {
    const seen = stored ? storedIds.concat(stored.sessionId) : storedIds;
    const standing = reconcile(held, stored, {
      wasStored: held !== undefined && seen.includes(held.sessionId),
      isBuried: stored !== undefined && buriedIds.includes(stored.sessionId),
    });
    if (standing === 'found') return { held: stored, stored, storedIds: seen, buriedIds };
    if (standing === 'neither') return { held: undefined, stored: undefined, storedIds: seen, buriedIds };
    if (!held) throw new Error('nothing is held that could stand');
    const merged = merge(held, stored, isOver);
    if (!isBehind(stored, merged, isOver)) return { held, stored, storedIds: seen, buriedIds };
    return { held, stored: merged, storedIds: seen.concat(merged.sessionId), buriedIds };
  }

  test('once the winner is stored, and known to be, reading again changes nothing', () => {
    const ids = fc.subarray(['ours', 'other', 'third']);
    check(
      fc.property(maybe, maybe, ids, ids, (held, stored, storedIds, buriedIds) => {
        const once = settle({ held, stored, storedIds, buriedIds });
        const { held: heldThen, stored: storedThen } = settle(once);
        expect({ held: heldThen, stored: storedThen }).toEqual({ held: once.held, stored: once.stored });
      }),
    );
  });

  test('a record is at one with itself: it is held, not behind, and merged to itself', () => {
    check(
      fc.property(record, fc.boolean(), (winner, isBuried) => {
        expect(reconcile(winner, winner, { wasStored: true, isBuried })).toBe('held');
        expect(merge(winner, winner, isOver)).toEqual(winner);
        expect(isBehind(winner, winner, isOver)).toBe(false);
      }),
    );
  });

  test('what was found never stands where there is nothing, nor what is held', () => {
    check(
      fc.property(maybe, maybe, fc.boolean(), fc.boolean(), (held, found, wasStored, isBuried) => {
        const standing = reconcile(held, found, { wasStored, isBuried });
        if (!held) expect(standing).not.toBe('held');
        if (!found) expect(standing).not.toBe('found');
      }),
    );
  });

  test('older tokens never stand against newer ones of the same session', () => {
    check(
      fc.property(record, record, fc.boolean(), (held, other, wasStored) => {
        const found = { ...other, sessionId: held.sessionId };
        const standing = reconcile(held, found, { wasStored, isBuried: false });
        expect(standing).toBe(found.revision > held.revision ? 'found' : 'held');
      }),
    );
  });

  test('of the pauses that lie ahead the longest counts, of those that the server named if there are any, and no mark is lost', () => {
    check(
      fc.property(record, maybe, (held, found) => {
        const merged = merge(held, found, isOver);
        expect(isSameTokenSet(merged, held)).toBe(true);
        expect(merged.tokens).toBe(held.tokens);
        const ours = found && isSameSession(found, held) ? [held, found] : [held];
        const ahead = ours.filter((one) => pauseOf(one) > NOW);
        const named = ahead.filter((one) => one.failure?.named);
        const counting = named.length > 0 ? named : ahead;
        expect(pauseOf(merged)).toBe(counting.length > 0 ? Math.max(...counting.map(pauseOf)) : pauseOf(held));
        expect(merged.unanswered).toBe(held.unanswered || (found?.unanswered === true && isSameTokenSet(held, found)));
      }),
    );
  });

  test('nothing is behind after the merged record was written, until a pause that the server named is over', () => {
    check(
      fc.property(record, maybe, fc.nat(10), (held, found, laterMs) => {
        const merged = merge(held, found, isOver);
        const later = overAt(NOW + laterMs);
        expect(isBehind(merged, merged, later)).toBe(false);
        expect(isBehind(merged, held, isOver)).toBe(false);
        const wasNamed = merged.failure?.named === true && merged.failure.retryAt <= NOW + laterMs;
        if (!wasNamed) expect(isBehind(merged, merge(held, merged, later), later)).toBe(false);
      }),
    );
  });
});

describe('two that were told to wait at the same time, each for an errand of its own', () => {
  const held = recordWith({ revision: 3, notes: 1, failure: failureUntil(300, true) });

  test('wait as long as the one that has to wait longer, whosever note came last', () => {
    const later = recordWith({ revision: 3, notes: 3, failure: failureUntil(60) });
    expect(withLongerPause(later, held)).toEqual({ ...later, failure: held.failure });
    const moved = recordWith({ revision: 4, errands: 1 });
    expect(withLongerPause(moved, held)).toEqual({ ...moved, failure: held.failure });
  });

  test.each<[string, SessionRecord, SessionRecord]>([
    ['a longer pause', recordWith({ revision: 3, notes: 3, failure: failureUntil(301) }), held],
    ['no pause of a server', recordWith({ revision: 3, notes: 3 }), recordWith({ failure: failureUntil(300) })],
  ])('and no longer after %s', (_, later, before) => {
    expect(withLongerPause(later, before)).toBe(later);
  });

  test('wait for what the server has just named, rather than longer for what nobody named', () => {
    const unnamed = recordWith({ revision: 4, failure: failureUntil(400) });
    expect(withLongerPause(unnamed, held)).toBe(unnamed);
    expect(withLongerPause(unnamed, held, true)).toEqual({ ...unnamed, failure: held.failure });
    const named = recordWith({ revision: 4, failure: failureUntil(400, true) });
    expect(withLongerPause(named, held, true)).toBe(named);
    const own = recordWith({ failure: failureUntil(300) });
    expect(withLongerPause(recordWith({ revision: 4 }), own, true)).toEqual(recordWith({ revision: 4 }));
  });
});
