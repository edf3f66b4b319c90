import * as DPoP from 'dpop';
import { exportJWK, SignJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { type AuthServer, type AuthServerOptions, createAuthServer } from '../../src/testing.js';

// proofs come from a library of somebody else
let key: DPoP.KeyPair;
let other: DPoP.KeyPair;
beforeAll(async () => {
  key = await DPoP.generateKeyPair('ES256');
  other = await DPoP.generateKeyPair('ES256');
});

interface Sent {
  pair?: DPoP.KeyPair | undefined;
  nonce?: string | null;
  additional?: Record<string, string>;
}

async function post(server: AuthServer, url: string, form: Record<string, string>, { pair = key, nonce }: Sent = {}) {
  const proof = await DPoP.generateProof(pair, url, 'POST', nonce ?? undefined);
  return server.fetch(url, { method: 'POST', headers: { DPoP: proof }, body: new URLSearchParams(form) });
}

async function call(server: AuthServer, token: string, { pair = key, nonce }: Sent = {}) {
  const proof = await DPoP.generateProof(pair, server.apiUrl, 'GET', nonce ?? undefined, token);
  return server.fetch(server.apiUrl, { headers: { Authorization: `DPoP ${token}`, DPoP: proof } });
}

async function bound(options: AuthServerOptions = {}) {
  const server = createAuthServer({ dpop: 'required', ...options });
  const { refresh_token = '' } = server.signIn();
  const refresh = (token = refresh_token, sent: Sent = {}) =>
    post(server, server.tokenUrl, { grant_type: 'refresh_token', refresh_token: token, client_id: 'app' }, sent);
  return { server, refresh, refresh_token };
}

async function signedIn(options: AuthServerOptions = {}) {
  const server = createAuthServer({ dpop: 'required', ...options });
  const verifier = 'v'.repeat(43);
  const challenge = Buffer.from(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))).toString(
    'base64url',
  );
  const jkt = await DPoP.calculateThumbprint(key.publicKey);
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: 'app',
    redirect_uri: 'https://app.test/callback',
    code_challenge: challenge,
    code_challenge_method: 'S256',
    dpop_jkt: jkt,
  });
  const code = new URL(await server.authorize(`${server.authorizeUrl}?${query}`)).searchParams.get('code') ?? '';
  const form = {
    grant_type: 'authorization_code',
    code,
    client_id: 'app',
    code_verifier: verifier,
    redirect_uri: 'https://app.test/callback',
  };
  return { server, jkt, exchange: (sent?: Sent) => post(server, server.tokenUrl, form, sent) };
}

