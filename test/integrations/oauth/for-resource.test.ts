import { describe, expect, test } from 'vitest';
import { createTokenManager, inProcess, type Lock, type RefreshRequest, tokenEndpoint } from '../../../src/index.js';
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

describe('a refusal that says the grant is over, and could not be confirmed', () => {
  const files = 'https://files.test';
  const name = 'https://files.test||';

  /** The first answer is that refusal; from then on the storage cannot be read, or the lock is lost. */
  async function createRefused(what: 'unreadable' | 'lock lost') {
    const { storage, lock } = inProcess();
    const state = { isUnreadable: false, lose: () => undefined as unknown };
    const fragile: Lock = {
      run: (key, signal, task, options) => {
        const lost = new AbortController();
        state.lose = () => lost.abort();
        return lock.run(key, signal, () => task({ signal: lost.signal }), options);
      },
    };
    const getItem = (key: string) =>
      state.isUnreadable ? Promise.reject(new Error('unreadable')) : storage.getItem(key);
    const server = createAuthServer();
    const asked: string[] = [];
    const refresh = async ({ target }: RefreshRequest) => {
      if (asked.push(target?.resource ?? 'session') > 1) return server.signIn();
      if (what === 'unreadable') state.isUnreadable = true;
      else state.lose();
      return Response.json({ error: 'invalid_grant' }, { status: 400 });
    };
    const { tokens, clock, events } = createWorld({
      refresh: Object.assign(refresh, { forTargets: true as const }),
      parts: { storage: { ...storage, getItem }, lock: fragile },
    });
    await tokens.startSession(server.signIn());
    const source = forResource(tokens, { resource: files });
    const ask = () => outcome(clock, source.getAccessToken());
    const note = () => JSON.parse(String(storage.getItem('evertoken:session'))).others?.[name]?.failure;
    return { tokens, clock, events, asked, state, ask, note };
  }

  test('as the storage cannot be read: the target waits, nobody is signed out, and it is stored later', async () => {
    const { tokens, clock, events, asked, state, ask, note } = await createRefused('unreadable');
    expect((await ask()).error).toMatchObject({ code: 'ERR_STORAGE_READ' }); // of the session's own refresh
    for (let i = 0; i < 3; i++) expect((await ask()).error).toMatchObject({ oauthError: 'invalid_grant' });
    expect([asked, tokens.getSnapshot().status, note()]).toEqual([[files], 'active', undefined]);
    expect(events.filter(({ type }) => type === 'sessionEnded')).toEqual([]);

    state.isUnreadable = false;
    await clock.advance(30_000);
    expect(note()).toMatchObject({ oauthError: 'invalid_grant', retryAt: expect.any(Number) });
    expect((await ask()).error).toMatchObject({ oauthError: 'invalid_grant' });
    expect(asked).toEqual([files]);
    await clock.advance(MINUTE);
    expect((await ask()).ok).toBe(true);
    expect(asked).toEqual([files, files]);
  });

  test('as the lock was lost: the target waits, the session is asked about, and it is stored later', async () => {
    const { tokens, clock, events, asked, ask, note } = await createRefused('lock lost');
    expect((await ask()).error).toMatchObject({ oauthError: 'invalid_grant' });
    expect((await ask()).error).toMatchObject({ oauthError: 'invalid_grant' });
    expect([asked, tokens.getSnapshot().status]).toEqual([[files, 'session'], 'active']);
    expect(events.filter(({ type }) => type === 'sessionEnded')).toEqual([]);
    await clock.advance(30_000);
    expect(note()).toMatchObject({ oauthError: 'invalid_grant' });
    await clock.advance(MINUTE);
    expect((await ask()).ok).toBe(true);
    expect(asked).toEqual([files, 'session', files]);
  });
});

