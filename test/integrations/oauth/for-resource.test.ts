import { describe, expect, test } from 'vitest';
import { inProcess, type RefreshRequest, tokenEndpoint } from '../../../src/index.js';
import { forResource, oauthClient, refreshWith } from '../../../src/integrations/oauth.js';
import { stepUpFetch } from '../../../src/integrations/step-up.js';
import { createAuthServer } from '../../../src/testing.js';
import { boundWorld } from '../../support/bound-world.js';
import { createWorld, MINUTE, outcome } from '../../support/promise-world.js';

const request = (more: Partial<RefreshRequest>): RefreshRequest => ({
  refreshToken: 'r1',
  accessToken: undefined,
  scopes: ['orders'],
  reason: 'expired',
  attempt: 1,
  attemptId: 'a',
  signal: new AbortController().signal,
  ...more,
});

/** The form that a refresh function sends for a target; undefined where it sends none. */
function forms() {
  const sent: Record<string, string>[] = [];
  const send: typeof fetch = async (_, init) => {
    sent.push(Object.fromEntries(new URLSearchParams(String(init?.body))));
    return new Response('{}');
  };
  return { sent, send };
}

describe('what is sent for a target', () => {
  const [files, mail] = ['https://files.test', 'https://mail.test'];

  test.each([
    ['nothing', undefined, { resource: 'https://own.test', audience: 'own', scope: 'a' }],
    ['a resource', { resource: files }, { resource: files }],
    ['a resource and scopes', { resource: files, scopes: ['x', 'y'] }, { resource: files, scope: 'x y' }],
    ['an audience', { audience: 'other' }, { audience: 'other' }],
    ['scopes alone', { scopes: ['x'] }, { resource: 'https://own.test', audience: 'own', scope: 'x' }],
  ])('tokenEndpoint: %s', async (_, target, expected) => {
    const { sent, send } = forms();
    const parameters = { resource: 'https://own.test', audience: 'own', scope: 'a', extra: 'kept' };
    const refresh = tokenEndpoint({ url: 'https://auth.test/token', clientId: 'app', parameters, fetch: send });
    await refresh(request(target ? { target } : {}));
    const base = { grant_type: 'refresh_token', refresh_token: 'r1', client_id: 'app', extra: 'kept' };
    expect(sent).toEqual([{ ...base, ...expected }]);
    expect(refresh.forTargets).toBe(true);
  });

  test.each([
    ['nothing', undefined, { resource: files }],
    ['a resource', { resource: mail }, { resource: mail }],
    ['an audience', { audience: 'other' }, { audience: 'other' }],
    ['scopes alone', { scopes: ['x', 'y'] }, { resource: files, scope: 'x y' }],
  ])('refreshWith: %s', async (_, target, expected) => {
    const { sent, send } = forms();
    const issuer = {
      issuer: 'https://auth.test',
      token_endpoint: 'https://auth.test/token',
      authorization_endpoint: 'https://auth.test/authorize',
    };
    const client = oauthClient({ issuer, clientId: 'app', resource: [files, mail], fetch: send });
    const refresh = refreshWith(client);
    await refresh(request(target ? { target } : {}));
    expect(sent).toEqual([{ grant_type: 'refresh_token', refresh_token: 'r1', client_id: 'app', ...expected }]);
    expect(refresh.forTargets).toBe(true);
  });

  test('refreshWith refuses a resource that the client does not list before any request', async () => {
    const server = createAuthServer();
    const client = oauthClient({ issuer: server.origin, clientId: 'app', resource: files, fetch: server.fetch });
    const refusal = refreshWith(client)(request({ target: { resource: mail } }));
    await expect(refusal).rejects.toMatchObject({ error: 'unauthorized_client' });
    expect(server.tokenRequests).toEqual([]);
  });

  test('what asks for another token has another attempt id, so that no server gives the answer of the other', async () => {
    const asked: RefreshRequest[] = [];
    const refresh = Object.assign(
      async (given: RefreshRequest) => {
        asked.push(given);
        throw new Error('no answer');
      },
      { forTargets: true as const },
    );
    const { tokens, clock, server } = createWorld({ refresh, retry: { attempts: 2 } });
    await tokens.startSession(server.signIn());
    await outcome(clock, forResource(tokens, { resource: files }).getAccessToken());
    await outcome(clock, forResource(tokens, { resource: mail }).getAccessToken());
    await outcome(clock, tokens.refresh());
    const ids = asked.map(({ attemptId }) => attemptId);
    expect(new Set(ids).size).toBe(3);
    expect([ids[0], ids[2]]).toEqual([ids[1], ids[3]]);
  });
});

