import { expect, test } from 'vitest';
import type { Tab } from '../support/browsers/tab-browser.js';
import { inEveryBrowser } from './support/in-every-browser.js';

inEveryBrowser(({ play }) => {
  test('a tab is loaded anew, or led elsewhere, when its page is another one: also where the page that goes rewrites its address', async () => {
    const { tabs, url } = await play(1);
    const [tab] = tabs as [Tab];
    for (let round = 1; round <= 5; round++) {
      for (const leave of [() => tab.reload(), () => tab.goto(`${url}&round=${round}`)]) {
        await tab.run(rewriteAddress);
        await leave();
        expect(await tab.run(isThatPage)).toBe(false);
      }
    }
  });
});

// what follows runs in the page

/** As a page does that has finished signing in. */
function rewriteAddress(): void {
  Object.assign(globalThis, { isThatPage: true });
  // browsers take a hundred of them in ten seconds
  setInterval(() => history.replaceState(null, '', location.href), 150);
  setTimeout(() => history.replaceState(null, '', location.href), 1);
}

function isThatPage(): boolean {
  return 'isThatPage' in globalThis;
}
