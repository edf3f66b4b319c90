import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engines } from '../support/browsers/engines.js';
import type { Tab, TabBrowser } from '../support/browsers/tab-browser.js';
import type { ManagersPage } from './pages/managers.js';
import { isLong } from './support/in-every-browser.js';
import { servePage } from './support/serve-page.js';
import { storages } from './support/spa-world.js';

/** Runs in the page. */
function call(name: keyof ManagersPage, args: unknown[]): Promise<unknown> {
  const { page } = globalThis as unknown as { page: Record<string, (...all: unknown[]) => Promise<unknown>> };
  return page[name]?.(...args) ?? Promise.reject(new Error(`There is no ${name}.`));
}

describe.each(engines)('$name', ({ name, launch }) => {
  let site: Awaited<ReturnType<typeof servePage>>;
  let browser: TabBrowser;
  beforeAll(async () => {
    site = await servePage('test/tabs/pages/managers.ts');
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    site?.close();
  });

  const count = name === 'chromium' || isLong ? 1_000 : 200;

  describe.each(storages)('with the session in %s', (storage) => {
    let tab: Tab;
    beforeAll(async () => {
      tab = await browser.open(site.url);
      await tab.run(call, 'signIn', [storage]);
    });
    afterAll(() => tab?.close());

    /** Locks are let go of behind; what is forgotten stays longer, as guards of storages wait for 4 s. */
    const expectNothingLeft = () => expect.poll(() => tab.run(call, 'left', []), { timeout: 3_000 }).toEqual([]);

    // the storage makes no difference here, and a thousand take their time
    test.runIf(storage === 'indexed-db' || isLong)(
      'a thousand managers that were created, used and disposed leave no lock, channel, listener, timer or memory',
      async () => {
        const alive = await tab.run(call, 'churn', [storage, count]);
        await expectNothingLeft();
        if (name !== 'chromium')
          console.log(`${name}: cannot be told to collect its garbage; memory was not looked at`);
        else expect(alive).toBeLessThanOrEqual(10); // those of the last turn
      },
    );

    test.each([
      ['and the first is disposed', true, 7_200_000],
      ['and both stay', false, 14_400_000],
    ])('a manager that is created twice in one tick, %s: one request', async (_, isDisposed, aheadMs) => {
      const [requests, [first, second]] = (await tab.run(call, 'createTwice', [storage, isDisposed, aheadMs])) as [
        number,
        unknown[],
      ];
      expect(requests).toBe(1);
      expect(first).toBe(isDisposed ? 'ERR_DISPOSED' : second);
      expect(second).toMatch(/^access-/);
      await expectNothingLeft();
    });
  });
});
