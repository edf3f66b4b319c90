import { lostKey } from '../core/lost-key.js';
import { markOf } from '../core/mark-of.js';
import { orNone } from '../core/or-none.js';
import { type Renewal, renewal } from '../core/renewal.js';
import type { RefreshReason } from '../core/session-events.js';
import type { SessionRecord } from '../core/session-record.js';
import type { SessionError } from '../errors.js';
import type { Settings } from './options.js';

/** No request is still under way that was sent so many refreshes ago. */
const KEPT = 100;

/**
 * Tells the access tokens of past sessions from those of the present one, by marks that are no tokens.
 *
 * A server may refuse an access token long after its session was replaced. Its sender must not be given a token of the new
 * session, which may be another user's.
 */
export class TokenMarks {
  #present: readonly number[] = orNone();
  #past: readonly number[] = orNone();
  /** By the mark of an access token that is bound to a key, the name of that key; undefined while there was none. */
  #bindings: Map<number, string> | undefined;
  /** Says which key was missed last. */
  #lost: unknown;

  /** Notes an access token, of the same session as those before or of another one. */
  add(accessToken: string | undefined, isSameSession: boolean, binding?: string): void {
    if (!isSameSession) {
      this.#past = orNone(this.#past.concat(this.#present).slice(-KEPT));
      this.#present = orNone();
    }
    if (accessToken === undefined) return;
    const mark = markOf(accessToken);
    this.#present = this.#present
      .filter((other) => other !== mark)
      .concat(mark)
      .slice(-KEPT);
    if (binding === undefined) return;
    this.#bindings = new Map(this.#bindings).set(mark, binding);
    for (const oldest of this.#bindings.keys()) if (this.#bindings.size > KEPT) this.#bindings.delete(oldest);
  }

  /** The name of the key that an access token is bound to, also one of a past session; undefined: none, or not known. */
  bindingOf(accessToken: string): string | undefined {
    return this.#bindings?.get(markOf(accessToken));
  }

  /** Notes the error by which what signs has told that a key is gone. */
  lose(error: unknown): void {
    this.#lost = error;
  }

  /** That error, if it is about this very key. */
  lostKey(binding: string | undefined): SessionError | undefined {
    return lostKey(this.#lost, binding);
  }

  /** What follows where a session needs new tokens. */
  renewalOf(
    record: SessionRecord | undefined,
    reason: RefreshReason,
    { needsRefreshToken, platform }: Settings,
  ): Renewal {
    const isKeyLost = this.lostKey(record?.grant?.binding) !== undefined;
    return renewal(record?.tokens, reason, needsRefreshToken, platform.clock.now(), isKeyLost);
  }

  /** Whether an access token is known as one of a session that is over. */
  isPast(accessToken: string): boolean {
    const mark = markOf(accessToken);
    return this.#past.includes(mark) && !this.#present.includes(mark);
  }
}
