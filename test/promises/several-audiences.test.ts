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
