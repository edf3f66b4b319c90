import fc from 'fast-check';
import { type AuthorizationServer, clockTolerance, processAuthorizationCodeResponse } from 'oauth4webapi';
import { expect, test } from 'vitest';
import { faultOf } from '../../src/core/id-token.js';

const NOW = Math.floor(Date.now() / 1_000);
const GOOD = {
  iss: 'https://auth.test',
  aud: 'app',
  sub: 'ada',
  nonce: 'n',
  iat: NOW,
  exp: NOW + 60,
  auth_time: NOW - 10,
};
const expected = {
  issuer: 'https://auth.test',
  clientId: 'app',
  nonce: 'n',
  maxAge: 300,
  algorithms: ['RS256', 'ES256'],
};
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const token = (claims: unknown, header: unknown = { alg: 'RS256' }) => `${part(header)}.${part(claims)}.c2ln`;

test('a good ID token has no fault, whatever else is in it', () => {
  expect(faultOf(token(GOOD), expected)).toBeUndefined();
  expect(faultOf(token({ ...GOOD, aud: ['app'], email: 'a@b.test' }), expected)).toBeUndefined();
  expect(faultOf(token({ ...GOOD, aud: ['other', 'app'], azp: 'app' }), expected)).toBeUndefined();
  const { auth_time: _, nonce: __, ...bare } = GOOD;
  expect(faultOf(token(bare), { issuer: GOOD.iss, clientId: 'app', nonce: undefined })).toBeUndefined();
});

test.each<[string, string]>([
  ['', 'read'],
  ['opaque', 'read'],
  [`${part({ alg: 'RS256' })}.${part(GOOD)}`, 'read'],
  [`${token(GOOD)}.x.y`, 'read'],
  [token([GOOD]), 'read'],
  [token('text'), 'issuer'],
  [token(GOOD, {}), 'read'],
  [token(GOOD, 'text'), 'read'],
  [token(GOOD, { alg: 1 }), 'read'],
  [token(GOOD, { alg: 'RS256', crit: ['b64'] }), 'critical'],
  [token(GOOD, { alg: 'none' }), 'signed'],
  [token(GOOD, { alg: 'HS256' }), 'signed'],
  [token({ ...GOOD, iss: 'https://auth.test/' }), 'issuer'],
  [token({ ...GOOD, iss: undefined }), 'issuer'],
  [token({ ...GOOD, aud: 'other' }), 'client'],
  [token({ ...GOOD, aud: [] }), 'client'],
  [token({ ...GOOD, aud: undefined }), 'client'],
  [token({ ...GOOD, aud: ['app', 'other'] }), 'others'],
  [token({ ...GOOD, aud: ['app', 'other'], azp: 'other' }), 'others'],
  [token({ ...GOOD, sub: '' }), 'subject'],
  [token({ ...GOOD, sub: 7 }), 'subject'],
  [token({ ...GOOD, nonce: 'm' }), 'nonce'],
  [token({ ...GOOD, nonce: undefined }), 'nonce'],
  [token({ ...GOOD, exp: NOW }), 'over'],
  [token({ ...GOOD, exp: undefined }), 'over'],
  [token({ ...GOOD, exp: '9999999999' }), 'over'],
  [token({ ...GOOD, iat: undefined }), 'over'],
  [token({ ...GOOD, auth_time: 'x' }), 'auth_time'],
  [token({ ...GOOD, auth_time: undefined }), 'longer ago'],
  [token({ ...GOOD, auth_time: NOW - 361 }), 'longer ago'],
])('%# a fault is found and named: %s', (idToken, fault) => {
  expect(faultOf(idToken, expected)).toContain(fault);
});

test('a nonce that nobody sent is a fault', () => {
  expect(faultOf(token(GOOD), { ...expected, nonce: undefined })).toContain('nonce');
});

test('without a list of the server every algorithm will do but none', () => {
  const { algorithms: _, ...any } = expected;
  expect(faultOf(token(GOOD, { alg: 'EdDSA' }), any)).toBeUndefined();
  expect(faultOf(token(GOOD, { alg: 'none' }), any)).toContain('signed');
});

test('whatever passes here passes the certified checks of oauth4webapi, and the other way round', async () => {
  const value = (...more: unknown[]) => fc.constantFrom(undefined, null, '', 0, -1, {}, [], 'other', NOW, ...more);
  const claims = fc.record({
    iss: fc.oneof({ weight: 6, arbitrary: fc.constant(GOOD.iss) }, value()),
    aud: fc.oneof({ weight: 6, arbitrary: fc.constantFrom('app', ['app'], ['app', 'other']) }, value(['other'])),
    azp: value('app'),
    sub: fc.oneof({ weight: 6, arbitrary: fc.constant('ada') }, value()),
    nonce: fc.oneof({ weight: 6, arbitrary: fc.constant('n') }, value()),
    iat: fc.oneof({ weight: 6, arbitrary: fc.constant(NOW) }, value()),
    exp: fc.oneof({ weight: 6, arbitrary: fc.constant(NOW + 60) }, value()),
    auth_time: fc.oneof({ weight: 6, arbitrary: fc.constant(NOW) }, value()),
  });
  const header = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom({ alg: 'RS256' }, { alg: 'ES256' }) },
    fc.constantFrom({ alg: 'none' }, { alg: 'HS256' }, {}, { alg: 'RS256', crit: ['x'] }),
  );
  const seen = { accepted: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(claims, header, async (given, head) => {
      const idToken = token(given, head);
      const server = { issuer: GOOD.iss, id_token_signing_alg_values_supported: expected.algorithms };
      const body = { access_token: 'a', token_type: 'Bearer', id_token: idToken };
      // two things are stricter or another matter here: an empty subject, and times, which are compared with each other
      const foreign = await processAuthorizationCodeResponse(
        server as AuthorizationServer,
        { client_id: 'app', [clockTolerance]: 1e10 },
        Response.json(body),
        { expectedNonce: 'n', requireIdToken: true, maxAge: 300 },
      ).then(
        () => true,
        () => false,
      );
      const own = faultOf(idToken, expected) === undefined;
      const { iat, exp, auth_time: authTime } = given as Record<string, number>;
      const isSound =
        given.sub !== '' && Number(exp) > Number(iat) && Number(iat) - Number(authTime) <= 360 && Number(iat) >= 0;
      expect(own, JSON.stringify([given, head])).toBe(foreign && isSound);
      seen[own ? 'accepted' : 'refused']++;
    }),
    { numRuns: 3_000 },
  );
  expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(100);
});
