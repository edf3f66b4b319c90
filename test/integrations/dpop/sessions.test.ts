import { describe, expect, test } from 'vitest';
import { createTokenManager, tokenEndpoint } from '../../../src/index.js';
import { deviceSignIn } from '../../../src/integrations/device.js';
import { userInfo } from '../../../src/integrations/oauth.js';
import { boundWorld, endings, storedBinding } from '../../support/bound-world.js';

const tokensAndPar = (requests: string[]) => requests.filter((request) => /token$|par$/.test(request));

describe('a session that is bound to a key', () => {
  test('J27: every request to token, PAR and API endpoints carries a new proof, which the server verifies', async () => {
    const world = boundWorld({ tokenFormat: 'jwt' });
    const { server, clock, run, requests, proofs } = world;
    const page = world.tab();
    await world.signIn(page);
    expect((await run(page.api(`${server.apiUrl}/things?a=b`, { method: 'POST', body: 'x' }))).status).toBe(200);
    await clock.advance(60_000);
    expect((await run(page.api(server.apiUrl))).status).toBe(200);
    expect(await run(userInfo(page.client, page.tokens))).toMatchObject({ sub: 'ada' });
    expect(requests.filter((request) => !/well-known/.test(request))).toEqual([
      'POST /par',
      'POST /token',
      'POST /api/things',
      'POST /token',
      'GET /api',
      'GET /userinfo',
    ]);
    expect(proofs.map(({ htm, htu }) => `${htm} ${String(htu).replace(server.origin, '')}`)).toEqual(
      requests.filter((request) => !/well-known/.test(request)),
    );
    expect(new Set(proofs.map(({ jti }) => jti)).size).toBe(6);
    expect(server.inspect(await run(page.tokens.getAccessToken()))).toMatchObject({
      jkt: storedBinding(page.peer.items),
    });
  });

  test('without pushed requests the code is bound to the key by dpop_jkt', async () => {
    const world = boundWorld();
    const { server, run } = world;
    const document = await (await server.fetch(`${server.origin}/.well-known/openid-configuration`)).json();
    const page = world.tab(undefined, { issuer: { ...document, pushed_authorization_request_endpoint: undefined } });
    const url = await run(page.signIn.begin());
    const [name] = await world.keys.list();
    expect(new URL(url).searchParams.get('dpop_jkt')).toBe(name);
    await run(page.signIn.finish(await world.visit(url)));
    expect(storedBinding(page.peer.items)).toBe(name);
  });

  test('J28: nonces cost one more request at the first contact, and none after that', async () => {
    const world = boundWorld({ dpopNonceUses: 1_000 });
    const { server, run, requests, clock } = world;
    const page = world.tab();
    await world.signIn(page);
    await run(page.api(server.apiUrl));
    await clock.advance(60_000);
    await run(page.api(server.apiUrl));
    expect(requests.filter((request) => !/well-known/.test(request))).toEqual([
      'POST /par',
      'POST /par',
      'POST /token',
      'GET /api',
      'POST /token',
      'GET /api',
    ]);
  });

  test('J28: nonces that are good once cost no more than that either', async () => {
    const world = boundWorld({ dpopNonceUses: 1 });
    const { server, run, requests } = world;
    const page = world.tab();
    await world.signIn(page);
    for (let call = 0; call < 5; call++) expect((await run(page.api(server.apiUrl))).status).toBe(200);
    expect(requests.filter((request) => request === 'GET /api')).toHaveLength(5);
  });

  test('J30: nonce challenge and expired token in one call: one refresh', async () => {
    const world = boundWorld();
    const { server, run } = world;
    const page = world.tab();
    await world.signIn(page);
    server.revokeAccessTokens();
    server.set({ dpopNonceUses: 100 });
    const response = await run(page.api(server.apiUrl, { method: 'PUT', body: 'grüß dich' }));
    expect(await response.json()).toMatchObject({ body: 'grüß dich' });
    expect(server.apiRequests.map(({ status }) => status)).toEqual([401, 401, 200]);
    expect(server.counts.refreshesGranted).toBe(1);
    expect(server.apiRequests.map(({ body }) => Buffer.from(body).toString())).toEqual(Array(3).fill('grüß dich'));
  });

  test('J32: 50 callers, 5 tabs, nonce demanded at both servers: one refresh, two token requests at most', async () => {
    const world = boundWorld({ dpopNonceUses: 10_000 });
    const { server, run, clock, first } = world;
    await world.signIn(world.tab());
    const tabs = [first, first.open(), first.open(), first.open(), first.open()].map((peer) => world.tab(peer));
    for (const { tokens } of tabs) await run(tokens.getAccessToken());
    await clock.advance(60_000);
    const before = server.tokenRequests.length;
    const calls = tabs.flatMap((tab) => Array.from({ length: 10 }, () => tab.api(server.apiUrl)));
    const answers = await run(Promise.all(calls));
    expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200));
    expect(server.counts.refreshesGranted).toBe(1);
    expect(server.tokenRequests.length - before).toBeLessThanOrEqual(2);
    expect(server.counts.reusesDetected).toBe(0);
  });

  test('J33: all tabs use the session’s key, and no tab can overwrite or prune another’s', async () => {
    const world = boundWorld({ codeLifetimeMs: 600_000 });
    const { server, run, first, keys, clock } = world;
    const [one, two] = [world.tab(), world.tab(first.open())];
    const [a, b] = await Promise.all([run(one.signIn.begin()), run(two.signIn.begin())]);
    const backB = await world.visit(b);
    expect(await keys.list()).toHaveLength(2);
    await run(one.signIn.finish(await world.visit(a)));
    const name = storedBinding(first.items);
    expect((await run(two.api(server.apiUrl))).status).toBe(200);
    await clock.advance(61_000);
    const backC = await world.visit(await run(two.signIn.begin())); // prunes what nothing refers to
    await clock.settle();
    expect(await keys.list()).toContain(name);
    expect((await run(one.api(server.apiUrl))).status).toBe(200);
    await run(two.signIn.finish(backB));
    expect(storedBinding(first.items)).not.toBe(name);
    for (const tab of [one, two]) expect((await run(tab.api(server.apiUrl))).status).toBe(200);
    await run(one.signIn.finish(backC));
    await clock.advance(61_000);
    await run(one.signIn.begin());
    await clock.settle();
    expect(await keys.list()).toHaveLength(2); // of the session, and of the sign-in under way
    expect(await keys.list()).toContain(storedBinding(first.items));
  });

  test('J33: the keys of another manager on the same key store are none of ours', async () => {
    const world = boundWorld();
    const { run, keys, clock } = world;
    const { binding } = await run(keys.create());
    const page = world.tab();
    await world.signIn(page);
    await clock.advance(61_000);
    await run(page.signIn.begin());
    await run(page.signIn.end());
    expect(await keys.list()).toEqual([binding]);
  });

  test('J21: after a sign-out there is neither session, sign-in under way nor key', async () => {
    const world = boundWorld();
    const { run, keys, first } = world;
    const page = world.tab();
    await world.signIn(page);
    await run(page.signIn.begin());
    await run(page.signIn.end());
    expect([...first.items.keys()]).toEqual([]);
    expect(await keys.list()).toEqual([]);
  });

  test('a sign-in that fails leaves no key behind, wherever it fails', async () => {
    const world = boundWorld();
    const { server, run, keys, reason, first } = world;
    const page = world.tab();
    server.next({ status: 400, body: { error: 'invalid_request' } }, { endpoint: 'par' });
    expect(await reason(page.signIn.begin())).toMatchObject({ code: 'ERR_SIGN_IN_CONFIG' });
    expect(await keys.list()).toEqual([]);
    const url = await run(page.signIn.begin());
    server.next({ status: 400, body: { error: 'invalid_grant' } });
    expect(await reason(page.signIn.finish(await world.visit(url)))).toMatchObject({ code: 'ERR_SIGN_IN_RESPONSE' });
    expect(await keys.list()).toEqual([]);
    expect([...first.items.keys()]).toEqual([]);
  });
});

