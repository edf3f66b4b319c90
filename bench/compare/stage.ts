import { type AuthServer, type AuthServerOptions, createAuthServer } from '../../src/testing.js';
import type { Tab, TabBrowser } from '../../test/support/browsers/tab-browser.js';
import type { ComparedPage, Settings } from './compared-page.js';
import { atproto, auth0, type Dialect, plain } from './dialects.js';
import { type Front, serveFront } from './front.js';
import { serveSite } from './site.js';

/** A library that can bind tokens to a key, and the dialect of its servers. */
export interface Library {
  readonly name: string;
  readonly source: string;
  dialect(audiences: readonly string[]): Dialect;
}

/** Somebody whom atproto's client would find in a directory. */
const did = 'did:plc:abcdefghijklmnopqrstuvwx';

export const libraries: readonly Library[] = [
  { name: 'evertoken', source: 'bench/compare/pages/evertoken.ts', dialect: () => plain },
  { name: '@auth0/auth0-spa-js', source: 'bench/compare/pages/auth0-spa-js.js', dialect: auth0 },
  { name: '@atproto/oauth-client-browser', source: 'bench/compare/pages/atproto.js', dialect: () => atproto(did) },
];

/** What a page of a library needs: a server, and what the page is told. */
interface Options {
  readonly server: AuthServerOptions;
  readonly settings?: Omit<Settings, 'issuer' | 'api'>;
  readonly aheadMs?: number;
}

/** The page of a library, and the server as it sees it. */
export interface Stage {
  readonly tab: Tab;
  readonly front: Front;
  readonly server: AuthServer;
  readonly url: string;
}

/** Opens the page of a library at a server of its own. */
export async function onStage<T>(
  browser: TabBrowser,
  { source, dialect }: Library,
  options: Options,
  play: (stage: Stage) => Promise<T>,
): Promise<T> {
  const { settings, aheadMs = 0 } = options;
  const server = createAuthServer(options.server);
  const auth = await server.listen();
  const front = await serveFront(auth.origin, dialect(settings?.audiences ?? []));
  const told: Settings = { ...settings, ...front.origins, did };
  const site = await serveSite(source, { settings: told, aheadMs });
  const tab = await browser.open(site.url);
  try {
    return await play({ tab, front, server, url: site.url });
  } finally {
    await tab.close();
    site.close();
    front.close();
    await auth.close();
  }
}

/** Signs in by redirects; gives what the page says of it. */
export async function signIn({ tab }: Stage): Promise<string> {
  const address = await tab.run(begin);
  if ('error' in address) return address.error;
  await tab.goto(address.url);
  return tab.run(arrived);
}

/** How many requests there were to these paths. */
export function count({ seen }: Front, ...paths: string[]): number {
  return seen.filter(({ path }) => paths.includes(path)).length;
}

// what follows runs in the page

declare const page: ComparedPage;

function begin(): Promise<{ url: string } | { error: string }> {
  return page.begin().then(
    (url) => ({ url }),
    (error) => ({ error: String(error) }),
  );
}

function arrived(): Promise<string> {
  return page.arrived;
}
