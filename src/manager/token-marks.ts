/** No request is still under way that was sent so many refreshes ago. */
const KEPT = 100;

/**
 * Tells the access tokens of past sessions from those of the present one, by marks that are no tokens.
 *
 * A server may refuse an access token long after its session was replaced. Its sender must not be given a token of the new
 * session, which may be another user's.
 */
export class TokenMarks {
  #present: readonly number[] = [];
  #past: readonly number[] = [];

  /** Notes an access token, of the same session as those before or of another one. */
  add(accessToken: string | undefined, isSameSession: boolean): void {
    if (!isSameSession) {
      this.#past = this.#past.concat(this.#present).slice(-KEPT);
      this.#present = [];
    }
    if (accessToken !== undefined) this.#present = this.#present.concat(markOf(accessToken)).slice(-KEPT);
  }

  /** Whether an access token is known as one of a session that is over. */
  isPast(accessToken: string): boolean {
    const mark = markOf(accessToken);
    return this.#past.includes(mark) && !this.#present.includes(mark);
  }
}

function markOf(text: string): number {
  let mark = 0;
  for (let index = 0; index < text.length; index++) mark = (Math.imul(mark, 31) + text.charCodeAt(index)) | 0;
  return mark;
}
