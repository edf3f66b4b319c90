import fc from 'fast-check';
import { expect, test } from 'vitest';
import { containsPart, isWords, redact } from '../../src/core/redact.js';

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

/** A string made of bytes in one of the ways in which servers make tokens. */
const ENCODINGS: Readonly<Record<string, (bytes: Uint8Array) => string>> = {
  base64url: (bytes) => Buffer.from(bytes).toString('base64url'),
  hex: (bytes) => Buffer.from(bytes).toString('hex'),
  'hex in capitals': (bytes) => Buffer.from(bytes).toString('hex').toUpperCase(),
  base32: (bytes) => [...bytes, ...bytes.map((byte) => byte >> 3)].map((byte) => BASE32[byte & 31]).join(''),
  UUID: (bytes) => {
    const digits = Buffer.from(bytes).toString('hex');
    return [8, 12, 16, 20, 32].map((end, i, ends) => digits.slice(ends[i - 1] ?? 0, end)).join('-');
  },
  JWT: (bytes) =>
    ['{"alg":"HS256"}', '{"sub":1}', bytes].map((part) => Buffer.from(part).toString('base64url')).join('.'),
  'base64url behind a word': (bytes) => `refresh_${Buffer.from(bytes).toString('base64url')}`,
};
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

test.each(Object.entries(ENCODINGS))('no generated token is taken for words: %s', (_, encode) => {
  const bytes = fc.uint8Array({ minLength: 24, maxLength: 32 });
  // all bytes alike are no token that a server makes
  const random = bytes.filter((one) => new Set(one).size > 12);
  fc.assert(
    fc.property(random, (one) => {
      expect([encode(one), isWords(encode(one))]).toEqual([encode(one), false]);
    }),
    { numRuns: 2000 },
  );
});

test('of a hundred thousand short tokens, 128 bits in base64url, a handful at most looks like words', () => {
  let state = 1;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  };
  let taken = 0;
  for (let i = 0; i < 100_000; i++) {
    if (isWords(Buffer.from(Array.from({ length: 16 }, next)).toString('base64url'))) taken++;
  }
  expect(taken).toBeLessThan(10);
});
