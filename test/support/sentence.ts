import { expect } from 'vitest';
import { ADDRESS } from '../../scripts/short-messages.mjs';

const isShort = process.env.MESSAGES === 'short';

/**
 * Expects an error to say these words. In what is built for pages it is expected to say its code and where to read on, and
 * of the sentence the facts and nothing else: none, if none are given.
 */
export function sentence(words: string | RegExp, facts: string | RegExp = ''): unknown {
  if (!isShort) return typeof words === 'string' ? expect.stringContaining(words) : expect.stringMatching(words);
  const kept = typeof facts === 'string' ? escaped(facts) : facts.source;
  const mayBeNone = new RegExp(`^${kept}$`).test('');
  const start = `^ERR_[A-Z_]+: see ${escaped(ADDRESS)}#err_[a-z_]+`;
  return expect.stringMatching(new RegExp(`${start}( \\(${kept}\\))${mayBeNone ? (kept ? '?' : '{0}') : ''}$`));
}

function escaped(text: string): string {
  return text.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&');
}