describe('where several hold the lock', () => {
  const files = 'https://files.test';
  const key = 'session';

  /** The requests of an errand and of the session's own refresh may be under way at the same time. */
  async function createShared(retry: { attempts: number; minDelayMs?: number }) {
    const lock: Lock = {
      run: async (_key, _signal, task) => task({ signal: new AbortController().signal, exclusive: false }),
    };
    const world = createWorld({ key, retry, parts: { lock }, server: { reuseWindowMs: MINUTE } });
    const { tokens, clock, server, platform } = world;
    const first = server.signIn();
    await outcome(clock, tokens.startSession(first));
    const refresh = tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch });
    const peer = createTokenManager({ key, refresh, platform, proactive: false });
    await outcome(clock, peer.ready());
    const stored = () => JSON.parse(String(platform.storage.getItem(`evertoken:${key}`)));
    const ask = (of = tokens) => outcome(clock, forResource(of, { resource: files }).getAccessToken());
    return { ...world, first: String(first.access_token), peer, stored, ask };
  }

  test.each([undefined, '30'])(
    'a failure of the session that is noted while an errand is under way outlives the failure of that, Retry-After: %s',
    async (retryAfter) => {
      const { tokens, clock, server, stored, ask } = await createShared({ attempts: 1, minDelayMs: 20_000 });
      server.next({ status: 400, body: { error: 'invalid_target' }, answerDelayMs: 500 });
      server.next({ status: 503, headers: retryAfter ? { 'Retry-After': retryAfter } : {} });
      const errand = ask();
      await clock.advance(50);
      expect((await outcome(clock, tokens.refresh())).error).toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE' });
      const { retryAt } = tokens.getSnapshot();
      expect((await errand).error).toMatchObject({ oauthError: 'invalid_target' });
      expect(tokens.getSnapshot()).toMatchObject({ status: 'active', retryAt });
      expect(stored()).toMatchObject({
        failure: { retryAt },
        others: { [`${files}||`]: { failure: { status: 400 } } },
      });
      expect(retryAt).toBeGreaterThan(clock.now());
    },
  );

  test.each(['asked', 'rejected'])(
    'a refresh that waits for its next attempt heeds what an errand was told meanwhile: %s',
    async (reason) => {
      const { tokens, clock, server, first, ask } = await createShared({ attempts: 3 });
      server.next({ status: 429, headers: { 'Retry-After': '30' }, answerDelayMs: 300 });
      server.next({ status: 503 });
      const startAt = clock.now();
      const errand = ask();
      await clock.advance(50);
      const refreshed = outcome<unknown>(
        clock,
        reason === 'asked' ? tokens.refresh() : tokens.replaceAccessToken(first),
      );
      const told = { code: 'ERR_REFRESH_UNAVAILABLE', status: 429, retryAt: startAt + 30_300 };
      expect((await errand).error).toMatchObject(told);
      expect((await refreshed).error).toMatchObject(told);
      expect(server.tokenRequests).toHaveLength(2);
      await clock.advance(30_000);
      expect((await outcome(clock, tokens.refresh())).ok).toBe(true);
    },
  );

  test('a failed errand leaves the mark of a peer whose request had no answer, so that a refusal is told as a loss', async () => {
    const { tokens, clock, server, platform, stored, ask } = await createShared({ attempts: 1 });
    platform.storage.setItem(`evertoken:${key}`, JSON.stringify({ ...stored(), unanswered: true }));
    server.next({ status: 400, body: { error: 'invalid_scope' } });
    expect((await ask()).error).toMatchObject({ oauthError: 'invalid_scope' });
    expect(stored()).toMatchObject({ unanswered: true, notes: 1 });
    server.next({ status: 400, body: { error: 'invalid_grant' } });
    expect((await outcome(clock, tokens.refresh())).error).toMatchObject({ code: 'ERR_SESSION_LOST' });
  });

  test('a failed errand leaves what a peer has noted for another API, also after a note of its own that was not stored', async () => {
    const { tokens, clock, server, peer, platform, stored, ask } = await createShared({ attempts: 1 });
    const mail = () => outcome(clock, forResource(tokens, { resource: 'https://mail.test' }).getAccessToken());
    const { setItem } = platform.storage;
    platform.storage.setItem = () => {
      throw new Error('full');
    };
    server.next({ status: 503 });
    expect((await mail()).error).toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE' });
    platform.storage.setItem = setItem;
    server.next({ status: 400, body: { error: 'invalid_target' } });
    expect((await ask(peer)).error).toMatchObject({ oauthError: 'invalid_target' });
    await clock.advance(5_000);
    server.next({ status: 503 });
    expect((await mail()).error).toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE' });
    expect(server.tokenRequests).toHaveLength(3);
    expect(stored().others).toMatchObject({
      [`${files}||`]: { failure: { oauthError: 'invalid_target' } },
      'https://mail.test||': { failure: { status: 503 } },
    });
    expect((await ask()).error).toMatchObject({ oauthError: 'invalid_target' });
    expect(server.tokenRequests).toHaveLength(3);
  });

  test('an errand of a peer does not hide the new access token from who has refreshed meanwhile', async () => {
    const { tokens, clock, server, events, first, peer, stored, ask } = await createShared({ attempts: 1 });
    server.next({ answerDelayMs: 500 });
    const replaced = outcome(clock, tokens.replaceAccessToken(first));
    await clock.advance(50);
    const errand = await ask(peer);
    expect(server.inspect(errand.value ?? '')?.resource).toBe(files);
    const { value } = await replaced;
    expect(value).not.toBe(first);
    expect(server.inspect(value ?? '')).toMatchObject({ active: true });
    expect(server.inspect(value ?? '')?.resource).toBeUndefined();
    expect(await tokens.getAccessToken()).toBe(value);
    expect(stored().accessToken).toBe(value);
    expect(events.filter(({ type }) => type === 'refreshed')).toMatchObject([{ event: { by: 'us' } }]);
    peer.dispose();
  });
});