describe('an authorization server with DPoP', () => {
  it.each([
    ['4fzyo82mf1', 'takes', 200],
    ['1234567', 'refuses', 400],
  ])('of jti %s it %s a proof: clients make them short', async (jti, _verb, status) => {
    const { server, refresh_token } = await bound();
    const { kty, crv, x, y } = await exportJWK(key.publicKey);
    const proof = await new SignJWT({ htm: 'POST', htu: server.tokenUrl, jti })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: { kty, crv, x, y } as never })
      .setIssuedAt()
      .sign(key.privateKey);
    const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token, client_id: 'app' });
    const answer = await server.fetch(server.tokenUrl, { method: 'POST', headers: { DPoP: proof }, body });
    expect(answer.status).toBe(status);
  });

  it('binds what it grants to the key of the proof, and says so', async () => {
    const { server, jkt, exchange } = await signedIn({ tokenFormat: 'jwt' });
    const tokens = await (await exchange()).json();
    expect(tokens.token_type).toBe('DPoP');
    expect(JSON.parse(Buffer.from(tokens.access_token.split('.')[1], 'base64url').toString()).cnf).toEqual({ jkt });
    expect(server.inspect(tokens.access_token)).toMatchObject({ jkt });
    expect((await call(server, tokens.access_token)).status).toBe(200);
  });

  it('lets no other key use the code, the refresh token or the access token', async () => {
    const { exchange } = await signedIn();
    expect(await (await exchange({ pair: other })).json()).toMatchObject({ error: 'invalid_grant' });
    const { server, exchange: again } = await signedIn();
    const { access_token, refresh_token } = await (await again()).json();
    expect((await call(server, access_token, { pair: other })).status).toBe(401);
    const form = { grant_type: 'refresh_token', refresh_token, client_id: 'app' };
    const refused = await post(server, server.tokenUrl, form, { pair: other });
    expect(await refused.json()).toMatchObject({
      error: 'invalid_grant',
      error_description: expect.stringMatching(/another key/),
    });
    expect((await post(server, server.tokenUrl, form)).status).toBe(200);
  });

  it('takes a bound access token neither as Bearer nor with a proof of another request', async () => {
    const { server, exchange } = await signedIn();
    const { access_token } = await (await exchange()).json();
    const bearer = await server.fetch(server.apiUrl, { headers: { Authorization: `Bearer ${access_token}` } });
    expect(bearer.headers.get('www-authenticate')).toBe('DPoP algs="ES256", error="invalid_token"');
    const proof = await DPoP.generateProof(key, `${server.apiUrl}/other`, 'GET', undefined, access_token);
    const headers = { Authorization: `DPoP ${access_token}`, DPoP: proof };
    const refused = await server.fetch(server.apiUrl, { headers });
    expect(refused.headers.get('www-authenticate')).toMatch(/error="invalid_dpop_proof"/);
  });

  it('takes no proof twice, none with a broken signature, and none without ath at the API', async () => {
    const { server, exchange } = await signedIn();
    const { access_token } = await (await exchange()).json();
    const send = (proof: string) =>
      server.fetch(server.apiUrl, { headers: { Authorization: `DPoP ${access_token}`, DPoP: proof } });
    const proof = await DPoP.generateProof(key, server.apiUrl, 'GET', undefined, access_token);
    expect((await send(proof)).status).toBe(200);
    expect((await send(proof)).status).toBe(401);
    const next = await DPoP.generateProof(key, server.apiUrl, 'GET', undefined, access_token);
    expect((await send(`${next.slice(0, -6)}AAAAAA`)).status).toBe(401);
    expect((await send(await DPoP.generateProof(key, server.apiUrl, 'GET'))).status).toBe(401);
    expect((await send('garbage')).status).toBe(401);
  });

  it('accepts what comes without a proof, as Bearer, unless proofs are required', async () => {
    const server = createAuthServer({ dpop: 'accepted' });
    const { access_token, refresh_token = '' } = server.signIn();
    expect((await server.fetch(server.apiUrl, { headers: { Authorization: `Bearer ${access_token}` } })).status).toBe(
      200,
    );
    const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token });
    const plain = await server.fetch(server.tokenUrl, { method: 'POST', body: form });
    expect(await plain.json()).toMatchObject({ token_type: 'Bearer' });
    server.set({ dpop: 'required' });
    const refused = await server.fetch(server.tokenUrl, { method: 'POST', body: form });
    expect(await refused.json()).toMatchObject({ error: 'invalid_dpop_proof' });
  });

  it('gives nonces that are good so many times, with every answer', async () => {
    const { refresh } = await bound({ dpopNonceUses: 1 });
    const first = await refresh();
    expect(await first.json()).toMatchObject({ error: 'use_dpop_nonce' });
    const nonce = first.headers.get('dpop-nonce');
    const second = await refresh(undefined, { nonce });
    expect([second.status, second.headers.get('dpop-nonce') === nonce]).toEqual([200, false]);
    const { refresh_token } = await second.json();
    expect(await (await refresh(refresh_token, { nonce })).json()).toMatchObject({ error: 'use_dpop_nonce' });
  });

  it('gives the same nonce until it is used up', async () => {
    const { server, exchange } = await signedIn();
    const { access_token } = await (await exchange()).json();
    server.set({ dpopNonceUses: 3 });
    const nonce = (await call(server, access_token)).headers.get('dpop-nonce');
    const statuses: number[] = [];
    for (let n = 0; n < 4; n++) statuses.push((await call(server, access_token, { nonce })).status);
    expect(statuses).toEqual([200, 200, 200, 401]);
  });

  it('looks at the time of a proof, with a right nonce only if told to', async () => {
    const { refresh } = await bound({ clockOffsetMs: 7_200_000 });
    expect(await (await refresh()).json()).toMatchObject({ error: 'invalid_dpop_proof' });
    const lenient = await bound({ clockOffsetMs: 7_200_000, dpopNonce: 'n' });
    expect((await lenient.refresh(undefined, { nonce: 'n' })).status).toBe(200);
    const strict = await bound({ clockOffsetMs: 7_200_000, dpopNonce: 'n', dpopIat: 'checked' });
    expect((await strict.refresh(undefined, { nonce: 'n' })).status).toBe(400);
    const wide = await bound({ clockOffsetMs: 7_200_000, dpopWindowMs: 7_300_000 });
    expect((await wide.refresh()).status).toBe(200);
  });

  it('spends the refresh token before it looks at the nonce, if told to', async () => {
    const { server, refresh } = await bound({ dpopNonce: 'n', dpopSpendsFirst: true });
    expect(await (await refresh()).json()).toMatchObject({ error: 'use_dpop_nonce' });
    expect(await (await refresh(undefined, { nonce: 'n' })).json()).toMatchObject({ error: 'invalid_grant' });
    expect(server.counts.reusesDetected).toBe(1);
  });

  it('binds the code of a pushed request to the key of its proof', async () => {
    const server = createAuthServer({ dpop: 'required' });
    const url = `${server.origin}/par`;
    const form = {
      response_type: 'code',
      client_id: 'app',
      redirect_uri: 'https://app.test/cb',
      code_challenge: 'c',
      code_challenge_method: 'S256',
    };
    expect((await post(server, url, form)).status).toBe(201);
    expect(await (await post(server, url, { ...form, dpop_jkt: 'x' })).json()).toMatchObject({
      error: 'invalid_dpop_proof',
    });
    const unproven = await server.fetch(url, { method: 'POST', body: new URLSearchParams(form) });
    expect(await unproven.json()).toMatchObject({ error: 'invalid_dpop_proof' });
  });

  it('says in its metadata that it knows proofs', async () => {
    const metadata = async (server: AuthServer) =>
      (await server.fetch(`${server.origin}/.well-known/openid-configuration`)).json();
    expect(await metadata(createAuthServer({ dpop: 'accepted' }))).toMatchObject({
      dpop_signing_alg_values_supported: ['ES256'],
    });
    expect(await metadata(createAuthServer())).not.toHaveProperty('dpop_signing_alg_values_supported');
  });
});
