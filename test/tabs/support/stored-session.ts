import type { Tab } from '../../support/browsers/tab-browser.js';
import { dumpStorages } from './in-page.js';

/** The record of the session, as it lies in the storages of a tab's origin; empty where there is none. */
export async function storedSession(tab: Tab | undefined): Promise<string[]> {
  const dump = (await tab?.run(dumpStorages)) ?? [];
  // of a record that was removed, IndexedDB keeps the fence, and localStorage nothing
  return dump.filter((text) => /(\.items|^localStorage) evertoken:spa@\S+\/token: (?!\d+$)/.test(text));
}
