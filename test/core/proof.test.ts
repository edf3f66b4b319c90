import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import {
  asciiBytes,
  base64url,
  type EcPublicKey,
  proofHeader,
  proofInput,
  proofMethod,
  proofUrl,
  signedProof,
  thumbprintInput,
} from '../../src/core/proof.js';

// RFC 9449, figures 2, 3, 5 and 12
const figure2 =
  'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg';
const key: EcPublicKey = {
  kty: 'EC',
  crv: 'P-256',
  x: 'l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs',
  y: '9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA',
};
const accessToken = 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU';
const read = (part = '') => JSON.parse(Buffer.from(part, 'base64url').toString());
const sha256 = (text: string) => createHash('sha256').update(text).digest('base64url');

describe('the vectors of the RFCs', () => {
  test('the proof of RFC 9449 figure 2 has our header, and our claims to the letter', async () => {
    const [header, payload, signature = ''] = figure2.split('.');
    const at = 1_562_262_616_000;
    const url = proofUrl('https://server.example.com/token') ?? '';
    const input = proofInput(proofHeader(key), { method: 'POST', url, id: '-BwC3ESc6acc2lTc', at });
    expect(input.split('.')[1]).toBe(payload);
    expect(read(input.split('.')[0])).toEqual(read(header));
    await expect(jwtVerify(figure2, EmbeddedJWK, { typ: 'dpop+jwt', clockTolerance: 1e10 })).resolves.toBeDefined();
    expect(signedProof(`${header}.${payload}`, new Uint8Array(Buffer.from(signature, 'base64url')))).toBe(figure2);
  });

  test('the thumbprint of RFC 9449 is that of its key, and the one of RFC 7638 section 3.1 as well', () => {
    expect(sha256(thumbprintInput({ ...key }))).toBe('0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I');
    const n =
      '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw';
    expect(sha256(thumbprintInput({ n, kty: 'RSA', e: 'AQAB' }))).toBe('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
  });

  test('the hash of an access token is that of RFC 9449 section 7.1', () => {
    const hash = createHash('sha256').update(asciiBytes(accessToken)).digest();
    expect(base64url(new Uint8Array(hash))).toBe('fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo');
  });
});

describe('a proof', () => {
  test('says all that it is given, verifies with jose, and has no claim too many', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { kty, crv, x, y } = publicKey.export({ format: 'jwk' }) as EcPublicKey;
    const claims = { method: 'POST', url: 'https://api.test/a', id: 'one', at: 1_700_000_000_999, nonce: 'n' };
    const input = proofInput(proofHeader({ kty, crv, x, y }), { ...claims, accessTokenHash: 'h' });
    const signature = sign('sha256', asciiBytes(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    const proof = signedProof(input, new Uint8Array(signature));
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
      typ: 'dpop+jwt',
      algorithms: ['ES256'],
    });
    const told = { htm: 'POST', htu: 'https://api.test/a', jti: 'one', iat: 1_700_000_000, nonce: 'n', ath: 'h' };
    expect(payload).toEqual(told);
    expect(protectedHeader.jwk).toEqual({ kty, crv, x, y });
    expect(sha256(thumbprintInput({ kty, crv, x, y }))).toBe(await calculateJwkThumbprint({ kty, crv, x, y }));
  });

  test('shows the public half alone, whatever else a key carries', () => {
    expect(read(proofHeader({ ...key, d: 'secret', kid: 'k' } as EcPublicKey)).jwk).toEqual(key);
  });

  test('is ASCII although a method is not', () => {
    const input = proofInput('h', { method: 'PÄTCH\u{1F600}', url: 'u', id: 'i', at: 0 });
    expect(read(input.split('.')[1]).htm).toBe('PÄTCH\u{1F600}');
  });

  test.each([
    ['https://API.test', 'https://api.test/'],
    ['https://api.test?a=b', 'https://api.test/'],
    ['https://api.test:443/a/b?c=d#e', 'https://api.test/a/b'],
    ['http://127.0.0.1:8080/a%20b/ü'.replace('ü', '%C3%BC'), 'http://127.0.0.1:8080/a%20b/%C3%BC'],
    ['https://api.test/a#/b', 'https://api.test/a'],
    ['/relative', undefined],
    ['https://user@api.test/', undefined],
  ])('names %s as %s', (url, named) => {
    expect(proofUrl(url)).toBe(named);
  });

  test.each([
    ['get', 'GET'],
    ['Delete', 'DELETE'],
    ['patch', 'patch'],
    ['PATCH', 'PATCH'],
    ['query', 'query'],
  ])('names the method %s as fetch sends it: %s', (given, sent) => {
    expect(proofMethod(given)).toBe(sent);
    expect(new Request('https://api.test', { method: given }).method).toBe(sent);
  });
});

test('base64url is that of Node, for any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect(base64url(bytes)).toBe(Buffer.from(bytes).toString('base64url'));
    }),
  );
});
