import type { Browser, BrowserContext, Page } from 'playwright-core';

/**
 * Signs in once and makes a context for each test of a worker that is signed in already.
 *
 * The application under test keeps its session in `browser({ storage: webStorage('local') })`: the key that `browser()`
 * encrypts with cannot leave the browser, so that no file can hold it. One session for each worker, not one for all: a
 * refresh token works once, and two contexts that present the same one look like a thief.
 */
export async function signedInContext(
  browser: Browser,
  signIn: (page: Page) => Promise<void>,
): Promise<BrowserContext> {
  const first = await browser.newContext();
  await signIn(await first.newPage());
  const storageState = await first.storageState({ indexedDB: true });
  await first.close(); // it must not go on refreshing what others have now
  return browser.newContext({ storageState });
}