describe('J35: a bound token is never sent as Bearer; an unbound one is never accepted for a bound session', () => {
  test('a refresh that is answered with Bearer is refused, and the session is kept', async () => {
    const world = boundWorld();
    const { server, reason, run, clock } = world;
    const page = world.tab();
    await world.signIn(page);
    await clock.advance(60_000);
    server.next({ body: (own: object) => ({ ...own, token_type: 'Bearer' }) });
    expect(await reason(page.tokens.getAccessToken())).toMatchObject({
      code: 'ERR_REFRESH_CONFIG',
      message: expect.stringMatching(/not bound to the key of the session/),
    });
    await clock.advance(120_000);
    expect((await run(page.api(server.apiUrl))).status, 'its refresh token was kept').toBe(200);
  });

  test('a sign-in that is answered with Bearer is refused, and revoked', async () => {
    const world = boundWorld();
    const { server, reason, run } = world;
    const page = world.tab();
    const url = await run(page.signIn.begin());
    server.next({ body: (own: object) => ({ ...own, token_type: 'Bearer' }) });
    expect(await reason(page.signIn.finish(await world.visit(url)))).toMatchObject({ code: 'ERR_SIGN_IN_RESPONSE' });
    expect(server.counts.familiesRevoked).toBe(1);
  });

  test('a session from before DPoP was switched on goes on as it was, until the next sign-in', async () => {
    const world = boundWorld({ dpop: 'accepted' });
    const { server, run, clock, first, proofs } = world;
    await world.signIn(world.page());
    expect(JSON.parse(first.items.get('evertoken:session') ?? '')).toMatchObject({ evertoken: 1 });
    const page = world.tab();
    await clock.advance(60_000);
    expect((await run(page.api(server.apiUrl))).status).toBe(200);
    expect(server.apiRequests.at(-1)?.headers.authorization).toMatch(/^Bearer /);
    expect(proofs).toEqual([]);
    await world.signIn(page);
    expect((await run(page.api(server.apiUrl))).status).toBe(200);
    expect(server.apiRequests.at(-1)?.headers.authorization).toMatch(/^DPoP /);
  });

  test('where DPoP was switched off again, a bound refresh token is not presented, and nobody is signed out', async () => {
    const world = boundWorld();
    const { server, reason, clock } = world;
    await world.signIn(world.tab());
    const { tokens } = world.page();
    await clock.advance(60_000);
    const before = server.tokenRequests.length;
    expect(await reason(tokens.getAccessToken())).toMatchObject({ code: 'ERR_REFRESH_CONFIG' });
    expect(server.tokenRequests).toHaveLength(before);
    expect(tokens.getSnapshot().status).toBe('active');
  });
});

