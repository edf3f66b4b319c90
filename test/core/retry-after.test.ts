import { describe, expect, test } from 'vitest';
import { readRetryAfter } from '../../src/core/retry-after.js';

const now = Date.UTC(2026, 10, 20, 12, 0, 0); // a Friday
const hour = 3_600_000;

describe('Retry-After in seconds', () => {
  test.each([
    ['120', 120_000],
    ['1', 1000],
    ['0', 0],
    ['007', 7000],
    [' 5 ', 5000],
    ['64.57', 65_000],
    ['0.2', 1000],
    ['2.0', 2000],
    ['3600', hour],
    ['3601', hour],
    ['999999999999', hour],
    ['9'.repeat(400), hour],
  ])('%j is %i ms from now', (value, expected) => {
    expect(readRetryAfter(value, now)).toBe(now + expected);
  });
});

describe('Retry-After as a date', () => {
  test.each([
    ['Fri, 20 Nov 2026 12:01:30 GMT', 90_000],
    ['Friday, 20-Nov-26 12:01:30 GMT', 90_000],
    ['Fri Nov 20 12:01:30 2026', 90_000],
    ['Fri, 20 Nov 2026 12:00:00 GMT', 0],
    ['Fri, 20 Nov 2026 11:59:59 GMT', 0],
    ['Fri, 20 Nov 2026 13:00:01 GMT', hour],
    ['Sun Nov  6 08:49:37 1994', 0],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 0],
    ['Sun, 06 Nov 1994 08:49:37 GMT', 0],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['Wed, 01 Jan 2098 00:00:00 GMT', hour],
  ])('%j is %i ms from now', (value, expected) => {
    expect(readRetryAfter(value, now)).toBe(now + expected);
  });

  test.each([
    'Monday, 23-Nov-26 00:00:00 GMT',
    'Tuesday, 24-Nov-26 00:00:00 GMT',
    'Wednesday, 25-Nov-26 00:00:00 GMT',
    'Thursday, 26-Nov-26 00:00:00 GMT',
    'Friday, 27-Nov-26 00:00:00 GMT',
    'Saturday, 28-Nov-26 00:00:00 GMT',
    'Sunday, 29-Nov-26 00:00:00 GMT',
    'Tue Dec  1 00:00:00 2026',
    'Thu Dec 10 00:00:00 2026',
  ])('%j is a date', (value) => {
    const moment = Date.parse(value.endsWith('GMT') ? value : `${value} GMT`);
    expect(readRetryAfter(value, moment - 1000)).toBe(moment);
  });

  test.each([
    // 2076-11-20 is a Friday, 2077-11-20 a Saturday, 1977-11-20 a Sunday
    ['Friday, 20-Nov-76 12:00:00 GMT', now + hour],
    ['Saturday, 20-Nov-77 12:00:00 GMT', undefined],
    ['Sunday, 20-Nov-77 12:00:00 GMT', now],
  ])('two digits of a year mean at most fifty years ahead: %j', (value, expected) => {
    expect(readRetryAfter(value, now)).toBe(expected);
  });

  test('two digits of a year mean the next century at the end of one', () => {
    const eve = Date.UTC(2099, 11, 31, 23, 59, 0);
    expect(readRetryAfter('Friday, 01-Jan-00 00:00:10 GMT', eve)).toBe(eve + 70_000);
  });
});

describe('anything else is not read as Retry-After', () => {
  test.each([
    undefined,
    null,
    '',
    ' ',
    'soon',
    '-1',
    '+1',
    '1e3',
    '0x10',
    '.5',
    '5.',
    '1.2.3',
    '1,5',
    '60, 60',
    '60s',
    'NaN',
    'Infinity',
    'Invalid Date',
    '2026-11-20T12:01:30Z',
    'Nov 2026',
    '20 Nov 2026 12:01:30 GMT',
    'Fri, 20 Nov 2026 12:01:30',
    'Fri, 20 Nov 2026 12:01:30 UTC',
    'Fri, 20 Nov 2026 12:01:30 +0000',
    'Fri, 20 Nov 2026 12:01:30 GMT x',
    'fri, 20 nov 2026 12:01:30 gmt',
    'Fri, 20 Nov 26 12:01:30 GMT',
    'Fri, 20-Nov-2026 12:01:30 GMT',
    'Friday, 20-Nov-26 12:01:30',
    'Friday, 20 Nov 2026 12:01:30 GMT',
    'Fri Nov 20 12:01:30 2026 GMT',
    'Fri Nov 20 12:01:30 +2026',
    'Mon, 20 Nov 2026 12:01:30 GMT',
    'Sun, 31 Feb 2027 00:00:00 GMT',
    'Wed, 31 Feb 2027 00:00:00 GMT',
    'Fri, 20 Nov 2026 24:00:00 GMT',
    'Fri, 20 Nov 2026 12:60:00 GMT',
    'Fri, 20 Nov 2026 12:1:30 GMT',
  ])('%j', (value) => {
    expect(readRetryAfter(value, now)).toBeUndefined();
  });
});
