import type { SessionGrant } from '../core/session-grant.js';
import type { SessionRecord } from '../core/session-record.js';
import { isSameSubject, type TokenSet } from '../core/token-set.js';
import type { Settings } from './options.js';

/** Makes records, and names sessions and attempts. */
export class RecordFactory {
  readonly #settings: Settings;
  #ids = 0;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** A random name that is no secret; the counter tells names apart even where chance is constant. */
  newId(): string {
    const { clock, random } = this.#settings.platform;
    return [clock.now(), ++this.#ids, random(), random()].map((part) => part.toString(36).replace('0.', '')).join('');
  }

  /**
   * The record of the same session with new tokens; of a new one where there is none yet, or the subject is another.
   *
   * The grant is the one before, unless there is another.
   */
  next(
    current: SessionRecord | undefined,
    tokens: TokenSet,
    granted?: SessionGrant | undefined,
    claims?: string | undefined,
  ): SessionRecord {
    const isSame = current && isSameSubject(current.tokens.idToken, tokens.idToken);
    const sessionId = isSame ? current.sessionId : this.newId();
    const revision = current?.revision ?? 0;
    const attemptId = this.newId();
    const { owner, isGrant } = this.#settings;
    const grant = granted ?? (isSame && current.grant);
    return {
      sessionId,
      revision: revision + 1,
      owner,
      tokens: isGrant ? { ...tokens, refreshToken: undefined } : tokens,
      attemptId,
      unanswered: false,
      failure: undefined,
      ...(grant && { grant }),
      ...(claims && { claims }),
    };
  }
}
