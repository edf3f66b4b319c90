import puppeteer, { type Browser, type BrowserContext, type CDPSession, type Page } from 'puppeteer-core';
import { findContentProcess } from './content-process.js';
import type { LaunchOptions, Tab, TabBrowser } from './tab-browser.js';

/** Debian's Chromium, driven over the DevTools protocol. */
export async function launchChromium({ name, profile, isPrivate }: LaunchOptions = {}): Promise<TabBrowser> {
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM_BIN ?? '/usr/bin/chromium',
    headless: true,
    args: [
      '--no-sandbox',
      '--js-flags=--expose-gc',
      ...(name ? [`--host-resolver-rules=MAP ${name} 127.0.0.1`] : []),
      ...(isPrivate ? ['--incognito'] : []),
    ],
    ...(profile && { userDataDir: profile }),
    // hidden tabs are to be throttled as they are for users
    ignoreDefaultArgs: [
      '--disable-back-forward-cache',
      '--disable-background-timer-throttling',
      '--disable-backgrounding-occluded-windows',
      '--disable-renderer-backgrounding',
    ],
  });
  return tabBrowser('chromium', browser, async (page) => {
    const session: CDPSession = await page.createCDPSession();
    return {
      freeze: () => session.send('Page.setWebLifecycleState', { state: 'frozen' }),
      thaw: () => session.send('Page.setWebLifecycleState', { state: 'active' }),
      crash: async () => void session.send('Page.crash').catch(() => undefined), // it is never answered
    };
  });
}

/** Debian's Firefox ESR, driven over WebDriver BiDi. */
export async function launchFirefox({ name, profile, isPrivate }: LaunchOptions = {}): Promise<TabBrowser> {
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env.FIREFOX_BIN ?? '/usr/bin/firefox-esr',
    headless: true,
    extraPrefsFirefox: {
      'dom.ipc.processCount.webIsolated': 32, // a process for each tab
      ...(name && { 'network.dns.localDomains': name }),
      ...(isPrivate && { 'browser.privatebrowsing.autostart': true }),
    },
    ...(profile && { userDataDir: profile }),
  });
  return tabBrowser('firefox', browser, async (page) => {
    const id = await findContentProcess(browser.process()?.pid ?? 0, (ms) => page.evaluate(keepBusy, ms));
    return {
      freeze: async () => process.kill(id, 'SIGSTOP'),
      thaw: async () => process.kill(id, 'SIGCONT'),
      crash: async () => process.kill(id, 'SIGKILL'),
    };
  });
}

interface LifeCycle {
  freeze(): Promise<unknown>;
  thaw(): Promise<unknown>;
  crash(): Promise<unknown>;
}

function tabBrowser(
  name: TabBrowser['name'],
  browser: Browser,
  lifeCycleOf: (page: Page) => Promise<LifeCycle>,
): TabBrowser {
  const openIn = async (place: Browser | BrowserContext, url: string): Promise<Tab> => {
    const page = await place.newPage();
    await page.goto(url);
    await ready(page);
    return puppeteerTab(page, await lifeCycleOf(page));
  };
  return {
    name,
    open: (url) => openIn(browser, url),
    openApart: async (url) => openIn(await browser.createBrowserContext(), url),
    async visit(url) {
      await (await browser.newPage()).goto(url);
    },
    close: () => browser.close(),
  };
}

function puppeteerTab(page: Page, lifeCycle: LifeCycle): Tab {
  return {
    run: (task, ...args) => page.evaluate(task as never, ...args) as Promise<never>,
    click: (selector) => page.click(selector),
    goto: (url) => leave(page, () => page.goto(url)),
    reload: () => leave(page, () => page.reload()),
    // Not goBack(), which waits in Firefox for a page that the back/forward cache has got loaded already.
    back: () => leave(page, () => page.evaluate(() => history.back()).catch(() => undefined)), // the answer may be cut off
    forward: () => leave(page, () => page.evaluate(() => history.forward()).catch(() => undefined)),
    show: () => page.bringToFront(),
    freeze: async () => void (await lifeCycle.freeze()),
    thaw: async () => void (await lifeCycle.thaw()),
    crash: async () => void (await lifeCycle.crash()),
    close: () => page.close(),
  };
}

let departures = 0;

/**
 * Does something that leaves the page, and waits for the next one.
 *
 * What puppeteer waits for is not enough in Firefox: a page that calls `history.replaceState` before it goes, as after signing
 * in, counts as having arrived. The mark is a number, because the page that comes may be one that was left before.
 */
async function leave(page: Page, act: () => Promise<unknown>): Promise<void> {
  const departure = ++departures;
  const mark = (left: number): void => void Object.assign(globalThis, { left });
  await page.evaluate(mark, departure).catch(() => undefined); // on its way out already
  await act();
  const isThere = (left: number): boolean => (globalThis as { left?: number }).left !== left;
  while (!(await page.evaluate(isThere, departure).catch(() => false))) await sleep(20);
  await ready(page);
}

async function ready(page: Page): Promise<void> {
  while (!(await page.evaluate(() => 'page' in globalThis).catch(() => false))) await sleep(20);
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs in the page. */
function keepBusy(ms: number): void {
  const endAt = performance.now() + ms;
  while (performance.now() < endAt);
}
