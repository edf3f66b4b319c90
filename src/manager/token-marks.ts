import type { TokenSet } from '../core/token-set.js';
import type { Engine } from './engine.js';

// Nothing is still under way that was sent so many refreshes ago.
const KEPT = 100;

/**
 * Keeps the marks of the access tokens of each session apart.
 *
 * A server may refuse an access token long after its session was replaced: whoever sent it must not be given a token of
 * the new session, which may be another user's. Marks tell, and are no tokens.
 */
export function markTokens(engine: Engine, isSameSession: boolean, next: TokenSet | undefined): void {
  if (!isSameSession) {
    engine.outlived = [...engine.outlived, ...engine.issued].slice(-KEPT);
    engine.issued = [];
  }
  if (next) engine.issued = [...engine.issued, markOf(next.accessToken)].slice(-KEPT);
}

/** Whether an access token is known as one of a session that is over. */
export function isOutlived({ issued, outlived }: Engine, accessToken: string): boolean {
  const mark = markOf(accessToken);
  return outlived.includes(mark) && !issued.includes(mark);
}

function markOf(text: string): number {
  let mark = 0;
  for (let index = 0; index < text.length; index++) mark = (Math.imul(mark, 31) + text.charCodeAt(index)) | 0;
  return mark;
}
