import type { SpaPage } from '../../../examples/spa/main.js';
import { type SpaServer, type SpaServerOptions, serveSpa } from '../../../examples/spa/serve.js';
import type { Tab, TabBrowser } from '../../support/browsers/tab-browser.js';
import { type Prepared, preparePage } from './prepare-page.js';

/** The example page in several tabs of one browser, at an origin of its own. */
export interface SpaWorld extends SpaServer {
  /** Where the tabs find the page. */
  readonly url: string;
  readonly tabs: Tab[];
  /** Opens so many more tabs, one after the other. */
  open(count: number): Promise<Tab[]>;
  /** Opens one in a private window, which is none of `tabs`. */
  openApart(): Promise<Tab>;
  /** Forgets a tab that has been closed or has crashed. */
  drop(tab: Tab): void;
  /** Signs somebody in, in the last tab, and waits until every tab knows. */
  signIn(user: string): Promise<void>;
  /** Lets the same time pass in every tab, as when a laptop sleeps. */
  jump(ms: number): Promise<void>;
  /** Every tab asks for the access token at once. */
  askAll(): Promise<Answer[]>;
  /** How often tabs have been told that their session is over. */
  countEnds(): Promise<number>;
}

/** What a tab got when it asked: an access token, or the code of the error. */
export interface Answer {
  readonly token?: string;
  readonly code?: string;
}

/** What the address of the page chooses. */
export type Query = Readonly<Record<string, string>>;

/** Where a session can be kept. */
export const storages: readonly string[] = ['indexed-db', 'local'];

declare const page: SpaPage;
declare const prepared: Prepared;

/** Options of {@link createWorld}; those of the server as well. */
export interface WorldOptions extends SpaServerOptions {
  /** The host name in the address; default loopback's. */
  name?: string;
}

/** Serves the page and opens it; `query` is part of the address. */
export async function createWorld(
  browser: TabBrowser,
  count: number,
  query: Query = {},
  { name = '127.0.0.1', ...options }: WorldOptions = {},
): Promise<SpaWorld> {
  const spa = await serveSpa({ accessTokenLifetimeMs: 3_600_000, document: preparePage, ...options });
  const chosen = 'issuer' in query ? query : { ...query, backend: '' };
  const url = `${spa.origin.replace('127.0.0.1', name)}/?${new URLSearchParams(chosen)}`;
  const tabs: Tab[] = [];
  const apart: Tab[] = [];
  let ahead = 0;
  const open = async (more: number): Promise<Tab[]> => {
    const opened: Tab[] = [];
    for (let index = 0; index < more; index++) opened.push(await browser.open(`${url}&ahead=${ahead}`));
    tabs.push(...opened);
    return opened;
  };
  await open(count);
  return {
    ...spa,
    url,
    tabs,
    open,
    async openApart() {
      const tab = await browser.openApart(url);
      apart.push(tab);
      return tab;
    },
    drop: (tab) => void tabs.splice(tabs.indexOf(tab), 1),
    async signIn(user) {
      await tabs.at(-1)?.run((who) => page.signIn(who), user);
      await Promise.all(tabs.map((tab) => tab.run(untilSignedIn, user)));
    },
    async jump(ms) {
      ahead += ms;
      await Promise.all(tabs.map((tab) => tab.run(setAhead, ahead)));
    },
    askAll: () => Promise.all(tabs.map((tab) => tab.run(ask))),
    async countEnds() {
      const ends = await Promise.all(tabs.map((tab) => tab.run(countEnds)));
      return ends.reduce((sum, one) => sum + one, 0);
    },
    async close() {
      await Promise.all([...tabs, ...apart].map((tab) => tab.close().catch(() => undefined)));
      await spa.close();
    },
  };
}

// what follows runs in the page

function ask(): Promise<Answer> {
  return page.tokens.getAccessToken().then(
    (token) => ({ token }),
    ({ code }) => ({ code: String(code) }),
  );
}

/** Resolves when this user is signed in. */
function untilSignedIn(user: string): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (page.tokens.getSnapshot().claims?.sub !== user) return;
      stop();
      resolve();
    };
    const stop = page.tokens.subscribe(() => look());
    look();
  });
}

function setAhead(ms: number): void {
  prepared.ahead = ms;
  sessionStorage.setItem('ahead', String(ms));
}

function countEnds(): number {
  return page.lines.filter(({ kind }) => kind === 'bad').length;
}