test('a claims challenge of one API is answered by an errand with the claims, and by no other', async () => {
  const { tokens, clock, server } = createWorld();
  await tokens.startSession(server.signIn());
  const source = forResource(tokens, { resource: 'https://files.test' });
  const first = (await outcome(clock, source.getAccessToken())).value ?? '';
  const claims = Buffer.from('{"access_token":{"acrs":{"essential":true}}}').toString('base64');
  const challenge = { scheme: 'bearer', parameters: { claims } };
  const second = (await outcome(clock, source.replaceAccessToken(first, { challenge }))).value;
  expect(second).not.toBe(first);
  expect(await source.replaceAccessToken(first, { challenge })).toBe(second);
  expect(server.tokenRequests).toHaveLength(2);
});

test('a step-up at one API asks for another access token there, with what the user has proved', async () => {
  const { tokens, clock, server } = createWorld();
  await tokens.startSession(server.signIn({ scope: 'openid' }));
  const source = forResource(tokens, { resource: 'https://files.test' });
  const api = stepUpFetch(source, {
    origins: [server.origin],
    fetch: server.fetch,
    stepUp: async () => {
      await tokens.startSession(server.signIn({ scope: 'openid more' }), { continues: true });
      return true;
    },
  });
  const answer = await outcome(clock, api(`${server.apiUrl}/scope/more`));
  expect(answer.value?.status).toBe(200);
  expect(server.tokenRequests).toHaveLength(2);
});

test("what waits is refused when the session ends, and the reason of an abort is the caller's own", async () => {
  const { tokens, clock, server } = createWorld({ server: { delayMs: 1_000 } });
  await tokens.startSession(server.signIn());
  const source = forResource(tokens, { resource: 'https://files.test' });
  const controller = new AbortController();
  const reason = new Error('left');
  const left = source.getAccessToken({ signal: controller.signal }).catch((error) => error);
  const stays = source.getAccessToken();
  await clock.advance(100);
  controller.abort(reason);
  expect(await left).toBe(reason);
  expect((await outcome(clock, stays)).ok).toBe(true);
  const refused = forResource(tokens, { resource: 'https://mail.test' })
    .getAccessToken()
    .catch((error) => error);
  await clock.advance(100);
  await outcome(clock, tokens.endSession());
  expect((await outcome(clock, refused)).value).toMatchObject({ code: 'ERR_NO_SESSION' });
});

test('the access token for a target is usable whatever goes wrong with errands, until it expires', async () => {
  const { tokens, clock, server } = createWorld();
  await tokens.startSession(server.signIn());
  const source = forResource(tokens, { resource: 'https://files.test' });
  const first = (await outcome(clock, source.getAccessToken())).value;
  server.always({ status: 503 });
  await clock.advance(9 * MINUTE + 30_000);
  expect(await source.getAccessToken()).toBe(first);
  expect((await outcome(clock, source.getAccessToken({ minValidityMs: 5 * MINUTE }))).value).toBe(first);
  await clock.advance(MINUTE);
  expect((await outcome(clock, source.getAccessToken())).error).toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE' });
  expect(tokens.getSnapshot().status).toBe('active');
});

test('an access token that expires while a better one is waited for is not served', async () => {
  const { tokens, clock, server } = createWorld({ parts: { background: false }, server: { delayMs: 3_000 } });
  await tokens.startSession(server.signIn());
  const source = forResource(tokens, { resource: 'https://files.test' });
  const first = (await outcome(clock, source.getAccessToken())).value;
  clock.sleep(10 * MINUTE - 4_000);
  const second = (await outcome(clock, source.getAccessToken())).value;
  expect(second).not.toBe(first);
  expect(server.inspect(second ?? '')).toMatchObject({ active: true });
});

test('a usable access token is not served after a sign-out that comes while a better one is waited for', async () => {
  const { storage } = inProcess();
  let isSilent = false;
  const getItem = (key: string) => (isSilent ? new Promise<null>(() => undefined) : storage.getItem(key));
  const { tokens, clock, server } = createWorld({ parts: { background: false, storage: { ...storage, getItem } } });
  await tokens.startSession(server.signIn());
  const source = forResource(tokens, { resource: 'https://files.test' });
  await outcome(clock, source.getAccessToken());
  clock.sleep(9 * MINUTE + 30_000);
  isSilent = true;
  const waiting = outcome(clock, source.getAccessToken());
  await clock.advance(1_000);
  void tokens.endSession().catch(() => undefined);
  expect(await waiting).toMatchObject({ ok: false, error: { code: 'ERR_NO_SESSION' } });
});

