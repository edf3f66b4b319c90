import { expect, test } from 'vitest';
import {
  createFetch,
  createTokenManager,
  type TokenManager,
  type TokenSource,
  tokenEndpoint,
} from '../../src/index.js';
import { forResource } from '../../src/integrations/oauth.js';
import {
  type AuthServer,
  type AuthServerOptions,
  createAuthServer,
  type FakeClock,
  fakeClock,
  type Peer,
  peers,
} from '../../src/testing.js';
import { MINUTE, outcome, record } from '../support/promise-world.js';

const APIS = ['https://files.test', 'https://mail.test', 'https://maps.test'] as const;

interface Tabs {
  readonly clock: FakeClock;
  readonly server: AuthServer;
  readonly tabs: readonly Peer[];
  readonly managers: readonly TokenManager[];
  /** Of one tab, one for each API. */
  sources(tab: number): readonly TokenSource[];
}

/** Tabs of one session, signed in at a strict server. */
async function createTabs(count: number, options: AuthServerOptions = {}): Promise<Tabs> {
  const clock = fakeClock();
  const server = createAuthServer({ clock, accessTokenLifetimeMs: 10 * MINUTE, resources: APIS, ...options });
  const tabs = peers(count, { clock });
  const managers = tabs.map((tab) => managerOf(server, tab));
  await outcome(clock, managers[0]?.startSession(server.signIn()) ?? Promise.reject());
  for (const manager of managers) await outcome(clock, manager.getAccessToken());
  const made = managers.map((manager) => APIS.map((resource) => forResource(manager, { resource })));
  return { clock, server, tabs, managers, sources: (tab) => made[tab] ?? [] };
}

function managerOf(server: AuthServer, tab: Peer): TokenManager {
  const endpoint = tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch });
  const refresh = Object.assign((request: Parameters<typeof endpoint>[0]) => tab.through(() => endpoint(request)), {
    forTargets: true as const,
  });
  return createTokenManager({ refresh, platform: tab.platform, proactive: false });
}

/** The refresh tokens that were presented are a chain: each once, and none after another one had taken its place. */
function expectChain({ server }: Tabs, length: number): void {
  const presented = server.tokenRequests.map(({ refreshToken }) => refreshToken);
  expect(presented).toHaveLength(length);
  expect(new Set(presented).size).toBe(length);
  expect(server.counts).toMatchObject({
    reusesDetected: 0,
    familiesRevoked: 0,
    mostTokenRequestsAtOnce: Math.min(1, length),
  });
}

test('k targets asked for at once, by any number of tabs, cost k requests, one after the other (J45)', async () => {
  const world = await createTabs(4, { delayMs: 200, answerDelayMs: 100 });
  const { clock, server, managers } = world;
  const all = await outcome(
    clock,
    Promise.all(managers.flatMap((_, tab) => world.sources(tab).map((source) => source.getAccessToken()))),
  );
  expect(all.ok).toBe(true);
  const given = all.value ?? [];
  expect(given.map((token) => server.inspect(token)?.resource)).toEqual(managers.flatMap(() => APIS));
  expect(new Set(given).size).toBe(APIS.length);
  expectChain(world, APIS.length);
  for (const manager of managers) manager.dispose();
});

test('the second round makes no request, and after a reload neither (J47)', async () => {
  const world = await createTabs(1);
  const { clock, server, tabs, managers } = world;
  const ask = (sources: readonly TokenSource[]) =>
    outcome(clock, Promise.all(sources.map((source) => source.getAccessToken())));
  const first = await ask(world.sources(0));
  expect(await ask(world.sources(0))).toMatchObject({ value: first.value });
  managers[0]?.dispose();
  const [tab] = tabs;
  if (!tab) throw new Error('no tab');
  tab.reload();
  const reloaded = managerOf(server, tab);
  const again = APIS.map((resource) => forResource(reloaded, { resource }));
  expect(await ask(again)).toMatchObject({ value: first.value });
  expectChain(world, APIS.length);
  reloaded.dispose();
});

test('an errand changes neither the access token of the session nor its scopes (J48)', async () => {
  const world = await createTabs(2);
  const { clock, managers } = world;
  const [one, two] = managers as [TokenManager, TokenManager];
  const events = [...managers.map(record)].flat();
  const before = { token: await one.getAccessToken(), snapshot: one.getSnapshot() };
  await outcome(clock, Promise.all(world.sources(0).map((source) => source.getAccessToken())));
  for (const manager of [one, two]) {
    expect(await manager.getAccessToken()).toBe(before.token);
    expect(manager.getSnapshot()).toEqual({ ...before.snapshot, sessionId: manager.getSnapshot().sessionId });
  }
  expect(events).toEqual([]);
  await outcome(clock, one.refresh());
  expectChain(world, APIS.length + 1);
  expect(await one.getAccessToken()).not.toBe(before.token);
});