describe('J36: keys that cannot be had', () => {
  test('a key that is gone ends the session as lost, once, in every tab', async () => {
    const world = boundWorld();
    const { server, reason, keys, first, clock } = world;
    await world.signIn(world.tab());
    const [one, two] = [world.tab(), world.tab(first.open())];
    await world.run(two.tokens.getAccessToken());
    const reasons = [one, two].map(({ tokens }) => endings(tokens));
    await keys.remove(storedBinding(first.items) ?? '');
    await clock.advance(60_000);
    const before = server.tokenRequests.length;
    const errors = await Promise.all([one, one, two].map(({ tokens }) => reason(tokens.getAccessToken())));
    expect(errors.map(({ name }) => name)).toEqual(Array(3).fill('SessionError'));
    const told = errors.find(({ code }) => code === 'ERR_SESSION_LOST');
    expect(told?.message).toMatch(/key .* is gone/);
    await clock.settle();
    expect(reasons.flat().sort(), 'found by one, told to the other').toEqual(['lost', 'peer']);
    expect(server.tokenRequests, 'nothing was presented').toHaveLength(before);
    expect(first.items.has('evertoken:session')).toBe(false);
    await world.signIn(one);
    expect((await world.run(one.api(server.apiUrl))).status, 'the next sign-in makes a new one').toBe(200);
  });

  test('a request of the API finds out as well', async () => {
    const world = boundWorld();
    const { server, reason, keys, first } = world;
    await world.signIn(world.tab());
    const page = world.tab();
    const reasons = endings(page.tokens);
    await keys.remove(storedBinding(first.items) ?? '');
    expect(await reason(page.api(server.apiUrl))).toMatchObject({ code: 'ERR_SESSION_LOST' });
    expect(reasons).toEqual(['lost']);
    expect(server.apiRequests).toHaveLength(0);
  });

  test.each([
    ['that ends at a known time', 600],
    ['whose end is not known', undefined],
  ])(
    'a request of the API ends a session without a refresh token %s as lost too, and nothing is asked',
    async (_, expires_in) => {
      const world = boundWorld();
      const { server, reason, run, keys, first } = world;
      const { binding } = await keys.create();
      const page = world.tab();
      const reasons = endings(page.tokens);
      await run(page.tokens.startSession({ access_token: 'a', token_type: 'DPoP', expires_in }, { binding }));
      await keys.remove(binding);
      expect(await reason(page.api(server.apiUrl))).toMatchObject({ code: 'ERR_SESSION_LOST' });
      expect(reasons).toEqual(['lost']);
      expect(first.items.has('evertoken:session')).toBe(false);
      expect([server.apiRequests, server.tokenRequests]).toEqual([[], []]);
    },
  );

  test('that another key was missed before says nothing about the present one', async () => {
    const world = boundWorld();
    const { server, reason, run, keys, clock } = world;
    const [{ binding: before }, { binding }] = [await keys.create(), await keys.create()];
    const page = world.tab();
    const tokens = (access_token: string) => ({ access_token, token_type: 'DPoP', expires_in: 600 });
    await run(page.tokens.startSession(tokens('a'), { binding: before }));
    await keys.remove(before);
    expect(await reason(page.api(server.apiUrl))).toMatchObject({ code: 'ERR_SESSION_LOST' });
    await run(page.tokens.startSession(tokens('b'), { binding }));
    const reasons = endings(page.tokens);
    expect(await reason(page.tokens.replaceAccessToken('b'))).toMatchObject({ code: 'ERR_REFRESH_CONFIG' });
    await clock.advance(600_000);
    expect(await reason(page.tokens.getAccessToken())).toMatchObject({ code: 'ERR_SESSION_EXPIRED' });
    expect(reasons).toEqual(['expired']);
  });

  test('a key store that fails ends nothing', async () => {
    const world = boundWorld();
    const { server, reason, run, keys, clock } = world;
    await world.signIn(world.tab());
    const page = world.tab();
    const { find } = keys;
    Object.assign(keys, { find: () => Promise.reject(new Error('locked')) });
    await clock.advance(60_000);
    expect(await reason(page.tokens.getAccessToken())).toMatchObject({ code: 'ERR_REFRESH_NETWORK' });
    expect(page.tokens.getSnapshot().status).toBe('active');
    Object.assign(keys, { find });
    await clock.advance(120_000);
    expect((await run(page.api(server.apiUrl))).status).toBe(200);
  });

  test('a sign-in whose key is gone says to begin again; one whose key store fails can be finished again', async () => {
    const world = boundWorld();
    const { reason, run, keys } = world;
    const url = await run(world.tab().signIn.begin({ returnTo: '/orders' }));
    const back = await world.visit(url);
    const page = world.tab();
    const { find } = keys;
    Object.assign(keys, { find: () => Promise.reject(new Error('locked')) });
    expect(await reason(page.signIn.finish(back))).toMatchObject({ code: 'ERR_SIGN_IN_NETWORK', again: 'finish' });
    Object.assign(keys, { find: async () => undefined });
    expect(await reason(page.signIn.finish(back))).toMatchObject({
      code: 'ERR_SIGN_IN_UNKNOWN',
      again: 'begin',
      returnTo: '/orders',
    });
    Object.assign(keys, { find });
  });
});

