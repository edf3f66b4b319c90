import { describe, expect, test } from 'vitest';
import type { Tab } from '../support/browsers/tab-browser.js';
import { inEveryBrowser, isLong } from './support/in-every-browser.js';
import * as inPage from './support/in-page.js';
import { record } from './support/results.js';
import { type Query, type SpaWorld, storages } from './support/spa-world.js';

const rounds = isLong ? 20 : 2;

/** Ada is signed in, in the tab that will go and come back and in another one. */
async function begin(world: SpaWorld): Promise<[Tab, Tab]> {
  const [tab] = world.tabs as [Tab];
  await world.signIn('Ada');
  const [other] = (await world.open(1)) as [Tab];
  expect(await other.run(inPage.askOnce)).toEqual(await tab.run(inPage.askOnce));
  await tab.show(); // hidden by now
  await tab.goto(`${world.url}&elsewhere`);
  await other.run(inPage.startRound);
  return [tab, other];
}

inEveryBrowser(({ engine, play }) => {
  describe.each(storages)('with the session in %s', (storage) => {
    const result = { engine, storage, rounds, signOuts: 0, familiesRevoked: 0 };
    const withChannel: [string, Query][] = storage === 'indexed-db' || isLong ? [['', {}]] : [];

    test.each([...withChannel, [', and no word of that came', { 'no-channel': '' }] as [string, Query]])(
      'a page that comes back after a sign-out elsewhere%s serves nothing of the old session',
      async (_, query) => {
        let restored = 0;
        for (let round = 0; round < rounds; round++) {
          const world = await play(1, { storage, proactive: 'false', ...query });
          const [tab, other] = await begin(world);
          await other.run(inPage.signOutAfter, 0);
          await tab.back();
          const isRestored = await tab.run(inPage.isRestored);
          restored += Number(isRestored);
          expect(await tab.run(inPage.askOnce)).toEqual({ code: 'ERR_NO_SESSION' });
          // asked while the page was being shown, before it could know
          const onShow = await tab.run(inPage.askedOnShow);
          if (isRestored) expect(onShow?.at(-1)).toEqual({ code: 'ERR_NO_SESSION' });
          expect(world.server.tokenRequests).toEqual([]);
          await world.close();
        }
        const scenario = `a page comes back after a sign-out elsewhere${'no-channel' in query ? ', of which no word came' : ''}`;
        record({ ...result, scenario, requests: 0, expected: 0 });
        console.log(`${engine}, ${storage}: ${restored} of ${rounds} times from the back/forward cache`);
      },
    );

    test('a page that comes back after somebody else has signed in elsewhere serves the new session alone', async () => {
      for (let round = 0; round < rounds; round++) {
        const world = await play(1, { storage, proactive: 'false', 'no-channel': '' });
        const [tab, other] = await begin(world);
        await other.run(inPage.signInAfter, 0, 'Bob');
        await tab.back();
        const { token = '' } = await tab.run(inPage.askOnce);
        const onShow = (await tab.run(inPage.askedOnShow)) ?? [];
        expect(world.server.inspect(token)?.user).toBe('Bob');
        if (await tab.run(inPage.isRestored)) expect(onShow.at(-1)?.token).toBe(token);
        expect(world.server.tokenRequests).toEqual([]);
        await world.close();
      }
      const scenario = 'a page comes back after somebody else has signed in elsewhere';
      record({ ...result, scenario, requests: 0, expected: 0 });
    });

    test.each([...withChannel, [', without a channel', { 'no-channel': '' }] as [string, Query]])(
      'a page that comes back to the same session goes on with it, without a request%s',
      async (_, query) => {
        const world = await play(1, { storage, proactive: 'false', ...query });
        const [tab] = world.tabs;
        await world.signIn('Ada');
        const before = await tab?.run(inPage.askOnce);
        await tab?.goto(`${world.url}&elsewhere`);
        await tab?.back();
        expect(await tab?.run(inPage.askOnce)).toEqual(before);
        const isRestored = await tab?.run(inPage.isRestored);
        console.log(`${engine}, ${storage}, ${JSON.stringify(query)}: ${isRestored ? 'restored' : 'loaded anew'}`);
        expect(await tab?.run(inPage.refresh)).toBe('refreshed'); // it has not kept the lock, nor lost it for good
        expect(world.server.tokenRequests).toHaveLength(1);
      },
    );
  });
});