test('each API gets the access token for its resource, and a 401 there replaces that one alone (J46)', async () => {
  const world = await createTabs(1, { resources: undefined });
  const { clock, server, managers } = world;
  const [tokens] = managers as [TokenManager];
  const apis = APIS.map((resource, at) => ({
    url: `${server.apiUrl}/resource/${encodeURIComponent(resource)}`,
    api: createFetch(world.sources(0)[at] as TokenSource, { origins: [server.origin], fetch: server.fetch }),
  }));
  const call = async () =>
    (await outcome(clock, Promise.all(apis.map(({ url, api }) => api(url))))).value?.map(({ status }) => status);
  expect(await call()).toEqual([200, 200, 200]);
  const [files, mail, maps] =
    (await outcome(clock, Promise.all(world.sources(0).map((one) => one.getAccessToken())))).value ?? [];
  const own = await tokens.getAccessToken();
  server.revokeAccessTokens(mail);
  expect(await call()).toEqual([200, 200, 200]);
  const now = (await outcome(clock, Promise.all(world.sources(0).map((one) => one.getAccessToken())))).value ?? [];
  expect([now[0], now[2], await tokens.getAccessToken()]).toEqual([files, maps, own]);
  expect(now[1]).not.toBe(mail);
  expectChain(world, APIS.length + 1);
});

test('a target that the server refuses harms no other target, is not hammered, and ends no session (J49)', async () => {
  const world = await createTabs(2);
  const { clock, server, managers } = world;
  const [one, two] = managers as [TokenManager, TokenManager];
  const wrong = [one, two].map((manager) => forResource(manager, { resource: 'https://nobody.test' }));
  const refused = await outcome(clock, wrong[0]?.getAccessToken() ?? Promise.reject());
  expect(refused.error).toMatchObject({ code: 'ERR_REFRESH_CONFIG', oauthError: 'invalid_target' });
  for (const source of [...wrong, ...wrong, ...wrong]) {
    expect((await outcome(clock, source.getAccessToken())).error).toMatchObject({ oauthError: 'invalid_target' });
  }
  expect(server.tokenRequests).toHaveLength(1);
  expect(one.getSnapshot()).toMatchObject({ status: 'active', error: undefined, retryAt: undefined });
  const good = await outcome(clock, Promise.all(world.sources(1).map((source) => source.getAccessToken())));
  expect(good.ok).toBe(true);
  expect((await outcome(clock, two.refresh())).ok).toBe(true);
  await clock.advance(2 * MINUTE);
  expect((await outcome(clock, wrong[1]?.getAccessToken() ?? Promise.reject())).ok).toBe(false);
  expect(server.tokenRequests.filter(({ parameters }) => parameters.resource === 'https://nobody.test')).toHaveLength(
    2,
  );
  expect(server.counts.familiesRevoked).toBe(0);
  expect(two.getSnapshot().status).toBe('active');
});

test('a refused errand that was not stored never takes the place of tokens that came later (J49)', async () => {
  const { clock, server, tabs, managers } = await createTabs(2);
  const [one, two] = managers as [TokenManager, TokenManager];
  const [, tab] = tabs as [Peer, Peer];
  tab.storageFault = (operation) => (operation === 'setItem' ? { error: new Error('full') } : undefined);
  for (const name of ['nobody', 'nothing']) {
    const asked = forResource(two, { resource: `https://${name}.test` }).getAccessToken();
    expect((await outcome(clock, asked)).error).toMatchObject({ oauthError: 'invalid_target' });
  }
  expect((await outcome(clock, one.refresh())).ok).toBe(true);
  tab.storageFault = undefined;
  await clock.advance(2 * MINUTE);
  for (const manager of [two, one]) expect((await outcome(clock, manager.refresh())).ok).toBe(true);
  expect(await two.getAccessToken()).toBe(await one.getAccessToken());
  expect(server.counts).toMatchObject({ reusesDetected: 0, familiesRevoked: 0 });
});

test('a server that spends the refresh token before it looks at the resource ends the session as lost (J49)', async () => {
  const { clock, managers } = await createTabs(1, { targetSpendsFirst: true });
  const [tokens] = managers as [TokenManager];
  await outcome(clock, forResource(tokens, { resource: 'https://nobody.test' }).getAccessToken());
  expect((await outcome(clock, tokens.refresh())).error).toMatchObject({ code: 'ERR_SESSION_LOST' });
});

