import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engines } from '../support/browsers/engines.js';
import type { Tab, TabBrowser } from '../support/browsers/tab-browser.js';
import type { AdaptersPage } from './pages/adapters.js';
import { servePage } from './support/serve-page.js';

const tabCount = 5;

/** Runs in the page. */
function count(way: string, key: string, rounds: number): Promise<number> {
  return (globalThis as unknown as { page: AdaptersPage }).page.count(way, key, rounds);
}

describe.each(engines)('$name: five tabs add to one number in turn', ({ name, launch }) => {
  // Firefox takes 70 ms for each on two busy cores
  const rounds = name === 'firefox' && !process.env.TABS_LONG ? 300 : 1_000;
  let site: Awaited<ReturnType<typeof servePage>>;
  let browser: TabBrowser;
  const tabs: Tab[] = [];

  beforeAll(async () => {
    site = await servePage('test/tabs/pages/adapters.ts');
    browser = await launch();
    for (let index = 0; index < tabCount; index++) tabs.push(await browser.open(site.url));
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    site?.close();
  });

  async function countAll(way: string): Promise<number> {
    const totals = await Promise.all(tabs.map((tab) => tab.run(count, way, `evertoken:${way}`, rounds / tabCount)));
    return Math.max(...totals);
  }

  test.each(['indexedDb', 'webStorage'])('%s loses none', async (way) => {
    expect(await countAll(way)).toBe(rounds);
  });

  test('localStorage under a Web Lock alone is seen to lose some, which is why there is a fence', async () => {
    let total = 0;
    let turns = 0;
    while (total === turns && turns < 10 * rounds) {
      turns += rounds; // chance may spare some
      total = await countAll('localStorage and a Web Lock, nothing else');
    }
    console.log(`${name}: localStorage under a Web Lock alone lost ${turns - total} of ${turns}`);
    expect(total).toBeLessThan(turns);
  });
});
