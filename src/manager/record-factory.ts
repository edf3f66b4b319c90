import { unmarkedFrom } from '../core/ended-marks.js';
import { grantAfter, type SessionGrant } from '../core/session-grant.js';
import {
  isLater,
  isSameSession,
  isSameTokenSet,
  type Others,
  pauseOf,
  type SessionRecord,
} from '../core/session-record.js';
import { isSameSubject, type TokenSet } from '../core/token-set.js';
import { marksOf } from './marks-of.js';
import type { Settings } from './options.js';

/** Makes records, and names sessions and attempts. */
export class RecordFactory {
  readonly #settings: Settings;
  #ids = 0;
  #latest: SessionRecord | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** A session that starts now has at least this revision: no sign-out of before may end it. */
  firstRevision(): number {
    return Math.max(this.#settings.platform.clock.now(), unmarkedFrom(marksOf(this.#settings)));
  }

  /** A random name that is no secret; the counter tells names apart even where chance is constant. */
  newId(): string {
    const { clock, random } = this.#settings.platform;
    return [clock.now(), ++this.#ids, random(), random()].map((part) => part.toString(36).replace('0.', '')).join('');
  }

  /**
   * The record of the same session with new tokens; of a new one where there is none yet, or the subject is another.
   *
   * The grant is the one before, unless there is another. `after`: what the storage holds is not known, and the record of a new
   * session follows whatever that turns out to be.
   */
  next(
    current: SessionRecord | undefined,
    tokens: TokenSet,
    more: {
      readonly grant?: SessionGrant | undefined;
      readonly claims?: string | undefined;
      readonly others?: Others | undefined;
      readonly after?: number | undefined;
    } = {},
  ): SessionRecord {
    const isSame = current && isSameSubject(current.tokens.idToken, tokens.idToken);
    const sessionId = isSame ? current.sessionId : this.newId();
    const { owner, isGrant } = this.#settings;
    const revision = current?.revision ?? Math.floor(more.after ?? 0);
    const attemptId = this.newId();
    const grant = more.grant ?? (isSame && current.grant);
    const { others, errands = 0 } = (isSame && current) || {};
    const isErrand = more.others !== undefined;
    const record: SessionRecord = {
      sessionId,
      revision: revision + 1,
      owner,
      tokens: isGrant ? { ...tokens, refreshToken: undefined, refreshExpiresAt: undefined } : tokens,
      attemptId,
      unanswered: false,
      failure: undefined,
      ...(grant && { grant }),
      ...(more.claims && { claims: more.claims }),
      ...((isErrand || others) && { others: more.others ?? others, errands: errands + Number(isErrand) }),
    };
    if (current) this.#latest = record;
    return record;
  }

  /** A record that says why a request failed, and may be neither published nor stored when the next one is about to be sent. */
  note(record: SessionRecord): void {
    this.#latest = record;
  }

  /** The held record, or one of the same session that was made from it and is not published yet; it may not be stored either. */
  newest(held: SessionRecord | undefined): SessionRecord | undefined {
    const latest = this.#latest;
    if (!latest || !held || !isSameSession(latest, held)) return held;
    const isNoted = isSameTokenSet(latest, held) && !isLater(held, latest) && pauseOf(latest) > pauseOf(held);
    return isNoted || isLater(latest, held) ? latest : held;
  }

  /** The record of a session that goes on with a sign-in; a refresh token that is kept is presented as before. */
  continued(before: SessionRecord, tokens: TokenSet, granted: SessionGrant | undefined): SessionRecord {
    const { attemptId, unanswered } = before;
    const { refreshToken } = before.tokens;
    const isKept = refreshToken !== undefined && tokens.refreshToken === refreshToken;
    const grant = grantAfter(before.grant, granted, isKept);
    // What other targets gave belongs to the sign-in before, and perhaps to its key.
    return {
      ...this.next(before, tokens, { grant }),
      others: undefined,
      errands: undefined,
      ...(isKept && { attemptId, unanswered }),
    };
  }
}