test('invalid_grant on an errand ends the session if a refresh says the same, and not otherwise (J50)', async () => {
  const { clock, server, managers } = await createTabs(1);
  const [tokens] = managers as [TokenManager];
  const events = record(tokens);
  const [files] = APIS;
  const source = forResource(tokens, { resource: files });
  server.next({ status: 400, body: { error: 'invalid_grant' } });
  expect((await outcome(clock, source.getAccessToken())).error).toMatchObject({ oauthError: 'invalid_grant' });
  expect(server.tokenRequests.map(({ parameters }) => parameters.resource)).toEqual([files, undefined]);
  expect(tokens.getSnapshot().status).toBe('active');
  expect(events.map(({ type }) => type)).not.toContain('sessionEnded');

  await clock.advance(2 * MINUTE);
  server.revokeFamily();
  expect((await outcome(clock, source.getAccessToken())).error).toMatchObject({ code: 'ERR_SESSION_REJECTED' });
  expect(server.tokenRequests.map(({ parameters }) => parameters.resource)).toEqual([
    files,
    undefined,
    files,
    undefined,
  ]);
  expect(events.filter(({ type }) => type === 'sessionEnded')).toHaveLength(1);
});

test('signing out at every moment of an errand takes all access tokens away, in every tab and in one write (J51)', async () => {
  for (let at = 0; at <= 900; at += 50) {
    const world = await createTabs(2, { delayMs: 150, answerDelayMs: 150 });
    const { clock, server, tabs, managers } = world;
    const [one, two] = managers as [TokenManager, TokenManager];
    for (const tab of tabs) tab.storageFault = { delayMs: 50 };
    const [files, mail] = world.sources(0) as [TokenSource, TokenSource];
    const asked = [files.getAccessToken(), mail.getAccessToken()].map((token) => token.then(String, () => 'refused'));
    await clock.advance(at);
    expect((await outcome(clock, two.endSession())).ok, `at ${at}`).toBe(true);
    await outcome(clock, Promise.all(asked));
    await clock.advance(20_000);
    expect([...(tabs[0]?.items.keys() ?? [])], `at ${at}`).toEqual([]);
    for (const tab of [0, 1]) {
      for (const source of world.sources(tab)) {
        expect((await outcome(clock, source.getAccessToken())).error, `at ${at}`).toMatchObject({
          code: 'ERR_NO_SESSION',
        });
      }
    }
    expect(server.counts.reusesDetected, `at ${at}`).toBe(0);
    one.dispose();
    two.dispose();
  }
});

test('a tab that crashes, freezes or reloads at every moment of an errand costs the others no session (J45)', async () => {
  for (const how of ['crash', 'freeze', 'reload'] as const) {
    for (let at = 0; at <= 1_000; at += 100) {
      const world = await createTabs(2, { delayMs: 300, answerDelayMs: 300, reuseWindowMs: 60 * MINUTE });
      const { clock, server, tabs, managers } = world;
      const [first] = tabs as [Peer, Peer];
      for (const tab of tabs) tab.storageFault = { delayMs: 50 };
      const own = await managers[1]?.getAccessToken();
      for (const source of world.sources(0)) source.getAccessToken().catch(() => undefined);
      await clock.advance(at);
      first[how]();
      const all = await outcome(clock, Promise.all(world.sources(1).map((source) => source.getAccessToken())));
      expect(all.error, `${how} at ${at}`).toBeUndefined();
      expect(
        all.value?.map((token) => server.inspect(token)?.resource),
        `${how} at ${at}`,
      ).toEqual([...APIS]);
      // What was asked for another target never becomes the session's own.
      await outcome(clock, managers[1]?.refresh() ?? Promise.reject());
      const now = await managers[1]?.getAccessToken();
      expect(now).not.toBe(own);
      expect(server.inspect(now ?? '')?.resource, `${how} at ${at}`).toBeUndefined();
      expect(server.counts.familiesRevoked, `${how} at ${at}`).toBe(0);
      for (const manager of managers) manager.dispose();
    }
  }
});

