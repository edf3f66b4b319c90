import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type DueRule,
  dueEntry,
  dueMoment,
  isHot,
  keepAliveMoment,
  readTimes,
  sessionKey,
} from '../../src/core/due.js';

const rule: DueRule = { from: 0.5, until: 0.9, keepAliveMs: 86_400_000, takeoverMs: 5_000 };
const HOUR = 3_600_000;

describe('when a session is due', () => {
  test('lies between the two shares of its lifetime, whatever its key', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.integer({ min: 0, max: 2e12 }),
        fc.integer({ min: 1, max: 1e9 }),
        (key, issuedAt, life) => {
          const at = dueMoment(key, { issuedAt, expiresAt: issuedAt + life }, rule) ?? Number.NaN;
          expect(at).toBeGreaterThanOrEqual(Math.floor(issuedAt + 0.5 * life));
          expect(at).toBeLessThanOrEqual(issuedAt + 0.9 * life);
        },
      ),
    );
  });

  test('is exactly the end where a provider refuses to be asked earlier', () => {
    expect(dueMoment('a', { issuedAt: 0, expiresAt: HOUR }, { ...rule, from: 1, until: 1 })).toBe(HOUR);
  });

  test('is not known where the expiry is not: then the keep-alive counts', () => {
    expect(dueMoment('a', { issuedAt: 0 }, rule)).toBeUndefined();
    expect(dueEntry('a', 'lane', { issuedAt: 5 }, rule, 10)).toMatchObject({ at: 5 + 86_400_000 });
  });

  test('FL4 A million sessions that start in one minute spread from the second round on: never above 1.3 times the mean', () => {
    const count = 1_000_000;
    const second = 1_000;
    let starts = Array.from({ length: count }, (_, index) => Math.floor((index / count) * 60) * second);
    for (let round = 2; round <= 4; round++) {
      const due = new Float64Array(count);
      for (let index = 0; index < count; index++) {
        const issuedAt = starts[index] ?? 0;
        due[index] = dueMoment(`customer-${index}`, { issuedAt, expiresAt: issuedAt + HOUR }, rule) ?? 0;
      }
      const perMinute = new Map<number, number>();
      for (const at of due) perMinute.set(Math.floor(at / 60_000), (perMinute.get(Math.floor(at / 60_000)) ?? 0) + 1);
      const counts = [...perMinute.values()];
      // the first and the last minute are cut; between them a round is as wide as the shares allow
      const width = (rule.until - rule.from) * 60;
      expect(Math.max(...counts), `round ${round}`).toBeLessThan((1.3 * count) / width);
      starts = [...due];
    }
  });
});

describe('the entry of a session', () => {
  test('comes up when the takeover may begin while a refresh is under way, and before all others', () => {
    const times = { issuedAt: 0, expiresAt: HOUR, unanswered: true };
    expect(dueEntry('a', 'lane', times, rule, 50)).toMatchObject({ at: 5_050, urgent: true });
  });

  test('waits for the end of a pause', () => {
    expect(dueEntry('a', 'lane', { issuedAt: 0, expiresAt: 10, retryAt: 99 }, rule, 5)).toMatchObject({ at: 99 });
  });

  test('is stuck where the access token has expired and refreshing fails, and only there', () => {
    const stuck = (times: object, now: number) => dueEntry('a', 'lane', { issuedAt: 0, ...times }, rule, now).stuck;
    expect(stuck({ expiresAt: 10, retryAt: 99 }, 10)).toBe(true);
    expect(stuck({ expiresAt: 10, retryAt: 99 }, 9)).toBeUndefined();
    expect(stuck({ expiresAt: 10 }, 10)).toBeUndefined();
    expect(stuck({ retryAt: 99 }, 10)).toBeUndefined();
  });

  test('FL14 is kept alive a tenth of its life before the refresh token ends, where that comes first', () => {
    const ends = (refreshExpiresAt?: number) => keepAliveMoment({ issuedAt: 0, refreshExpiresAt }, rule);
    expect(ends()).toBe(86_400_000);
    expect(ends(10 * HOUR)).toBe(9 * HOUR);
    expect(ends(100 * HOUR)).toBe(86_400_000);
    expect(dueEntry('a', 'lane', { issuedAt: 0, expiresAt: 20 * HOUR, refreshExpiresAt: HOUR }, rule, 0).at).toBe(
      0.9 * HOUR,
    );
  });

  test('counts as used for one lifetime, and for an hour at least', () => {
    expect(isHot({ usedAt: 0, lifetimeMs: 60_000 }, undefined, HOUR - 1)).toBe(true);
    expect(isHot({ usedAt: 0, lifetimeMs: 60_000 }, undefined, HOUR)).toBe(false);
    expect(isHot({ usedAt: 0, lifetimeMs: 5 * HOUR }, undefined, 5 * HOUR - 1)).toBe(true);
    expect(isHot({ usedAt: 0, lifetimeMs: 5 * HOUR }, 1_000, 1_000)).toBe(false);
  });
});

describe('what a stored record says about time', () => {
  const record = { evertoken: 1, sessionId: 's', issuedAt: 1, expiresAt: 2, unanswered: true };

  test('is read as it stands, also where the record is of a newer version', () => {
    expect(readTimes(JSON.stringify(record), 5)).toMatchObject({ issuedAt: 1, expiresAt: 2, unanswered: true });
    expect(readTimes(JSON.stringify({ ...record, evertoken: 2 }), 5)).toMatchObject({ issuedAt: 1 });
  });

  test('knows a refresh under way from one that was not answered and pauses', () => {
    const failed = { ...record, failure: { retryAt: 100 } };
    expect(readTimes(JSON.stringify(failed), 50)).toMatchObject({ retryAt: 100, unanswered: false });
    expect(readTimes(JSON.stringify(failed), 100)).toMatchObject({ unanswered: true });
  });

  test('is undefined for anything else, without a throw', () => {
    fc.assert(fc.property(fc.string(), (text) => void readTimes(text, 0)));
    for (const other of [
      '',
      'null',
      '{}',
      '[]',
      '{"evertoken":1}',
      '{"code":"x","retryAt":5,"count":1}',
      'evertoken.1.abc',
    ]) {
      expect(readTimes(other, 0), other).toBeUndefined();
    }
  });

  test('is filed under the key of the manager', () => {
    expect([sessionKey('evertoken:customer-7'), sessionKey('other')]).toEqual(['customer-7', 'other']);
  });
});
