import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseBody, readRefusal } from '../../src/core/refusal.js';

const deadCodes = [
  'invalid_grant',
  'bad_refresh_token',
  'BAD_REFRESH_TOKEN',
  'invalid_refresh_token',
  'INVALID_REFRESH_TOKEN',
  'refresh_token_not_found',
  'refresh_token_already_used',
  'session_not_found',
  'authentication_invalid',
  'user_banned',
  'inactive_user',
  'USER_DISABLED',
  'USER_NOT_FOUND',
  'TOKEN_EXPIRED',
];
// these say themselves what is dead, and count wherever a server puts its sentence
const selfEvident = deadCodes.filter((code) => /refresh_token/i.test(code));
const needPlace = deadCodes.filter((code) => !selfEvident.includes(code));
const otherCodes = ['server_error', 'invalid_client', 'invalid_request', 'unauthorized_client', 'login_required', 'x'];
const sentences = ['refresh_token is invalid', 'Value passed for the token was invalid.'];
const places = ['error', 'error_code', 'code', 'errorCode', 'suberror', 'error_subtype', 'status', 'message', 'errors'];
const nowhere = ['title', 'type', 'reason', 'data', 'hint', '__proto__', 'description', 'errorMessage'];
const elsewhere = ['error_description', 'msg', 'detail', ...nowhere];

const status = fc.option(fc.oneof(fc.integer({ min: 0, max: 999 }), fc.constantFrom(200, 400, 401, 403, 404)), {
  nil: undefined,
});

/** JSON with the given strings somewhere in it, under the given names. */
function json(names: readonly string[], strings: readonly string[]): fc.Arbitrary<unknown> {
  return fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.oneof(fc.constantFrom(...strings), fc.jsonValue({ maxDepth: 1 })),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string({ maxLength: 4 })), tie('value'), { maxKeys: 5 }),
    ),
  })).value;
}

function* strings(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (value !== null && typeof value === 'object') for (const one of Object.values(value)) yield* strings(one);
}

const all = [...places, ...elsewhere];
const seen = (given: number | undefined) => (given === undefined ? {} : { status: given });

test('no body and no status whatever throws, or is dead without one of the codes that say so', () => {
  const bodies = fc.oneof(
    fc.jsonValue(),
    fc.object(),
    fc.anything(),
    json(all, [...otherCodes, ...sentences, ...deadCodes]),
  );
  fc.assert(
    fc.property(bodies, status, (body, given) => {
      const { kind } = readRefusal({ ...seen(given), body });
      if (kind !== 'dead') return;
      const told = [...strings(body)];
      const paired = sentences.some((sentence) => told.includes(sentence));
      expect(paired || told.some((text) => deadCodes.includes(text.split(' : ')[0] ?? ''))).toBe(true);
    }),
    { numRuns: 3000 },
  );
});

test('a dead code outside the known places is never dead', () => {
  fc.assert(
    fc.property(fc.oneof(json(elsewhere, needPlace), json(nowhere, deadCodes)), status, (body, given) => {
      expect(readRefusal({ ...seen(given), body }).kind).not.toBe('dead');
    }),
    { numRuns: 1000 },
  );
});

test('whatever the body says, a status or a moment that asks to come back is transient', () => {
  const passing = fc.oneof(fc.constantFrom(408, 409, 425, 429), fc.integer({ min: 500, max: 599 }));
  fc.assert(
    fc.property(json(places, [...deadCodes, ...otherCodes]), passing, status, (body, asked, given) => {
      expect(readRefusal({ status: asked, body }).kind).toBe('transient');
      expect(readRefusal({ ...seen(given), body, retryAt: 1 }).kind).toBe('transient');
    }),
  );
});

test('without a body no status is dead', () => {
  fc.assert(
    fc.property(status, (given) => {
      expect(['unknown', 'transient']).toContain(readRefusal(seen(given)).kind);
    }),
  );
});

test('what is passed on as the code always looks like one', () => {
  fc.assert(
    fc.property(json(places, deadCodes), fc.option(fc.string(), { nil: undefined }), (body, oauthError) => {
      const failure = readRefusal({ body, ...(oauthError !== undefined && { oauthError }) });
      if ('oauthError' in failure) expect(failure.oauthError).toMatch(/^[A-Za-z0-9_.-]{1,64}$/);
    }),
    { numRuns: 1000 },
  );
});

test('any text is parsed without throwing, and JSON as JSON', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^\w{1,3}=[\w%&=+]{0,20}$/)), (source) => {
      expect(() => parseBody(source)).not.toThrow();
    }),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(parseBody(JSON.stringify(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('a form-encoded body is read back', () => {
  const word = fc.string({ unit: 'grapheme', maxLength: 8 });
  const name = fc.stringMatching(/^[a-z_]{1,8}$/);
  fc.assert(
    fc.property(fc.dictionary(name, word, { minKeys: 1, noNullPrototype: true }), (members) => {
      expect(parseBody(new URLSearchParams(members).toString())).toEqual(members);
    }),
  );
});
