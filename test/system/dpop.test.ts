import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { dpop, memoryKeys } from '../../src/dpop.js';
import { createFetch, createTokenManager, inProcess } from '../../src/index.js';
import { createSignIn, oauthClient, refreshWith, revokeWith, userInfo } from '../../src/integrations/oauth.js';
import { startSigningInProvider } from '../support/signing-in-provider.mjs';

type Provider = Awaited<ReturnType<typeof startSigningInProvider>>;

function page(provider: Provider, offMs = 0) {
  const keys = dpop({ keys: memoryKeys(), clock: { now: () => Date.now() + offMs } });
  const client = oauthClient({
    issuer: provider.issuer,
    clientId: 'app',
    redirectUri: 'https://app.test/callback',
    scopes: ['openid', 'offline_access'],
    dpop: keys,
  });
  const platform = inProcess();
  const tokens = createTokenManager({
    refresh: refreshWith(client),
    revoke: revokeWith(client),
    platform,
    proactive: false,
  });
  onTestFinished(() => tokens.dispose());
  const api = createFetch(tokens, { origins: [provider.issuer], fetch: keys.fetch(tokens) });
  const signIn = createSignIn({ client, tokens, platform });
  /** Requests that carry a proof, since the last look. */
  const look = () => provider.requests.splice(0).filter((request) => /request$|token$|\/me$/.test(request));
  return { api, client, keys, look, signIn, tokens, me: `${provider.issuer}/me` };
}

describe('oidc-provider with nonces required at both ends', () => {
  let provider: Provider;
  beforeAll(async () => {
    provider = await startSigningInProvider({ dpop: 'nonces' } as never);
  });
  afterAll(() => provider.close());

  test('J27: a real provider accepts every proof: pushed request, code, refresh and API', async () => {
    const { api, client, keys, look, me, signIn, tokens } = page(provider);
    look();
    const back = await provider.visit(await signIn.begin());
    await signIn.finish(back);
    expect(look(), 'J28: the first nonce costs one more request').toEqual([
      'POST /request',
      'POST /request',
      'POST /token',
    ]);
    const response = await api(me);
    expect(await response.json()).toMatchObject({ sub: 'ada' });
    const first = await tokens.getAccessToken();
    await tokens.refresh();
    expect(await tokens.getAccessToken()).not.toBe(first);
    expect((await api(me)).status).toBe(200);
    expect(await userInfo(client, tokens)).toMatchObject({ sub: 'ada' });
    expect(look()).toEqual(['GET /me', 'POST /token', 'GET /me', 'GET /me']);
    const stolen = await fetch(me, { headers: { authorization: `DPoP ${await tokens.getAccessToken()}` } });
    expect([400, 401], 'a stolen token is worth nothing').toContain(stolen.status);
    const bearer = await fetch(me, { headers: { authorization: `Bearer ${await tokens.getAccessToken()}` } });
    expect(bearer.status).toBe(401);
    await signIn.end();
    expect(await keys.keys.list()).toEqual([]);
  });

  test('J34: with a right nonce the time does not matter there, two hours off', async () => {
    const { api, me, signIn } = page(provider, 7_200_000);
    await signIn.finish(await provider.visit(await signIn.begin()));
    expect((await api(me)).status).toBe(200);
  });

  test('J32: fifty callers on an expired token cost one refresh', async () => {
    const { api, look, me, signIn, tokens } = page(provider);
    await signIn.finish(await provider.visit(await signIn.begin()));
    await tokens.refresh();
    look();
    const [answers] = await Promise.all([Promise.all(Array.from({ length: 50 }, () => api(me))), tokens.refresh()]);
    expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200));
    expect(look().filter((request) => request === 'POST /token')).toHaveLength(1);
  });
});

describe('oidc-provider without nonces, which looks at the time', () => {
  let provider: Provider;
  beforeAll(async () => {
    provider = await startSigningInProvider({ dpop: 'bound' } as never);
  });
  afterAll(() => provider.close());

  test.each([7_200_000, -7_200_000, 600_000])(
    'J34: a clock that is %i ms off costs one more request',
    async (offMs) => {
      const { api, look, me, signIn, tokens } = page(provider, offMs);
      look();
      await signIn.finish(await provider.visit(await signIn.begin()));
      await tokens.refresh();
      expect((await api(me)).status).toBe(200);
      expect(look()).toEqual(['POST /request', 'POST /request', 'POST /token', 'POST /token', 'GET /me']);
    },
  );
});
