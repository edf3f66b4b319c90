import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readRetryAfter } from '../../src/core/retry-after.js';

const hour = 3_600_000;
const weekdays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const moment = fc.integer({ min: Date.UTC(1990, 0) / 1000, max: Date.UTC(2100, 0) / 1000 }).map((s) => s * 1000);

/** The three forms of an HTTP date (RFC 9110 section 5.6.7). */
function forms(at: number): [string, string, string] {
  const fixed = new Date(at).toUTCString();
  const [, day = '', month = '', year = '', time = ''] = fixed.split(' ');
  const weekday = weekdays[new Date(at).getUTCDay()] ?? '';
  return [
    fixed,
    `${weekday}, ${day}-${month}-${year.slice(2)} ${time} GMT`,
    `${weekday.slice(0, 3)} ${month} ${day.replace(/^0/, ' ')} ${time} ${year}`,
  ];
}

test('each form of a date within the next hour names its moment', () => {
  fc.assert(
    fc.property(moment, fc.integer({ min: 0, max: 3600 }), (now, seconds) => {
      for (const form of forms(now + seconds * 1000)) expect(readRetryAfter(form, now)).toBe(now + seconds * 1000);
    }),
  );
});

test('a date before now means now, a date later than in an hour means in an hour', () => {
  fc.assert(
    fc.property(moment, moment, (now, at) => {
      const expected = Math.min(Math.max(at, now), now + hour);
      const [fixed, , asctime] = forms(at);
      expect([readRetryAfter(fixed, now), readRetryAfter(asctime, now)]).toEqual([expected, expected]);
    }),
  );
});

test('seconds count from now, up to an hour', () => {
  fc.assert(
    fc.property(moment, fc.double({ min: 0, max: 1e9, noNaN: true }), (now, seconds) => {
      const text = seconds.toFixed(3);
      expect(readRetryAfter(text, now)).toBe(now + Math.min(Math.ceil(Number(text)) * 1000, hour));
    }),
  );
});

test('whatever is sent, the moment is unknown or between now and an hour from now', () => {
  const near = moment.chain((at) =>
    fc.tuple(fc.constantFrom(...forms(at)), fc.nat(40), fc.string({ maxLength: 3 })).map(([form, index, piece]) => {
      return form.slice(0, index) + piece + form.slice(index + piece.length);
    }),
  );
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[\d.,+eE-]{1,12}$/), near), moment, (value, now) => {
      const at = readRetryAfter(value, now);
      if (at === undefined) return;
      expect(at).toBeGreaterThanOrEqual(now);
      expect(at).toBeLessThanOrEqual(now + hour);
    }),
    { numRuns: 2000 },
  );
});
