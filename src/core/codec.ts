import type { SessionRecord, StoredFailure } from './session-record.js';
import type { TokenSet } from './token-set.js';

/** What a stored string turned out to be. */
export type Decoded =
  | { readonly kind: 'record'; readonly record: SessionRecord }
  /** A sound record that belongs to another endpoint or client. */
  | { readonly kind: 'foreign'; readonly owner: string; readonly record?: undefined }
  | { readonly kind: 'damaged' | 'newer'; readonly record?: undefined };

type Stored = Omit<SessionRecord, 'tokens'> & TokenSet & { readonly evertoken: number };

const VERSION = 1;

/** The stored form of a session: JSON that names its version. */
export function encodeRecord({ tokens, ...record }: SessionRecord): string {
  return JSON.stringify({ evertoken: VERSION, ...record, ...tokens });
}

/**
 * Reads a stored string back for an owner; never throws.
 *
 * Where the access token is hidden, in a cookie, that of the record is of no use, and `''` takes its place.
 * A record that names no owner is everybody's. One that does is for nobody else, also not for somebody without a name.
 */
export function decodeRecord(text: string, own?: string, isHidden = false): Decoded {
  try {
    const stored = JSON.parse(text) as Stored;
    if (stored.evertoken > VERSION) return { kind: 'newer' };
    if (!isSound(stored, isHidden)) return { kind: 'damaged' };
    const { sessionId, revision, owner, attemptId, unanswered, failure } = stored;
    if (owner !== undefined && owner !== own) return { kind: 'foreign', owner };
    const { refreshToken, idToken, scopes, issuedAt, expiresAt } = stored;
    const accessToken = isHidden ? '' : stored.accessToken;
    const tokens = { accessToken, refreshToken, idToken, scopes, issuedAt, expiresAt };
    return { kind: 'record', record: { sessionId, revision, owner, attemptId, unanswered, failure, tokens } };
  } catch {
    return { kind: 'damaged' }; // the parser's message would quote the text
  }
}

/** Reads the pause that a server has named before there was a session; undefined for anything else. Never throws. */
export function decodePause(text: unknown): StoredFailure | undefined {
  try {
    const pause = JSON.parse(String(text)) as StoredFailure;
    return isSoundFailure(pause) ? pause : undefined;
  } catch {
    return undefined;
  }
}

function isSoundFailure({ code, retryAt, count }: StoredFailure): boolean {
  return isText(code) && Number.isFinite(retryAt) && count > 0;
}

function isSound({ failure, ...stored }: Stored, isHidden: boolean): boolean {
  return (
    stored.evertoken === VERSION &&
    [stored.sessionId, stored.attemptId].every(isVisible) &&
    (isHidden || isVisible(stored.accessToken)) &&
    [stored.refreshToken, stored.idToken, stored.owner].every((text) => text === undefined || isVisible(text)) &&
    Number.isSafeInteger(stored.revision) &&
    Number.isFinite(stored.issuedAt) &&
    (stored.expiresAt === undefined || Number.isFinite(stored.expiresAt)) &&
    stored.scopes.every(isText) &&
    (failure === undefined || isSoundFailure(failure))
  );
}

// A header made of anything else would throw, and quote the token in its message.
function isVisible(value: unknown): boolean {
  return isText(value) && /^[ -~]+$/.test(value as string);
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}
