import { type AuthServer, createAuthServer } from '../../src/testing.js';
import type { Tab, TabBrowser } from '../../test/support/browsers/tab-browser.js';
import { countLines, type Site, serveSite } from './site.js';

/** One application in two tabs; what the server and the pages have counted. */
export interface TwoTabs {
  readonly name: string;
  readonly lines: number;
  /** Bytes of the script of the page, React among them, minified and compressed. */
  readonly bytes: number;
  /** How often the user had to press "Sign in" until both tabs were signed in. */
  readonly signIns: number;
  readonly lifetimes: number;
  readonly refreshes: number;
  /** Refresh tokens that were presented although they had been used. */
  readonly reuses: number;
  /** Presses of "Orders" in both tabs. */
  readonly calls: number;
  /** Of those, requests that were answered 401. */
  readonly refused: number;
  /** Of those, what was sent more than {@link waitMs} after it was pressed. */
  readonly waited: number;
  /** Tabs that were still signed in after the last lifetime. */
  readonly signedIn: number;
  /** Whether the other tab showed that nobody is signed in, within {@link patienceMs} of a sign-out. */
  readonly signOutSeen: boolean;
  /** Requests of the other tab that were answered 200 after the sign-out. */
  readonly callsAfterSignOut: number;
}

/** How long an access token lives, in milliseconds. */
export const lifetimeMs = 20_000;
/** How long the token endpoint takes, in milliseconds; half of it before it acts. */
export const latencyMs = 200;
/** What counts as waiting, in milliseconds. */
export const waitMs = 50;
/** How long the other tab is watched after a sign-out, in milliseconds. */
export const patienceMs = 10_000;
/** How often each tab calls the API, in milliseconds. */
const everyMs = 500;

interface Application {
  readonly name: string;
  readonly source: string;
  /** What the run changes about the source, and why. */
  readonly changes?: Readonly<Record<string, string>>;
}

/** It is due 10 s before the end: half of a lifetime, because the library looks every 5 s. */
const due = { 'NotificationTimeInSeconds: 60': 'NotificationTimeInSeconds: 10' };
const inLocalStorage = 'userStore: new WebStorageStateStore({ store: localStorage }),';

const peer = 'bench/compare/pages/react-oidc-context.tsx';

/** The same application three times. */
export const applications: readonly Application[] = [
  { name: 'evertoken', source: 'examples/react-sign-in.tsx' },
  { name: 'react-oidc-context, in localStorage', source: peer, changes: due },
  {
    name: 'react-oidc-context, in sessionStorage (its default)',
    source: peer,
    changes: { ...due, [inLocalStorage]: '' },
  },
];

/** Two tabs of the same application for so many lifetimes of an access token. */
export async function runTwoTabs(
  browser: TabBrowser,
  { name, source, changes }: Application,
  lifetimes: number,
): Promise<TwoTabs> {
  const server = createAuthServer({
    accessTokenLifetimeMs: lifetimeMs,
    delayMs: latencyMs / 2,
    answerDelayMs: latencyMs / 2,
  });
  const auth = await server.listen();
  const site = await serveSite(source, {
    addresses: {
      ...changes,
      'https://auth.example': auth.origin,
      'https://api.example/orders': `${auth.apiUrl}/orders`,
      'https://api.example': auth.origin,
    },
  });
  try {
    const { tabs, signIns } = await signInBoth(browser, site);
    return {
      name,
      lines: await countLines(source),
      bytes: site.bytes,
      signIns,
      ...(await watch(server, site, tabs, lifetimes)),
    };
  } finally {
    site.close();
    await auth.close();
  }
}

async function signInBoth(browser: TabBrowser, { url }: Site): Promise<{ tabs: [Tab, Tab]; signIns: number }> {
  let signIns = 0;
  const open = async (): Promise<Tab> => {
    const tab = await browser.open(url);
    // some show "Sign in" until they have read their storage
    for (let looks = 0; looks < 40; looks++) {
      if (await tab.run(findShown, ['Orders']).catch(() => null)) return tab;
      await sleep(50);
    }
    signIns++;
    tab.run(press, 'Sign in').catch(() => undefined); // a page that leaves may not answer
    await untilOneOf(tab, ['Orders']);
    return tab;
  };
  return { tabs: [await open(), await open()], signIns };
}

async function watch(
  server: AuthServer,
  { url }: Site,
  tabs: [Tab, Tab],
  lifetimes: number,
): Promise<Omit<TwoTabs, 'name' | 'lines' | 'bytes' | 'signIns'>> {
  const [one, other] = tabs;
  // both at once, as a browser restores them
  await Promise.all(tabs.map((tab) => tab.goto(url)));
  await Promise.all(tabs.map((tab) => untilOneOf(tab, ['Orders'])));
  const { refreshesGranted, reusesDetected } = server.counts;
  const before = server.apiRequests.length;
  for (const tab of tabs) await tab.run(startCalling, everyMs);
  await sleep(lifetimes * lifetimeMs);
  const noted = await Promise.all(tabs.map((tab) => tab.run(readNoted)));
  const calls = server.apiRequests.slice(before);
  const figures = {
    lifetimes,
    refreshes: server.counts.refreshesGranted - refreshesGranted,
    reuses: server.counts.reusesDetected - reusesDetected,
    calls: noted.reduce((sum, { waits }) => sum + waits.length, 0),
    refused: calls.filter(({ status }) => status === 401).length,
    waited: noted.flatMap(({ waits }) => waits).filter((ms) => ms > waitMs).length,
    signedIn: noted.filter(({ isIn }) => isIn).length,
  };
  const leftAt = Date.now();
  one.run(press, 'Sign out').catch(() => undefined);
  const signOutSeen = await untilOneOf(other, ['Sign in'], patienceMs).then(
    () => true,
    () => false,
  );
  const seenAt = signOutSeen ? Date.now() : leftAt;
  await sleep(Math.max(0, leftAt + patienceMs - Date.now()));
  // its last request of before may still be on its way
  const later = server.apiRequests.filter(({ at, status }) => at > seenAt + 2 * everyMs && status === 200);
  return { ...figures, signOutSeen, callsAfterSignOut: later.length };
}

async function untilOneOf(tab: Tab, names: readonly string[], withinMs = 20_000): Promise<string> {
  const endAt = Date.now() + withinMs;
  while (Date.now() < endAt) {
    const shown = await tab.run(findShown, names).catch(() => undefined); // between two pages there is none to ask
    if (shown !== undefined && shown !== null) return shown;
    await sleep(50);
  }
  throw new Error(`Expected ${names.join(' or ')} within ${withinMs} ms, but the page has ${await tab.run(readPage)}.`);
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

// what follows runs in the page

declare const noted: { clicks: number[]; waits: number[]; again: number };

function press(name: string): void {
  document.querySelector<HTMLInputElement>(`[value="${name}"]`)?.click();
}

function findShown(names: readonly string[]): string | null {
  return names.find((name) => document.querySelector(`[value="${name}"]`)) ?? null;
}

function readPage(): string {
  return document.body.innerHTML.slice(0, 300);
}

/** Presses "Orders" again and again, as long as it is there. */
function startCalling(everyMs: number): void {
  setInterval(() => {
    const button = document.querySelector<HTMLInputElement>('[value="Orders"]');
    if (!button) return;
    noted.clicks.push(performance.now());
    button.click();
  }, everyMs);
}

function readNoted(): { waits: number[]; isIn: boolean } {
  return { waits: noted.waits, isIn: document.querySelector('[value="Orders"]') !== null };
}