test('errands and refreshes at every moment of each other present each refresh token once (J45)', async () => {
  for (let at = 0; at <= 900; at += 25) {
    const world = await createTabs(2, { delayMs: 150, answerDelayMs: 50 });
    const { clock, server, managers } = world;
    const [one, two] = managers as [TokenManager, TokenManager];
    const before = await one.getAccessToken();
    const errands = Promise.all(world.sources(0).map((source) => source.getAccessToken()));
    await clock.advance(at);
    const refreshed = Promise.all([two.refresh(), one.replaceAccessToken(before)]);
    const all = await outcome(clock, Promise.all([errands, refreshed]));
    expect(all.ok, `at ${at}`).toBe(true);
    const [given, [, now]] = all.value ?? [[], ['', '']];
    expect(
      given.map((token) => server.inspect(token)?.resource),
      `at ${at}`,
    ).toEqual([...APIS]);
    expect(now, `at ${at}`).not.toBe(before);
    expect(server.inspect(now as string), `at ${at}`).toMatchObject({ active: true });
    expect(server.counts, `at ${at}`).toMatchObject({
      reusesDetected: 0,
      familiesRevoked: 0,
      mostTokenRequestsAtOnce: 1,
    });
    one.dispose();
    two.dispose();
  }
});

test('at most eight others are kept, and what is dropped costs one request (J52)', async () => {
  const { clock, server, managers } = await createTabs(1, { resources: undefined });
  const [tokens] = managers as [TokenManager];
  const sources = Array.from({ length: 9 }, (_, at) => forResource(tokens, { resource: `https://api-${at}.test` }));
  for (const source of sources) {
    await outcome(clock, source.getAccessToken());
    clock.sleep(1_000);
  }
  expect(server.tokenRequests).toHaveLength(9);
  for (const source of sources.slice(1)) await outcome(clock, source.getAccessToken());
  expect(server.tokenRequests).toHaveLength(9);
  expect((await outcome(clock, sources[0]?.getAccessToken() ?? Promise.reject())).ok).toBe(true);
  expect(server.tokenRequests).toHaveLength(10);
});

test('a stale token for a target is served at once, an expired one never, and nothing is asked by a timer', async () => {
  const world = await createTabs(1);
  const { clock, server } = world;
  const [files] = world.sources(0) as [TokenSource];
  const first = (await outcome(clock, files.getAccessToken())).value;
  await clock.advance(9 * MINUTE + 30_000);
  expect(server.tokenRequests).toHaveLength(1);
  expect(await files.getAccessToken()).toBe(first);
  await clock.advance(1_000);
  const second = await files.getAccessToken();
  expect(second).not.toBe(first);
  clock.sleep(11 * MINUTE);
  const third = (await outcome(clock, files.getAccessToken())).value;
  expect(third).not.toBe(second);
  expect(server.tokenRequests.every(({ parameters }) => parameters.resource === APIS[0])).toBe(true);
});

test('a refresh function that heeds no target, and tokens in cookies, are refused with a typed error', () => {
  const refresh = () => Promise.reject(new Error('never called'));
  const refusal = (make: () => TokenSource) => {
    try {
      make();
    } catch (error) {
      return error;
    }
    return undefined;
  };
  const target = { resource: 'https://files.test' };
  expect(refusal(() => forResource(createTokenManager({ refresh }), target))).toMatchObject({ code: 'ERR_OPTIONS' });
  const heeding = Object.assign(refresh, { forTargets: true as const });
  const hidden = createTokenManager({ refresh: heeding, refreshTokenIn: 'cookie', accessTokenIn: 'cookie' });
  expect(refusal(() => forResource(hidden, target))).toMatchObject({ code: 'ERR_OPTIONS' });
  const tokens = createTokenManager({ refresh: heeding });
  for (const wrong of [{}, { scopes: [] }, { resource: '' }, { scopes: ['two words'] }]) {
    expect(refusal(() => forResource(tokens, wrong))).toMatchObject({ code: 'ERR_OPTIONS' });
  }
});

test('a tab of an older version that refreshes loses the others, which costs one request each', async () => {
  const world = await createTabs(1);
  const { clock, tabs, managers } = world;
  const [tab] = tabs as [Peer];
  await outcome(clock, Promise.all(world.sources(0).map((source) => source.getAccessToken())));
  await outcome(clock, managers[0]?.refresh() ?? Promise.reject());
  const [[name, text]] = [...tab.items] as [[string, string]];
  const { others, errands, ...known } = JSON.parse(text);
  expect([Object.keys(others), errands]).toEqual([expect.arrayContaining([`${APIS[0]}||`]), APIS.length]);
  await outcome(
    clock,
    Promise.resolve(tab.platform.storage.setItem(name, JSON.stringify({ ...known, revision: known.revision + 1 }))),
  );
  tab.platform.channel.announce(name);
  managers[0]?.dispose();
  tab.reload();
  const again = managerOf(world.server, tab);
  const sources = APIS.map((resource) => forResource(again, { resource }));
  expect((await outcome(clock, Promise.all(sources.map((source) => source.getAccessToken())))).ok).toBe(true);
  expectChain(world, 2 * APIS.length + 1);
});