test('a Retry-After that an errand is told holds for the session as well', async () => {
  const { tokens, clock, server } = createWorld();
  await tokens.startSession(server.signIn());
  server.next({ status: 429, headers: { 'Retry-After': '30' } });
  const asked = await outcome(clock, forResource(tokens, { resource: 'https://files.test' }).getAccessToken());
  expect(asked.error).toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE' });
  expect((await outcome(clock, tokens.refresh())).error).toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE' });
  expect(server.tokenRequests).toHaveLength(1);
  await clock.advance(31_000);
  expect((await outcome(clock, tokens.refresh())).ok).toBe(true);
});

test('of a session that is bound to a key each access token is sent with a proof, and dated by its own time', async () => {
  const world = boundWorld();
  const { clock, server } = world;
  const page = world.tab();
  await world.signIn(page);
  const { createFetch } = await import('../../../src/index.js');
  const source = forResource(page.tokens, { scopes: ['openid'] });
  await clock.advance(30_000);
  const api = createFetch(source, { origins: [server.origin], fetch: page.own.fetch(page.tokens, server.fetch) });
  expect((await outcome(clock, api(server.apiUrl))).value?.status).toBe(200);
  await clock.advance(5_000);
  const { dpop, authorization } =
    (await outcome(clock, page.own.headers(source, { url: server.apiUrl, method: 'GET' }))).value ?? {};
  expect(authorization).toMatch(/^DPoP /);
  const claims = JSON.parse(Buffer.from(dpop?.split('.')[1] ?? '', 'base64url').toString());
  expect(Math.abs(claims.iat * 1_000 - clock.now())).toBeLessThan(2_000);
  const plain = createFetch(source, { origins: [server.origin], fetch: server.fetch });
  await expect(outcome(clock, plain(server.apiUrl))).resolves.toMatchObject({ error: { code: 'ERR_OPTIONS' } });
});

describe('a session that the storage never took', () => {
  const [files, mail] = ['https://files.test', 'https://mail.test'];

  async function createUnstored() {
    const storage = { ...inProcess().storage, setItem: () => Promise.reject(new Error('full')) };
    const world = createWorld({ parts: { storage }, server: { delayMs: 100 } });
    await outcome(world.clock, world.tokens.startSession(world.server.signIn()));
    return world;
  }

  test('makes no errand before the end of a pause that the one before it was told', async () => {
    const { tokens, clock, server } = await createUnstored();
    server.next({ status: 429, headers: { 'Retry-After': '30' } });
    const asked = [files, mail].map((resource) => forResource(tokens, { resource }).getAccessToken());
    const all = await outcome(clock, Promise.allSettled(asked));
    expect(all.value?.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(server.tokenRequests).toHaveLength(1);
    await clock.advance(31_000);
    expect((await outcome(clock, forResource(tokens, { resource: mail }).getAccessToken())).ok).toBe(true);
  });

  test('is not refreshed before the end of a pause that an errand was told meanwhile', async () => {
    const { tokens, clock, server } = await createUnstored();
    server.next({ status: 429, headers: { 'Retry-After': '30' } });
    const asked = Promise.allSettled([forResource(tokens, { resource: files }).getAccessToken()]);
    await clock.advance(50);
    const refreshed = Promise.allSettled([tokens.refresh()]);
    const all = await outcome(
      clock,
      Promise.all([asked, refreshed]).then((both) => both.flat()),
    );
    expect(all.value?.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(server.tokenRequests).toHaveLength(1);
    await clock.advance(31_000);
    expect((await outcome(clock, tokens.refresh())).ok).toBe(true);
  });

  test('keeps a pause that its refresh is told, whatever an errand was refused meanwhile', async () => {
    const { tokens, clock, server } = await createUnstored();
    server.next({ status: 400, body: { error: 'invalid_target' } });
    server.next({ status: 429, headers: { 'Retry-After': '30' } });
    const [first, second] = [files, mail].map((resource) => forResource(tokens, { resource }));
    const asked = Promise.allSettled([first?.getAccessToken()]);
    await clock.advance(50);
    const others = Promise.allSettled([tokens.refresh(), second?.getAccessToken()]);
    const all = await outcome(
      clock,
      Promise.all([asked, others]).then((both) => both.flat()),
    );
    expect(all.value?.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(server.tokenRequests).toHaveLength(2);
    await clock.advance(31_000);
    expect((await outcome(clock, second?.getAccessToken() ?? Promise.reject())).ok).toBe(true);
  });

  test('makes one errand for two who ask for the same target, each with a source of its own', async () => {
    const { tokens, clock, server } = await createUnstored();
    const asked = [files, files].map((resource) => forResource(tokens, { resource }).getAccessToken());
    const [first, second] = (await outcome(clock, Promise.all(asked))).value ?? [];
    expect(second).toBe(first);
    expect(server.tokenRequests).toHaveLength(1);
  });
});
