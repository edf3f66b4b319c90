import { describe, expect, test } from 'vitest';
import type { SpaPage } from '../../examples/spa/main.js';
import type { Tab } from '../support/browsers/tab-browser.js';
import { inEveryBrowser, type Stage } from './support/in-every-browser.js';
import * as inPage from './support/in-page.js';
import type { SpaWorld } from './support/spa-world.js';

declare const page: SpaPage;

const hourMs = 3_600_000;
/** APIs that take access tokens of their own, besides that of the session. */
const others = ['urn:invoices', 'urn:files', 'urn:reports'];
/** When the tab is loaded anew, after its first errand has arrived; an errand takes the server 30 ms before it acts and after it. */
const moments = [0, 25, 45, 70, 100, 150];

/** So many tabs of one session, which the first has signed in, with `?dpop` in its address or without. */
async function start(play: Stage['play'], count: number, choice: string): Promise<SpaWorld> {
  const world = await play(count, { issuer: '', proactive: 'false' });
  const [first] = world.tabs as [Tab];
  await signIn(first, `${world.url}&${choice}`, 'Ada');
  await Promise.all(world.tabs.map((tab) => tab.run(inPage.follow, 'Ada')));
  return world;
}

async function signIn(tab: Tab, url: string, user: string): Promise<void> {
  await tab.goto(url);
  await tab.goto(await tab.run(begin, user));
  expect(await tab.run(arrived)).toHaveProperty('returnTo');
}

/** Every tab calls every API at once; the statuses. No timer of theirs is waited for: in hidden tabs it would be late. */
function callAllAtOnce(tabs: readonly Tab[], resources: readonly string[]): Promise<unknown[][]> {
  return Promise.all(tabs.map((tab) => tab.run(callAll, [...resources])));
}

/** The refreshes since there were so many requests to the token endpoint. */
function refreshesSince({ server }: SpaWorld, before: number) {
  return server.tokenRequests
    .slice(before)
    .filter(({ parameters }) => parameters.grant_type === 'refresh_token')
    .map(({ refreshToken, status, parameters: { resource } }) => ({ refreshToken, status, resource }));
}

/** Expects of the calls since there were so many that each carried an access token for the API that it went to. */
function expectOwnTokens({ server }: SpaWorld, before: number, choice: string): void {
  const calls = server.apiRequests.slice(before).filter(({ status }) => status === 200);
  for (const { url, accessToken = '', headers } of calls) {
    const [, named] = /\/api\/resource\/([^/?]+)/.exec(url) ?? [];
    const { resource, jkt } = server.inspect(accessToken) ?? {};
    expect(resource).toBe(named ? decodeURIComponent(named) : 'urn:shop');
    expect([headers.authorization?.split(' ')[0], typeof jkt]).toEqual(
      choice === 'dpop' ? ['DPoP', 'string'] : ['Bearer', 'undefined'],
    );
  }
  expect(calls.length).toBeGreaterThan(0);
}

