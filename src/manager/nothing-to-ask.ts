import { renewal } from '../core/renewal.js';
import type { RefreshReason } from '../core/session-events.js';
import type { TokenSet } from '../core/token-set.js';
import type { Settings } from './options.js';
import type { TokenMarks } from './token-marks.js';

interface NothingParts {
  readonly settings: Settings;
  readonly marks: TokenMarks;
}

/** Whether there is nothing to refresh with; a key that is lost is found out by a refresh all the same. */
export function isNothingToAsk(
  { settings: { needsRefreshToken, platform }, marks }: NothingParts,
  tokens: TokenSet | undefined,
  reason: RefreshReason,
): boolean {
  return renewal(tokens, reason, needsRefreshToken, platform.clock.now()) === 'nothing' && !marks.lost;
}
