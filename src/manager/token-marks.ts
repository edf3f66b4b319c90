import { markOf } from '../core/mark-of.js';
import { orNone } from '../core/or-none.js';
import type { SessionError } from '../errors.js';

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
  #lost: SessionError | undefined;

  /** Notes an access token, of the same session as those before or of another one. */
  add(accessToken: string | undefined, isSameSession: boolean, binding?: string): void {
    if (!isSameSession) {
      this.#past = orNone(this.#past.concat(this.#present).slice(-KEPT));
      this.#present = orNone();
    }
    if (accessToken === undefined) return;
    const mark = markOf(accessToken);
    if (!this.#present.includes(mark)) this.#lost = undefined;
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

  /** Says that the key which the newest access token is bound to is gone. */
  get lost(): SessionError | undefined {
    return this.#lost;
  }

  /** Notes that it is. */
  lose(lost: SessionError | undefined): void {
    this.#lost = lost;
  }

  /** Whether an access token is known as one of a session that is over. */
  isPast(accessToken: string): boolean {
    const mark = markOf(accessToken);
    return this.#past.includes(mark) && !this.#present.includes(mark);
  }
}
