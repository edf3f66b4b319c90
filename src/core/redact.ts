/** What stands in place of anything that may be a secret. */
export const REDACTED = '[redacted]';

/** Tells whether a text contains six or more consecutive characters of a secret; a shorter secret has no such part. */
export function containsPart(text: string, secret: string): boolean {
  for (let start = 0; start + 6 <= text.length; start++) {
    if (secret.includes(text.slice(start, start + 6))) return true;
  }
  return false;
}