test('J37: a tab that still runs an older version leaves a bound session alone, because it is of a version it does not know', async () => {
  const world = boundWorld();
  await world.signIn(world.tab());
  expect(JSON.parse(world.first.items.get('evertoken:session') ?? '')).toMatchObject({ evertoken: 2 });
});

describe('J34: clocks that are wrong', () => {
  test.each([
    ['two hours', 7_200_000],
    ['minus two hours', -7_200_000],
    ['ten minutes', 600_000],
  ])('%s: one more request at the first contact, none after that', async (_, offMs) => {
    const world = boundWorld();
    world.offMs = offMs;
    const { server, run, clock, requests } = world;
    const page = world.tab();
    await world.signIn(page);
    await run(page.api(server.apiUrl));
    await clock.advance(60_000);
    expect((await run(page.api(server.apiUrl))).status).toBe(200);
    expect(tokensAndPar(requests)).toEqual(['POST /par', 'POST /par', 'POST /token', 'POST /token']);
    expect(requests.filter((request) => request === 'GET /api')).toHaveLength(2);
  });

  test('with nonces, a server that looks at the time all the same is served as well', async () => {
    const world = boundWorld({ dpopNonceUses: 3, dpopIat: 'checked' });
    world.offMs = 600_000;
    const { server, run } = world;
    const page = world.tab();
    await world.signIn(page);
    for (let call = 0; call < 8; call++) expect((await run(page.api(server.apiUrl))).status).toBe(200);
  });

  test('where nothing can be learned, the error of a sign-in says clock', async () => {
    const world = boundWorld();
    world.offMs = 7_200_000;
    world.isExposed = false;
    const page = world.tab();
    expect(await world.reason(page.signIn.begin())).toMatchObject({
      code: 'ERR_SIGN_IN_CONFIG',
      oauthError: 'invalid_dpop_proof',
      message: expect.stringMatching(/clock/),
    });
  });

  test('and so does that of a refresh', async () => {
    const world = boundWorld();
    const { clock, reason } = world;
    const page = world.tab();
    world.isExposed = false;
    await world.signIn(page);
    world.offMs = 7_200_000;
    await clock.advance(60_000);
    expect(await reason(page.tokens.getAccessToken())).toMatchObject({
      code: 'ERR_REFRESH_CONFIG',
      message: expect.stringMatching(/clock/),
    });
    expect(page.tokens.getSnapshot().status).toBe('active');
  });
});

