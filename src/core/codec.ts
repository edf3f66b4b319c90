import type { SessionRecord } from './session-record.js';
import type { TokenSet } from './token-set.js';

/** What a stored string turned out to be. */
export type Decoded =
  | { readonly kind: 'record'; readonly record: SessionRecord }
  | { readonly kind: 'damaged' | 'newer'; readonly record?: undefined };

type Stored = Omit<SessionRecord, 'tokens'> & TokenSet & { readonly evertoken: number };

const VERSION = 1;

/** The stored form of a session: JSON that names its version. */
export function encodeRecord({ tokens, ...record }: SessionRecord): string {
  return JSON.stringify({ evertoken: VERSION, ...record, ...tokens });
}

/** Reads a stored string back; never throws, and tells a damaged or foreign one from one of a newer version. */
export function decodeRecord(text: string): Decoded {
  try {
    const stored = JSON.parse(text) as Stored;
    if (stored.evertoken > VERSION) return { kind: 'newer' };
    if (!isSound(stored)) return { kind: 'damaged' };
    const { sessionId, revision, attemptId, unanswered, failure } = stored;
    const { accessToken, refreshToken, idToken, scopes, issuedAt, expiresAt } = stored;
    const tokens = { accessToken, refreshToken, idToken, scopes, issuedAt, expiresAt };
    return { kind: 'record', record: { sessionId, revision, attemptId, unanswered, failure, tokens } };
  } catch {
    return { kind: 'damaged' }; // the parser's message would quote the text
  }
}

function isSound({ failure, ...stored }: Stored): boolean {
  return (
    stored.evertoken === VERSION &&
    [stored.sessionId, stored.attemptId, stored.accessToken].every(isVisible) &&
    [stored.refreshToken, stored.idToken].every((token) => token === undefined || isVisible(token)) &&
    Number.isSafeInteger(stored.revision) &&
    Number.isFinite(stored.issuedAt) &&
    (stored.expiresAt === undefined || Number.isFinite(stored.expiresAt)) &&
    stored.scopes.every(isText) &&
    (failure === undefined || (isText(failure.code) && Number.isFinite(failure.retryAt) && failure.count > 0))
  );
}

// A header made of anything else would throw, and quote the token in its message.
function isVisible(value: unknown): boolean {
  return isText(value) && /^[ -~]+$/.test(value as string);
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}
