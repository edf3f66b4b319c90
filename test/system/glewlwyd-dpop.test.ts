import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { dpop, memoryKeys } from '../../src/dpop.js';
import { createFetch, createTokenManager, inProcess } from '../../src/index.js';
import { createSignIn, oauthClient, refreshWith, revokeWith, userInfo } from '../../src/integrations/oauth.js';
import { CALLBACK, type GlewlwydServer, hasGlewlwyd, startGlewlwyd } from '../support/glewlwyd-server.js';

let server: GlewlwydServer;

async function page(offMs = 0, pushes = false) {
  const document = await (await fetch(`${server.base}/.well-known/openid-configuration`)).json();
  const { pushed_authorization_request_endpoint: _, ...issuer } = document;
  const requests: string[] = [];
  const nonces: unknown[] = [];
  const send: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    const proof = request.headers.get('dpop');
    const response = await fetch(request);
    if (proof === null) return response;
    nonces.push(JSON.parse(Buffer.from(proof.split('.')[1] ?? '', 'base64url').toString()).nonce);
    requests.push(`${request.method} ${new URL(request.url).pathname.replace('/api/oidc', '')} ${response.status}`);
    return response;
  };
  const keys = dpop({ keys: memoryKeys(), clock: { now: () => Date.now() + offMs } });
  const client = oauthClient({
    issuer: pushes ? document : issuer,
    clientId: 'app',
    redirectUri: CALLBACK,
    scopes: ['openid', 'offline_access', 'orders'],
    dpop: keys,
    fetch: send,
  });
  const platform = inProcess();
  const refresh = refreshWith(client);
  const tokens = createTokenManager({ refresh, revoke: revokeWith(client), platform, proactive: false });
  onTestFinished(() => tokens.dispose());
  const api = createFetch(tokens, { origins: [new URL(server.issuer).origin], fetch: keys.fetch(tokens, send) });
  const signIn = createSignIn({ client, tokens, platform });
  const enter = async () => void (await signIn.finish(await server.visit(await signIn.begin())));
  return { api, begin: signIn.begin, client, enter, keys, nonces, requests, tokens, me: `${server.base}/userinfo` };
}

describe.skipIf(!hasGlewlwyd)('against Glewlwyd with DPoP', () => {
  beforeAll(async () => {
    server = await startGlewlwyd({ nonceUses: 3, oldS: 60, aheadS: 5 });
  });
  afterAll(() => server?.stop());

  test('J27, J28: every proof is accepted: code, refresh and API; the first nonce costs one more request, and none after it', async () => {
    const { api, client, enter, keys, me, nonces, requests, tokens } = await page();
    await enter();
    expect(requests.splice(0)).toEqual(['POST /token 400', 'POST /token 200']);
    for (let call = 0; call < 6; call++) expect((await api(me)).status).toBe(200);
    for (let lifetime = 0; lifetime < 4; lifetime++) await tokens.refresh();
    expect(requests.splice(0)).toEqual([...Array(6).fill('GET /userinfo 200'), ...Array(4).fill('POST /token 200')]);
    // each nonce is good three times, and the next comes with an answer before that
    const [none, ...given] = nonces;
    expect(none).toBeUndefined();
    const uses = [...new Set(given)].map((nonce) => given.filter((one) => one === nonce).length);
    expect(Math.max(...uses)).toBeLessThanOrEqual(4);
    expect(uses.length).toBeGreaterThanOrEqual(3);
    expect(await userInfo(client, tokens)).toHaveProperty('sub');
    for (const scheme of ['DPoP', 'Bearer']) {
      const authorization = `${scheme} ${await tokens.getAccessToken()}`;
      expect((await fetch(me, { headers: { authorization } })).status, `${scheme} without a proof`).toBe(401);
    }
    expect(await keys.keys.list()).toHaveLength(1);
  });

  test.each([-90_000, 30_000])(
    'J34: a clock that is %i ms off, which it looks at although the nonce is right, stops neither sign-in nor refresh nor call',
    async (offMs) => {
      const { api, enter, me, requests, tokens } = await page(offMs);
      await enter();
      // it says that the time is wrong, then that it wants a nonce
      expect(requests.splice(0)).toEqual(['POST /token 403', 'POST /token 400', 'POST /token 200']);
      await tokens.refresh();
      expect((await api(me)).status).toBe(200);
      expect(requests).toEqual(['POST /token 200', 'GET /userinfo 200']);
    },
  );

  test('J32: fifty callers cost one refresh', async () => {
    const { enter, requests, tokens } = await page();
    await enter();
    requests.length = 0;
    await Promise.all(Array.from({ length: 50 }, () => tokens.refresh()));
    expect(requests.filter((request) => request === 'POST /token 200')).toHaveLength(1);
    expect(requests.length).toBeLessThanOrEqual(2);
  });

  test('a pushed request is refused, because it wants a nonce there that it never gives, and the error says by what', async () => {
    const { begin, requests } = await page(0, true);
    await expect(begin()).rejects.toMatchObject({ code: 'ERR_SIGN_IN_CONFIG', oauthError: 'invalid_dpop_proof' });
    expect(requests).toEqual(['POST /par 403']);
  });
});
