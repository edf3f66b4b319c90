import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readChallenges, redactChallenges } from '../../src/core/challenge.js';

const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/);
const blank = fc.constantFrom('', ' ', '\t', '  ');
const comma = fc.tuple(blank, fc.constantFrom(',', ',', ', ,', ',,'), blank).map((parts) => parts.join(''));
const visible = fc.stringMatching(/^[\t -~]{0,20}$/);

/** One parameter as the header has it, and what it means. */
const parameter = fc
  .record({ name: token, value: fc.oneof(token, visible), before: blank, after: blank, escapeAll: fc.boolean() })
  .map(({ name, value, before, after, escapeAll }) => {
    const plain = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(value) && !escapeAll;
    const written = plain ? value : `"${value.replace(escapeAll ? /./g : /["\\]/g, '\\$&')}"`;
    return { text: `${name}${before}=${after}${written}`, name: name.toLowerCase(), value };
  });

/** One challenge as the header has it: bare, with a token68, or with parameters. */
const challenge = fc
  .record({
    scheme: token,
    token68: fc.option(fc.stringMatching(/^[\w.~+/-]{1,20}={0,2}$/)),
    parameters: fc.array(parameter, { maxLength: 5 }),
    commas: fc.array(comma, { minLength: 5, maxLength: 5 }),
  })
  .map(({ scheme, token68, parameters, commas }) => {
    const listed = parameters.map(({ text }, i) => (i ? commas[i] : '') + text).join('');
    const rest = token68 ?? listed;
    const meaning = new Map<string, string>();
    for (const { name, value } of token68 ? [] : parameters) if (!meaning.has(name)) meaning.set(name, value);
    return { text: rest ? `${scheme} ${rest}` : scheme, meaning: [scheme.toLowerCase(), meaning] };
  });

test('what a server writes by the grammar is read back', () => {
  fc.assert(
    fc.property(
      fc.array(challenge, { maxLength: 6 }),
      fc.array(comma, { minLength: 6, maxLength: 6 }),
      (list, commas) => {
        const header = list.map(({ text }, i) => (i ? commas[i] : '') + text).join('');
        // maps, because an integer-like name moves to the front of an object
        const read = readChallenges(header).map(({ scheme, parameters }) => [
          scheme,
          new Map(Object.entries(parameters)),
        ]);
        expect(read).toEqual(list.map(({ meaning }) => meaning));
      },
    ),
    { numRuns: 1000 },
  );
});

const noise = fc.oneof(
  fc.array(fc.nat(0xffff), { maxLength: 200 }).map((codes) => String.fromCharCode(...codes)),
  fc
    .array(fc.constantFrom('"', '\\', ',', '=', ' ', '\t', '\n', 'a', 'Bearer', '__proto__', '/', '\u2028'), {
      maxLength: 80,
    })
    .map((parts) => parts.join('')),
);

test('no header whatever throws, and what comes out is bounded and in lower case', () => {
  fc.assert(
    fc.property(noise, fc.constantFrom(1, 50), (piece, times) => {
      const header = piece.repeat(times);
      const challenges = readChallenges(header);
      expect(challenges.length).toBeLessThanOrEqual(16);
      for (const { scheme, parameters } of challenges) {
        const names = Object.keys(parameters);
        expect(names.length).toBeLessThanOrEqual(32);
        for (const name of [scheme, ...names]) {
          expect(name).toMatch(/^[!#$%&'*+.^_`|~0-9a-z-]+$/);
          expect(header.slice(0, 8192).toLowerCase()).toContain(name);
        }
      }
      expect(Object.keys(Object.prototype)).toEqual([]);
    }),
    { numRuns: 1000 },
  );
});

test('after redaction nothing in a challenge holds six characters of a secret', () => {
  const secret = fc.stringMatching(/^[A-Za-z0-9_.-]{6,40}$/).filter((s) => !/redact|edacte|dacted|bearer/i.test(s));
  const scenario = fc.tuple(secret, fc.nat(34), fc.nat(34), token).map(([s, from, length, name]) => {
    const part = s.slice(from, from + length);
    return { s, header: `Bearer ${name}="${part}", a="see ${part}.", b="${s}", x${part || 'y'}=1, c=d` };
  });
  fc.assert(
    fc.property(scenario, ({ s, header }) => {
      const shown = redactChallenges(readChallenges(header), [undefined, s]);
      const text = JSON.stringify(shown.map(({ scheme, parameters }) => [scheme, Object.entries(parameters)]));
      for (let i = 0; i + 6 <= s.length; i++) expect(text.toLowerCase()).not.toContain(s.slice(i, i + 6).toLowerCase());
    }),
  );
});
