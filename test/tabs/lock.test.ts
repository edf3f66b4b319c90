import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engines } from '../support/browsers/engines.js';
import type { Tab, TabBrowser } from '../support/browsers/tab-browser.js';
import type { AdaptersPage } from './pages/adapters.js';
import { servePage } from './support/serve-page.js';

const holdMs = 3_000;
/** What a look at the register may take, with tabs in the background whose timers run once a second. */
const lookMs = 3_000;

// these two run in the page

function hold(key: string, holdMs: number): Promise<{ fence: number; askedAt: number; grantedAt: number }> {
  return (globalThis as unknown as { page: AdaptersPage }).page.hold(key, holdMs);
}

function wait(key: string, holdMs: number): Promise<{ fence: number; grantedAt: number }> {
  return (globalThis as unknown as { page: AdaptersPage }).page.wait(key, holdMs);
}

describe.each(engines)('$name: the lock of a tab', ({ launch }) => {
  let site: Awaited<ReturnType<typeof servePage>>;
  let browser: TabBrowser;

  beforeAll(async () => {
    site = await servePage('test/tabs/pages/adapters.ts');
    browser = await launch();
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    site?.close();
  });

  describe.each([
    ['with Web Locks', ''],
    ['without Web Locks', '?no-locks'],
  ])('%s', (_, query) => {
    const ends: [string, (holder: Tab) => Promise<void>, number][] = [
      ['is closed', (holder) => holder.close(), query ? holdMs : 0],
      ['is left for another page', (holder) => holder.goto(`${site.url}elsewhere`), query ? holdMs : 0],
      ['is reloaded', (holder) => holder.reload(), query ? holdMs : 0],
      ['freezes', (holder) => holder.freeze(), holdMs],
      ['crashes', (holder) => holder.crash(), query ? holdMs : 0],
    ];

    test.each(ends)('goes to one waiter when its tab %s', async (end, happen, boundMs) => {
      const key = `evertoken:${query}${end}`;
      const waiters = [await browser.open(site.url + query), await browser.open(site.url + query)];
      const holder = await browser.open(site.url + query);
      if (end === 'freezes' || end === 'crashes') await holder.thaw(); // it is found out now which process it has
      const held = await holder.run(hold, key, holdMs);
      const waits = waiters.map((tab) => tab.run(wait, key, holdMs));
      const happenedAt = Date.now();
      await happen(holder);
      const next = await Promise.race(waits);
      const sinceMs = next.grantedAt - (boundMs ? held.grantedAt : happenedAt);
      console.log(`${browser.name} ${query} ${end}: the next had the lock after ${sinceMs} ms`);
      expect(next.fence).toBeGreaterThan(held.fence);
      expect(sinceMs).toBeLessThan(boundMs + lookMs);
      // it may come back with an answer
      if (end === 'freezes') expect(next.grantedAt - held.askedAt).toBeGreaterThanOrEqual(holdMs);
      const both = await Promise.all(waits);
      expect(both[0]?.fence).not.toBe(both[1]?.fence);
      if (end === 'freezes') await holder.thaw();
      for (const tab of waiters) await tab.close().catch(() => undefined);
    });
  });
});
