import { expect, test } from 'vitest';
import type { SpaPage } from '../../examples/spa/main.js';
import type { Tab } from '../support/browsers/tab-browser.js';
import { seeded } from '../support/seeded.js';
import { inEveryBrowser, isLong } from './support/in-every-browser.js';
import { record } from './support/results.js';
import { storages } from './support/spa-world.js';

const lifetimeMs = 4_000;
const runMs = isLong ? 60_000 : 9_000;

declare const page: SpaPage;

/** What the tab that was brought to the front, and one behind it, found. */
interface Sight {
  readonly visible: boolean;
  /** The status of a call to the API. */
  readonly status: number;
}

/** Shows tabs at random, hiding the others, until the time is over, and calls the API in them and in others. */
async function showAtRandom(tabs: readonly Tab[], show: Show, random: () => number): Promise<Sight[]> {
  const pick = (): Tab => tabs[Math.floor(random() * tabs.length)] as Tab;
  const sights: Sight[] = [];
  for (const endAt = Date.now() + runMs; Date.now() < endAt; ) {
    const shown = pick();
    await show(shown, tabs);
    for (const tab of [shown, pick()]) sights.push(await tab.run(look));
    await new Promise((resolve) => setTimeout(resolve, 200 + 1_300 * random()));
  }
  return sights;
}

type Show = (tab: Tab, all: readonly Tab[]) => Promise<unknown>;

/** Nothing brings a tab of WebKitGTK's MiniBrowser to the front, so its pages are told; their timers stay slow. */
const tell: Show = (tab, all) => Promise.all(all.map((one) => one.run(pretend, one !== tab)));

inEveryBrowser(({ engine, play }) => {
  test.each(storages)(
    'five tabs hidden and shown at random refresh ahead of time, one request each time, with the session in %s',
    async (storage) => {
      const world = await play(5, { storage }, { accessTokenLifetimeMs: lifetimeMs });
      await world.signIn('Ada');
      const startedAt = Date.now();
      const sights = await showAtRandom(world.tabs, engine === 'webkit' ? tell : (tab) => tab.show(), seeded(42));
      const ranMs = Date.now() - startedAt;
      const requests = world.server.tokenRequests;
      const gaps = requests.slice(1).map(({ at }, index) => at - (requests[index]?.at ?? 0));
      const answers = await world.askAll();
      const signOuts = await world.countEnds();
      const { refreshesGranted, familiesRevoked, reusesDetected, mostTokenRequestsAtOnce } = world.server.counts;
      record({
        engine,
        storage,
        scenario: 'five tabs hidden and shown at random, tokens of 4 s',
        rounds: refreshesGranted,
        requests: requests.length,
        expected: refreshesGranted,
        signOuts,
        familiesRevoked,
      });
      expect(sights.some(({ visible }) => visible)).toBe(true);
      expect(sights.some(({ visible }) => !visible)).toBe(true);
      expect(sights.filter(({ status }) => status !== 200)).toEqual([]);
      expect(answers.every(({ token }) => token !== undefined)).toBe(true);
      expect({ signOuts, familiesRevoked, reusesDetected, mostTokenRequestsAtOnce }).toEqual({
        signOuts: 0,
        familiesRevoked: 0,
        reusesDetected: 0,
        mostTokenRequestsAtOnce: 1,
      });
      // each access token was due once: two requests for the same one would be closer together
      expect(Math.min(...gaps)).toBeGreaterThan(lifetimeMs / 2);
      expect(refreshesGranted).toBeGreaterThanOrEqual(Math.floor(ranMs / lifetimeMs) - 1);
    },
  );
});

// these two run in the page

async function look(): Promise<Sight> {
  return { visible: !document.hidden, status: await page.call() };
}

function pretend(hidden: boolean): void {
  if (document.hidden === hidden) return;
  Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
  Object.defineProperty(document, 'visibilityState', {
    configurable: true,
    get: () => (hidden ? 'hidden' : 'visible'),
  });
  document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
}