inEveryBrowser(
  ({ engine, play }) => {
    describe.each(['', 'dpop'])('one sign-in for four APIs %s', (choice) => {
      test('five tabs that want three more access tokens at the same moment send three requests, and present no refresh token twice (J45)', async () => {
        const world = await start(play, 5, choice);
        const { server, tabs } = world;
        const own = await tabs[0]?.run(inPage.askOnce);
        server.set({ delayMs: 150, answerDelayMs: 50 }); // long enough for every tab to ask before the first is answered
        let before = server.tokenRequests.length;
        expect(await callAllAtOnce(tabs, others)).toEqual(Array(5).fill([200, 200, 200]));

        const errands = refreshesSince(world, before);
        expect(errands.map(({ resource }) => resource).sort()).toEqual([...others].sort());
        expect(errands.map(({ status }) => status)).toEqual([200, 200, 200]);
        expect(new Set(errands.map(({ refreshToken }) => refreshToken)).size).toBe(3);
        const served = new Set(server.apiRequests.map(({ accessToken }) => accessToken));
        expect(served.size, 'one access token for each API, in all tabs').toBe(3);
        for (const tab of tabs) expect(await tab.run(inPage.askOnce), 'the session’s own').toEqual(own);

        expectOwnTokens(world, 0, choice);

        // every API refuses what it has taken so far, at once
        server.revokeAccessTokens();
        before = server.tokenRequests.length;
        const calls = server.apiRequests.length;
        expect(await callAllAtOnce(tabs, ['urn:shop', ...others])).toEqual(Array(5).fill([200, 200, 200, 200]));
        const replaced = refreshesSince(world, before);
        const asked = replaced.map(({ resource }) => resource ?? 'urn:shop');
        expect(asked.filter((resource) => resource !== 'urn:shop').sort()).toEqual([...others].sort());
        // not once: a tab whose errand has brought it what a peer has refreshed may ask for the session's own again
        expect(asked).toContain('urn:shop');
        expect(replaced.map(({ status }) => status)).toEqual(replaced.map(() => 200));
        const presented = new Set([...errands, ...replaced].map(({ refreshToken }) => refreshToken));
        expect(presented.size).toBe(errands.length + replaced.length);

        // nobody asks again, also after a reload
        before = server.tokenRequests.length;
        await tabs[1]?.reload();
        expect(await callAllAtOnce(tabs, ['urn:shop', ...others])).toEqual(Array(5).fill([200, 200, 200, 200]));
        expect(server.tokenRequests).toHaveLength(before);
        expectOwnTokens(world, calls, choice);
        expect(server.counts).toMatchObject({
          refreshesGranted: errands.length + replaced.length,
          reusesDetected: 0,
          familiesRevoked: 0,
          mostTokenRequestsAtOnce: 1,
        });
        expect(await world.countEnds()).toBe(0);
      });

      test('a tab that is loaded anew at every moment of its errands loses nothing, and costs the other tab nothing', async () => {
        const world = await start(play, 2, choice);
        const { server } = world;
        const [leaving, staying] = world.tabs as [Tab, Tab];
        // an answer may be cut off after the server has rotated: for that, servers take the refresh token again for a while
        server.set({ delayMs: 30, answerDelayMs: 30, reuseWindowMs: 60_000, dpopWindowMs: 100 * hourMs });
        const { sessionId } = await staying.run(snapshot);
        const figures: string[] = [];
        for (const ms of moments) {
          await world.jump(2 * hourMs); // every access token has expired
          const [before, calls] = [server.tokenRequests.length, server.apiRequests.length];
          const reloaded = new Promise<void>((resolve, reject) => {
            server.next(() => {
              setTimeout(() => leaving.reload().then(resolve, reject), ms);
              return undefined;
            });
          });
          leaving.run(callAll, [...others]).catch(() => undefined);
          await reloaded;
          // the server goes on with what was cut off, and counts it as long
          const isQuiet = () => server.tokenRequests.every(({ status }) => status !== undefined);
          await expect.poll(isQuiet, { timeout: 10_000 }).toBe(true);
          expect(await callAllAtOnce([leaving, staying], others), `after ${ms} ms`).toEqual(
            Array(2).fill([200, 200, 200]),
          );
          const errands = refreshesSince(world, before);
          // what was stored is not asked for again, and what was cut off is once
          for (const resource of others) {
            const asked = errands.filter((errand) => errand.resource === resource);
            expect(asked.length, `${resource} after ${ms} ms`).toBeLessThanOrEqual(2);
          }
          expect((await staying.run(snapshot)).sessionId, `after ${ms} ms`).toBe(sessionId);
          expectOwnTokens(world, calls, choice);
          figures.push(`${ms} ms ${errands.length}`);
        }
        console.log(`${engine}: errands with a reload after ${figures.join(', ')}`);
        expect(server.counts).toMatchObject({ reusesDetected: 0, familiesRevoked: 0, mostTokenRequestsAtOnce: 1 });
        expect(await world.countEnds()).toBe(0);
      });
    });

    test('a private window has a session and access tokens of its own, and its sign-out is its own', async () => {
      const world = await start(play, 2, 'dpop');
      const { server, tabs } = world;
      const apart = await world.openApart();
      expect(await apart.run(inPage.askOnce)).toEqual({ code: 'ERR_NO_SESSION' });
      await signIn(apart, `${world.url}&dpop`, 'Bob');

      const everywhere = [...tabs, apart];
      expect(await callAllAtOnce(everywhere, others)).toEqual(Array(3).fill([200, 200, 200]));
      const users = (all: readonly Tab[]) => Promise.all(all.map((tab) => tab.run(user)));
      expect(await users(everywhere)).toEqual(['Ada', 'Ada', 'Bob']);
      const sessions = new Map<string | undefined, Set<unknown>>();
      for (const { accessToken = '' } of server.apiRequests) {
        const { user: whose, jkt, familyId } = server.inspect(accessToken) ?? {};
        sessions.set(whose, (sessions.get(whose) ?? new Set()).add(`${jkt} ${familyId}`));
      }
      expect([...sessions.keys()].sort()).toEqual(['Ada', 'Bob']);
      expect(new Set([...sessions.values()].flatMap((all) => [...all])).size, 'a key and a family each').toBe(2);
      expect(server.counts).toMatchObject({ refreshesGranted: 6, reusesDetected: 0 });

      await apart.reload();
      expect(await callAllAtOnce([apart], others)).toEqual([[200, 200, 200]]);
      expect(server.counts.refreshesGranted, 'it keeps them over a reload').toBe(6);
      await apart.run(inPage.signOutAfter, 0);
      expect(await apart.run(inPage.askOnce)).toEqual({ code: 'ERR_NO_SESSION' });
      expect(await callAllAtOnce(tabs, others)).toEqual(Array(2).fill([200, 200, 200]));
      expect(await users(tabs)).toEqual(['Ada', 'Ada']);
      await expect.poll(() => server.counts.familiesRevoked).toBe(1); // nobody waits for that
      expect(server.counts).toMatchObject({ refreshesGranted: 6, reusesDetected: 0 });
    });
  },
  { inWindows: true },
);

// what follows runs in the page

function begin(user: string): Promise<string> {
  return page.begin(user);
}

function arrived(): Promise<{ returnTo?: string; code?: string }> {
  return page.arrived as Promise<{ returnTo?: string; code?: string }>;
}

function user(): unknown {
  return page.tokens.getSnapshot().claims?.sub;
}

function snapshot(): { sessionId?: string } {
  const { sessionId } = page.tokens.getSnapshot();
  return sessionId === undefined ? {} : { sessionId };
}

/**
 * Calls these APIs at once; the statuses, or what was thrown. A call that is refused with a moment at which
 * to ask again is made again then, for ten seconds: as long as a page is on its way out, its requests fail as without a network.
 */
async function callAll(resources: string[]): Promise<unknown[]> {
  const startedAt = Date.now();
  const call = async (resource: string): Promise<unknown> => {
    try {
      return await (resource === 'urn:shop' ? page.call() : page.callOther(resource));
    } catch (error) {
      const { code, retryAt } = error as { code?: string; retryAt?: number };
      if (retryAt === undefined || retryAt > startedAt + 10_000) return code ?? String(error);
      await new Promise((resolve) => setTimeout(resolve, retryAt - Date.now()));
      return call(resource);
    }
  };
  return Promise.all(resources.map((resource) => call(resource)));
}