test('a server that spends the refresh token first is met with a nonce in hand', async () => {
  const world = boundWorld({ dpopNonceUses: 5, dpopSpendsFirst: true });
  const { server, run, clock } = world;
  const page = world.tab();
  await world.signIn(page);
  for (let round = 0; round < 6; round++) {
    await clock.advance(60_000);
    expect((await run(page.api(server.apiUrl))).status).toBe(200);
  }
  expect(server.counts.reusesDetected).toBe(0);
});

test('a device signs in with a key of its own, and leaves none behind where it fails', async () => {
  const world = boundWorld({ dpopNonceUses: 2 });
  const { server, run, clock, keys, reason } = world;
  const { client, tokens, api } = world.tab();
  await run(deviceSignIn({ client, tokens, clock, onCode: () => undefined }));
  expect(await keys.list()).toEqual([storedBinding(world.first.items)]);
  expect((await run(api(server.apiUrl))).status).toBe(200);
  server.set({ consent: 'refused' });
  expect(await reason(deviceSignIn({ client, tokens, clock, onCode: () => undefined }))).toMatchObject({
    code: 'ERR_SIGN_IN_CANCELLED',
  });
  expect(await keys.list()).toHaveLength(1);
  await run(tokens.endSession());
  await run(tokens.settled());
  expect(await keys.list(), 'the key goes with the session').toEqual([]);
});

test('a sign-in of one’s own works with tokenEndpoint', async () => {
  const world = boundWorld({ dpopNonceUses: 2 });
  const { server, run, clock, keys, first, reason } = world;
  const { own } = world.tab();
  const endpoint = { url: server.tokenUrl, clientId: 'app', fetch: server.fetch };
  const tokens = createTokenManager({
    refresh: tokenEndpoint({ ...endpoint, dpop: own }),
    platform: first.platform,
    proactive: false,
  });
  const { binding } = await run(keys.create());
  const { refresh_token = '' } = server.signIn({ clientId: 'app' });
  const response = await run(
    own.endpoint(binding, server.fetch)(server.tokenUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token, client_id: 'app' }).toString(),
    }),
  );
  await run(tokens.startSession(await response.json(), { binding }));
  await clock.advance(60_000);
  const token = await run(tokens.getAccessToken());
  expect(server.inspect(token)).toMatchObject({ jkt: binding, active: true });
  tokens.dispose();
  const without = createTokenManager({ refresh: tokenEndpoint(endpoint), platform: first.platform, proactive: false });
  await clock.advance(60_000);
  expect(await reason(without.getAccessToken())).toMatchObject({
    code: 'ERR_REFRESH_CONFIG',
    cause: expect.objectContaining({ message: expect.stringMatching(/Option dpop: expected what dpop\(\) gave/) }),
  });
  without.dispose();
});
