/** What stands in place of anything that may be a secret. */
export const REDACTED = '[redacted]';

/** Tells whether a text contains six or more consecutive characters of a secret; a shorter secret has no such part. */
export function containsPart(text: string, secret: string): boolean {
  for (let start = 0; start + 6 <= text.length; start++) {
    if (secret.includes(text.slice(start, start + 6))) return true;
  }
  return false;
}

// Words in snake, dotted, kebab or camel case, each with a few digits at its end; tokens mix letters and digits.
const WORDS = /^(?:(?:[a-z]*(?:[A-Z][a-z]{2,19}){0,5}\d{0,3}|[A-Z]{1,16}\d{0,8}|\d{1,8})(?:[_.-]|$))+$/;

/**
 * Tells whether a code that a server gave is made of words, and may be shown.
 *
 * At least one letter and at most eight digits; anything else may be a token, one of long ago included.
 */
export function isWords(code: string): boolean {
  return WORDS.test(code) && /[a-z]/i.test(code) && code.replace(/\D/g, '').length <= 8;
}

// The name of an error, an error code in capitals, or short words joined by dots or slashes.
const PLAIN = /^(?:[A-Za-z]+Error|(?:[A-Z]{1,15}(?:_|$)){2,}|(?=.*[./])(?:[A-Z]{0,5}[a-z]{0,15}\d{0,5}(?:[./_-]|$))+)$/;

/**
 * Makes a foreign text fit for an error message: at most 200 characters, no control character, no secret.
 *
 * Replaced by `[redacted]` is every part of a secret (six or more consecutive characters), and every run of 20 or more
 * characters that could be a token: letters, digits and `_-.~+/=%`. Names and codes of errors stay, and so do the host
 * and path of a URL where they are made of short plain words. Control characters and blanks become one blank.
 */
export function redact(text: string, secrets: readonly (string | undefined)[]): string {
  // Long runs are replaced first, in the whole text; the later steps then need only a little more than what is shown.
  const start = text
    .replace(/[^!-~\xa1-\u2027\u2030-\u2065\u2070-\uffff]+/g, ' ')
    .replace(/[\w.~+/=%-]{20,}/g, (run) => (PLAIN.test(run) ? run : REDACTED))
    .slice(0, 400);
  return secrets.reduce<string>((shown, secret) => withoutParts(shown, secret ?? ''), start).slice(0, 200);
}

function withoutParts(text: string, secret: string): string {
  let shown = '';
  for (let start = 0; start < text.length; ) {
    let length = 5;
    while (start + length < text.length && secret.includes(text.slice(start, start + length + 1))) length++;
    shown += length > 5 ? REDACTED : text[start];
    start += length > 5 ? length : 1;
  }
  return shown;
}
