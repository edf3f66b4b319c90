import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  isLater,
  isNewAccess,
  isSameAccess,
  type OtherAccess,
  type SessionRecord,
} from '../../src/core/session-record.js';
import { keepOther, nameOfTarget, usableOther } from '../../src/core/target.js';

const other = (changes: Partial<OtherAccess> = {}): OtherAccess => ({
  accessToken: 'at',
  scopes: [],
  issuedAt: 0,
  expiresAt: undefined,
  ...changes,
});

test('a target has one name, in whatever order its scopes come, and different targets have different ones', () => {
  expect(nameOfTarget({ resource: 'https://a.test', scopes: ['y', 'x'] })).toBe('https://a.test||x y');
  expect(nameOfTarget({ scopes: ['x', 'y'] })).toBe('||x y');
  const names = [{ resource: 'a' }, { audience: 'a' }, { scopes: ['a'] }, { resource: 'a', audience: 'a' }].map(
    nameOfTarget,
  );
  expect(new Set(names).size).toBe(4);
});

test('no two targets share a name, whatever characters they contain', () => {
  const part = fc.string({ unit: fc.constantFrom('a', '|', '\\') });
  const target = fc.record({ resource: part, audience: part, scopes: fc.array(part, { maxLength: 1 }) });
  fc.assert(
    fc.property(target, target, (a, b) => {
      const isSame = a.resource === b.resource && a.audience === b.audience && `${a.scopes}` === `${b.scopes}`;
      expect(nameOfTarget(a) === nameOfTarget(b)).toBe(isSame);
    }),
    { numRuns: 2_000 },
  );
  expect(nameOfTarget({ resource: 'a|', audience: 'b' })).not.toBe(nameOfTarget({ resource: 'a', audience: '|b' }));
});

test('what was refused comes later than the same tokens without it, and never than newer ones', () => {
  const at = (revision: number, notes?: number) => ({ revision, ...(notes && { notes }) }) as SessionRecord;
  expect([isLater(at(1, 1), at(1)), isLater(at(1, 2), at(1, 1)), isLater(at(2), at(1, 5))]).toEqual([true, true, true]);
  expect([isLater(at(1), at(1)), isLater(at(1), at(1, 1)), isLater(at(1, 5), at(2))]).toEqual([false, false, false]);
});

test('an access token may be sent until its time is over, or for ever where that is not known', () => {
  expect(usableOther(undefined, 0)).toBeUndefined();
  expect(usableOther(other(), 1e15)).toBe('at');
  expect(usableOther(other({ expiresAt: 5 }), 4)).toBe('at');
  expect(usableOther(other({ expiresAt: 5 }), 5)).toBeUndefined();
});

describe('at most eight others are kept', () => {
  const eight = Object.fromEntries(Array.from({ length: 8 }, (_, at) => [`${at}||`, other({ issuedAt: at })]));

  test('the one that was asked for longest ago goes', () => {
    expect(Object.keys(keepOther(eight, 'new||', other({ issuedAt: 9 }), 10)).sort()).toEqual(
      ['1||', '2||', '3||', '4||', '5||', '6||', '7||', 'new||'].sort(),
    );
  });

  test('before it one that has expired, and one that never was', () => {
    const expired = { ...eight, '6||': other({ issuedAt: 6, expiresAt: 8 }) };
    expect(keepOther(expired, 'new||', other({ issuedAt: 9 }), 10)).not.toHaveProperty(['6||']);
    const refused = { ...eight, '7||': other({ issuedAt: 7, accessToken: undefined }) };
    expect(keepOther(refused, 'new||', other({ issuedAt: 9 }), 10)).not.toHaveProperty(['7||']);
  });

  test('one that is there is replaced, and pushes nothing out', () => {
    const kept = keepOther(eight, '0||', other({ accessToken: 'new', issuedAt: 9 }), 10);
    expect(Object.keys(kept).sort()).toEqual(Object.keys(eight).sort());
    expect(kept['0||']?.accessToken).toBe('new');
  });

  test('whatever comes in whatever order: never more than eight, and always the newest', () => {
    const names = fc.array(fc.tuple(fc.constantFrom(...'abcdefghijkl'), fc.option(fc.nat(20), { nil: undefined })), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(names, (asked) => {
        let others = {};
        asked.forEach(([name, expiresAt], now) => {
          others = keepOther(others, `${name}||`, other({ issuedAt: now, expiresAt }), now);
          expect(Object.keys(others).length).toBeLessThanOrEqual(8);
          expect(others).toHaveProperty([`${name}||`]);
        });
      }),
    );
  });
});

describe('what errands have changed is told from a refresh', () => {
  const at = (revision: number, errands?: number, sessionId = 's'): SessionRecord => ({
    sessionId,
    revision,
    errands,
    tokens: { accessToken: 'a', refreshToken: 'r', idToken: undefined, scopes: [], issuedAt: 0, expiresAt: 9 },
    attemptId: 'x',
    unanswered: false,
    failure: undefined,
  });

  test.each([
    ['an errand', at(4, 1), at(3), true],
    ['two errands', at(5, 3), at(3, 1), true],
    ['a refresh', at(4), at(3), false],
    ['a refresh after errands', at(6, 2), at(5, 2), false],
    ['an errand and a refresh', at(6, 2), at(4, 1), false],
    ['a refresh by an older version, which keeps no count', at(6), at(5, 2), false],
    ['a sign-in that continues the session', at(1_000), at(5, 2), false],
    ['nothing', at(3, 1), at(3, 1), true],
  ])('%s', (_, later, earlier, isSame) => {
    expect(isSameAccess(later, earlier)).toBe(isSame);
    expect(isNewAccess(later, earlier)).toBe(!isSame);
  });

  test('another session is none of it', () => {
    expect(isSameAccess(at(4, 1, 'other'), at(3))).toBe(false);
    expect(isNewAccess(at(4, 0, 'other'), at(3))).toBe(false);
  });
});
