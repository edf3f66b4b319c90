import fc from 'fast-check';
import { expect, test } from 'vitest';
import { containsPart, redact } from '../../src/core/redact.js';

// six characters of the mark itself would be found in it
const secret = fc.stringMatching(/^[!-~]{6,60}$/).filter((text) => !containsPart('[redacted]', text));
const around = fc.string({ maxLength: 30 });

test('whatever is around them, no six characters of a secret are left', () => {
  const pieces = fc.array(fc.tuple(around, fc.nat(60), fc.nat(60)), { maxLength: 12 });
  fc.assert(
    fc.property(secret, secret, pieces, (one, two, list) => {
      const text = list.map(([before, from, to], i) => before + (i % 2 ? one : two).slice(from, to)).join('');
      const shown = redact(text, [one, undefined, two]);
      expect([containsPart(shown, one), containsPart(shown, two)]).toEqual([false, false]);
    }),
    { numRuns: 300 },
  );
});

test('no run of twenty or more characters that mixes capitals and digits is left', () => {
  const mixed = fc
    .tuple(fc.stringMatching(/^[\w.~+/=%-]{9,30}$/), fc.stringMatching(/^[\w.~+/=%-]{8,30}$/))
    .map(([front, back]) => `${front}A1B${back}`);
  fc.assert(
    fc.property(around, mixed, around, (before, run, after) => {
      expect(redact(`${before} ${run} ${after}`, [])).toContain(' [redacted] ');
    }),
  );
});

test('what is left is short and has no control character', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(0xffff), { maxLength: 300 }).map((codes) => String.fromCharCode(...codes)),
      fc.array(fc.option(fc.string(), { nil: undefined }), { maxLength: 3 }),
      (text, secrets) => {
        const shown = redact(text, secrets);
        expect(shown.length).toBeLessThanOrEqual(200);
        expect(shown).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
      },
    ),
  );
});

test('a part is found exactly where six characters in a row agree', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 14 });
  fc.assert(
    fc.property(word, word, (text, secret) => {
      const parts = Array.from({ length: 20 }, (_, i) => secret.slice(i, i + 6)).filter((part) => part.length === 6);
      expect(containsPart(text, secret)).toBe(parts.some((part) => text.includes(part)));
    }),
  );
});
