import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engines } from '../support/browsers/engines.js';
import type { TabBrowser } from '../support/browsers/tab-browser.js';
import type { AdaptersPage } from './pages/adapters.js';
import { servePage } from './support/serve-page.js';

const key = 'evertoken:session';

// these run in the page

function keep(name: string, value: string): Promise<void> {
  return (globalThis as unknown as { page: AdaptersPage }).page.keep(name, value);
}

function find(name: string): Promise<string | null> {
  return (globalThis as unknown as { page: AdaptersPage }).page.find(name);
}

/** Opens a window, which begins with a copy of sessionStorage: what was copied, and what it and we find there. */
async function openWindow(
  name: string,
): Promise<{ copied: string | undefined; there: string | null; here: string | null }> {
  const here = globalThis as unknown as { page: AdaptersPage };
  const opened = open(location.href) as unknown as (Window & { page?: AdaptersPage }) | null;
  if (!opened) throw new Error('the window was not opened');
  const copied = (opened.sessionStorage as Record<string, string>)[name];
  while (!opened.page) await new Promise((resolve) => setTimeout(resolve, 20));
  const there = await opened.page.find(name);
  const mine = await here.page.find(name);
  opened.close();
  return { copied, there, here: mine };
}

function itemsOfTab(): Record<string, string> {
  return { ...sessionStorage };
}

function putItems(items: Record<string, string>): void {
  for (const [name, value] of Object.entries(items)) sessionStorage.setItem(name, value);
}

describe.each(engines)('$name: E8, a session in sessionStorage', ({ launch }) => {
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

  test.each([
    ['with Web Locks', ''],
    ['without Web Locks', '?no-locks'],
  ])('belongs to one tab: a window that it opens begins without, %s', async (_, query) => {
    const tab = await browser.open(site.url + query);
    await tab.run(keep, key, 'session');
    if (browser.name === 'webkit') {
      // it lets nobody but a user open a window: we copy as it would
      const other = await browser.open(site.url + query);
      await other.run(putItems, await tab.run(itemsOfTab));
      expect([await other.run(find, key), await tab.run(find, key)]).toEqual([null, 'session']);
      return;
    }
    const found = await tab.run(openWindow, key);
    expect(found).toEqual({ copied: 'session', there: null, here: 'session' });
  });

  test.each([
    ['with Web Locks', ''],
    ['without Web Locks', '?no-locks'],
  ])('is there after a reload, another page, and the way back, %s', async (_, query) => {
    const tab = await browser.open(site.url + query);
    await tab.run(keep, key, 'session');
    for (let n = 0; n < 5; n++) {
      await tab.reload();
      expect(await tab.run(find, key)).toBe('session');
    }
    await tab.goto(`${site.url}${query || '?'}&again`);
    expect(await tab.run(find, key)).toBe('session');
    await tab.back();
    expect(await tab.run(find, key)).toBe('session');
  });
});
