import { createHash } from 'node:crypto';
import * as foreign from 'dpop';
import { calculateJwkThumbprint, EmbeddedJWK, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import * as oauth from 'oauth4webapi';
import { beforeAll, describe, expect, test } from 'vitest';
import { type DpopKey, dpop, memoryKeys } from '../../../src/dpop.js';
import { boundTokens } from '../../support/bound-tokens.js';

const API = 'https://api.test/orders';
const claimsOf = (jwt: string) => JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString());
const headerOf = (jwt: string) => JSON.parse(Buffer.from(jwt.split('.')[0] ?? '', 'base64url').toString());

const keys = memoryKeys();
let key: DpopKey;
let accessToken: string;
let server: oauth.AuthorizationServer;
let jwks: object;
beforeAll(async () => {
  key = await keys.create();
  const issuer = await generateKeyPair('ES256');
  jwks = { keys: [{ ...(await exportJWK(issuer.publicKey)), alg: 'ES256', kid: 'k' }] };
  server = { issuer: 'https://auth.test', jwks_uri: 'https://auth.test/jwks' };
  accessToken = await new SignJWT({ client_id: 'app', scope: 'orders', cnf: { jkt: key.binding } })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'k' })
    .setIssuer('https://auth.test')
    .setSubject('ada')
    .setAudience(API)
    .setJti('token')
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(issuer.privateKey);
});

/** What one signed request carries. */
async function sign(url: string, init: RequestInit = {}): Promise<Request> {
  let sent: Request | undefined;
  const send: typeof fetch = async (input, options) => {
    sent = new Request(input, options);
    return new Response();
  };
  const headers = { authorization: `Bearer ${accessToken}` };
  await dpop({ keys }).fetch(boundTokens(accessToken, key.binding), send)(url, { ...init, headers });
  return sent as Request;
}

describe('J27: every request carries a new proof, and foreign verifiers accept all of them', () => {
  test('jose verifies it by the key inside, which is the one that the session is bound to', async () => {
    const request = await sign(`${API}?a=b#c`, { method: 'POST' });
    const proof = request.headers.get('dpop') ?? '';
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
      typ: 'dpop+jwt',
      algorithms: ['ES256'],
      maxTokenAge: 60,
      requiredClaims: ['jti', 'htm', 'htu', 'iat', 'ath'],
    });
    const ath = createHash('sha256').update(accessToken).digest('base64url');
    expect(payload).toMatchObject({ htm: 'POST', htu: API, ath });
    expect(await calculateJwkThumbprint(protectedHeader.jwk as never)).toBe(key.binding);
    expect(request.headers.get('authorization')).toBe(`DPoP ${accessToken}`);
  });

  test('oauth4webapi takes it at a resource server, with the access token', async () => {
    const options = {
      requireDPoP: true,
      signingAlgorithms: ['ES256'],
      [oauth.customFetch]: async () => Response.json(jwks),
    };
    const claims = await oauth.validateJwtAccessToken(server, await sign(API), API, options);
    expect(claims).toMatchObject({ sub: 'ada', cnf: { jkt: key.binding } });
    const other = new Request('https://api.test/other', { headers: (await sign(API)).headers });
    await expect(oauth.validateJwtAccessToken(server, other, API, options)).rejects.toThrow();
  });

  test('it has the same header and claims as one of the package dpop, but for jti and iat', async () => {
    const pair = await foreign.generateKeyPair('ES256');
    for (const [nonce, token] of [
      [undefined, undefined],
      ['a-nonce', undefined],
      ['a-nonce', accessToken],
      [undefined, accessToken],
    ]) {
      const theirs = await foreign.generateProof(pair, API, 'GET', nonce, token);
      const ours = await ownProof(nonce, token);
      expect(Object.keys(headerOf(ours)).sort()).toEqual(Object.keys(headerOf(theirs)).sort());
      expect(headerOf(ours)).toMatchObject({ typ: headerOf(theirs).typ, alg: headerOf(theirs).alg });
      expect(Object.keys(headerOf(ours).jwk).sort()).toEqual(Object.keys(headerOf(theirs).jwk).sort());
      const { jti, iat, ...claims } = claimsOf(ours);
      const { jti: _jti, iat: theirIat, ...theirClaims } = claimsOf(theirs);
      expect(claims).toEqual(theirClaims);
      expect(Math.abs(iat - theirIat)).toBeLessThan(10);
      expect(jti.length).toBeGreaterThanOrEqual(22);
    }
  });

  async function ownProof(nonce: string | undefined, token: string | undefined): Promise<string> {
    const proofs: string[] = [];
    const send: typeof fetch = async (_input, init) => {
      proofs.push(new Headers(init?.headers).get('dpop') ?? '');
      return new Response(null, { headers: nonce ? { 'dpop-nonce': nonce } : {} });
    };
    const own = dpop({ keys });
    const headers = { authorization: `Bearer ${accessToken}` };
    const sending = token
      ? () => own.fetch(boundTokens(accessToken, key.binding), send)(API, { headers })
      : () => own.endpoint(key.binding, send)(API, {});
    await sending();
    await sending();
    return proofs[1] ?? '';
  }

  test('no jti comes twice', async () => {
    const seen = new Set<string>();
    const own = dpop({ keys: { ...keys, find: async () => ({ ...key, sign: async () => new Uint8Array(64) }) } });
    const tokens = boundTokens(accessToken, key.binding);
    for (let n = 0; n < 20_000; n++)
      seen.add(claimsOf((await own.headers(tokens, { url: API, method: 'GET' })).dpop ?? '').jti);
    expect(seen.size).toBe(20_000);
  });
});

describe('what a proof says of the request is what goes out', () => {
  test.each([
    ['https://API.test', {}, 'GET', 'https://api.test/'],
    ['https://api.test:443/a/../b?q', { method: 'delete' }, 'DELETE', 'https://api.test/b'],
    ['https://api.test/{id}/"x"', { method: 'patch' }, 'patch', 'https://api.test/{id}/"x"'],
    ['https://api.test/a%20b/./c', { method: 'PURGE' }, 'PURGE', 'https://api.test/a%20b/c'],
    ['https://api.test/%2E%2e/d', {}, 'GET', 'https://api.test/d'],
  ])('%s, %j', async (url, init, method, address) => {
    const request = await sign(url, init);
    const { htm, htu } = claimsOf(request.headers.get('dpop') ?? '');
    expect(htm).toBe(method);
    expect(htm).toBe(request.method);
    const { origin, pathname } = new URL(request.url);
    expect(htu).toBe(`${origin}${pathname}`);
    expect(htu).toBe(new URL(address).href);
  });
});
