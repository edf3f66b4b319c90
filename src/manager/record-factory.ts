import type { SessionRecord } from '../core/session-record.js';
import type { TokenSet } from '../core/token-set.js';
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

  /** The record of the same session with new tokens; of a new session where there is none yet. */
  next(current: SessionRecord | undefined, tokens: TokenSet): SessionRecord {
    const { sessionId = this.newId(), revision = 0 } = current ?? {};
    const attemptId = this.newId();
    return { sessionId, revision: revision + 1, tokens, attemptId, unanswered: false, failure: undefined };
  }
}
