import { MAX_RETRY_AFTER_MS } from './backoff.js';

/**
 * Reads a `Retry-After` header (RFC 9110 section 10.2.3) as epoch milliseconds.
 *
 * Takes seconds, fractions rounded up, and the three forms of an HTTP date (section 5.6.7). The moment is never before
 * `now` and at most one hour after it. Anything else, a date that does not exist included, gives `undefined`.
 */
export function readRetryAfter(value: string | null | undefined, now: number): number | undefined {
  const text = value?.trim() ?? '';
  const at = /^\d+(\.\d+)?$/.test(text) ? now + Math.ceil(Number(text)) * 1000 : readHttpDate(text, now);
  return at === undefined ? at : Math.min(Math.max(at, now), now + MAX_RETRY_AFTER_MS);
}

// Both obsolete forms are rewritten to the current one, the format of toUTCString. Date.parse accepts more formats, and
// turns 31 February into March, so the result counts only if toUTCString gives the same text again.
function readHttpDate(text: string, now: number): number | undefined {
  const date = text
    .replace(
      /(...)(?:s|nes|rs|ur)?day, (\d\d)-(...)-(\d\d) /,
      (_, weekday, day, month, year) => `${weekday}, ${day} ${month} ${fullYear(Number(year), now)} `,
    )
    .replace(
      /(...) (...) ([ \d]\d) (\S+) (\d{4})/,
      (_, weekday, month, day, time, year) => `${weekday}, ${day.replace(' ', '0')} ${month} ${year} ${time} GMT`,
    );
  const at = Date.parse(date);
  return at >= 0 && new Date(at).toUTCString() === date ? at : undefined;
}

// The latest year with these last two digits that is at most 50 years ahead (RFC 9110 section 5.6.7).
function fullYear(year: number, now: number): number {
  const last = new Date(now).getUTCFullYear() + 50;
  return last - ((last - year) % 100);
}
