import { areVisible, isSoundGrant, isVisible, type SessionGrant } from './session-grant.js';
import type { OtherAccess, Others, SessionRecord, StoredFailure } from './session-record.js';
import type { TokenSet } from './token-set.js';

/** The result of decoding a stored string. */
export type Decoded =
  | { readonly kind: 'record'; readonly record: SessionRecord }
  /** A valid record that belongs to another endpoint or client. */
  | { readonly kind: 'foreign'; readonly owner: string; readonly record?: undefined }
  | { readonly kind: 'damaged' | 'newer'; readonly record?: undefined };

type Stored = Omit<SessionRecord, 'tokens'> & TokenSet & { readonly evertoken: number };

/** The stored form of a session: JSON that names the lowest version that can carry it. */
export function encodeRecord({ tokens, ...record }: SessionRecord): string {
  return JSON.stringify({ evertoken: versionOf(record.grant), ...record, ...tokens });
}

/**
 * Reads a stored string back for an owner; never throws.
 *
 * If `isHidden` (access tokens are in a cookie), the access token of the record is replaced by `''`.
 * A record without an owner is accepted for any owner. A record with one is `foreign` to every other `own`, and to none.
 */
export function decodeRecord(text: string, own?: string, isHidden = false): Decoded {
  try {
    const stored = JSON.parse(text) as Stored;
    if (stored.evertoken > versionOf(stored.grant)) return { kind: 'newer' };
    if (!isSound(stored, isHidden)) return { kind: 'damaged' };
    const { sessionId, revision, owner, grant, claims, others, errands, notes, attemptId, unanswered, failure } =
      stored;
    if (owner !== undefined && owner !== own) return { kind: 'foreign', owner };
    const { refreshToken, idToken, scopes, issuedAt, expiresAt, refreshExpiresAt } = stored;
    const accessToken = isHidden ? '' : stored.accessToken;
    const tokens = { accessToken, refreshToken, idToken, scopes, issuedAt, expiresAt, refreshExpiresAt };
    const record = { sessionId, revision, owner, attemptId, unanswered, failure, tokens };
    const more = {
      ...(grant && { grant }),
      ...(claims && { claims }),
      ...(areSoundOthers(others) && Number.isSafeInteger(errands) && { others, errands }),
      ...(Number.isSafeInteger(notes) && { notes }),
    };
    return { kind: 'record', record: { ...record, ...more } };
  } catch {
    return { kind: 'damaged' }; // without the parser's message, which quotes the text
  }
}

/** Reads a stored `Retry-After` that came before there was a session; undefined for anything else. Never throws. */
export function decodePause(text: unknown): StoredFailure | undefined {
  try {
    const pause = JSON.parse(String(text)) as StoredFailure;
    return isSoundFailure(pause) ? pause : undefined;
  } catch {
    return undefined;
  }
}

// Readers of version 1 know no keys, and would present a bound refresh token without a proof: they leave version 2 alone.
function versionOf(grant: SessionGrant | undefined): number {
  return grant?.binding === undefined ? 1 : 2;
}

function isSoundFailure({ code, retryAt, count }: StoredFailure): boolean {
  return isText(code) && Number.isFinite(retryAt) && count > 0;
}

function isSound({ failure, ...stored }: Stored, isHidden: boolean): boolean {
  return (
    stored.evertoken === versionOf(stored.grant) &&
    [stored.sessionId, stored.attemptId].every(isVisible) &&
    (isHidden || isVisible(stored.accessToken)) &&
    areVisible([stored.refreshToken, stored.idToken, stored.owner]) &&
    (stored.claims === undefined || isText(stored.claims)) && // goes into no header
    Number.isSafeInteger(stored.revision) &&
    Number.isFinite(stored.issuedAt) &&
    [stored.expiresAt, stored.refreshExpiresAt].every((at) => at === undefined || Number.isFinite(at)) &&
    stored.scopes.every(isText) &&
    (stored.grant === undefined || isSoundGrant(stored.grant)) &&
    (failure === undefined || isSoundFailure(failure))
  );
}

// What is no list of ours is left out: losing it costs a request for each.
function areSoundOthers(others: Others | undefined): boolean {
  return Object(others) === others && Object.values(others ?? {}).every((other) => isSoundOther(Object(other)));
}

function isSoundOther({
  accessToken,
  scopes,
  issuedAt,
  expiresAt = 0,
  claims,
  failure,
}: Partial<OtherAccess>): boolean {
  return (
    areVisible([accessToken]) &&
    Array.isArray(scopes) &&
    [...scopes, claims ?? ''].every(isText) &&
    [issuedAt, expiresAt].every(Number.isFinite) &&
    (failure === undefined || isSoundFailure(failure))
  );
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}
