import { describe, expect, test } from 'vitest';
import type { Tab } from '../support/browsers/tab-browser.js';
import { inEveryBrowser, isLong } from './support/in-every-browser.js';
import * as inPage from './support/in-page.js';
import { record } from './support/results.js';
import { type SpaWorld, storages } from './support/spa-world.js';

const rounds = isLong ? 20 : 2;
const nightMs = 8 * 3_600_000;

/** All tabs have one and the same access token, and so many requests were made for those so far. */
async function expectOneToken(world: SpaWorld, requests: number): Promise<void> {
  const answers = await world.askAll();
  expect(answers[0]?.token).toBeDefined();
  expect(answers).toEqual(answers.map(() => answers[0]));
  expect(world.server.tokenRequests).toHaveLength(requests);
}

async function expectNobodySignedOut(world: SpaWorld): Promise<void> {
  expect(await world.countEnds()).toBe(0);
  expect(world.server.counts).toMatchObject({ reusesDetected: 0, familiesRevoked: 0 });
}

inEveryBrowser(({ engine, play }) => {
  async function show(tab: Tab | undefined): Promise<void> {
    await tab?.show();
    const isSeen = await tab?.run(inPage.beSeen);
    if (!isSeen) console.log(`${engine}: its driver cannot show a tab; the page is told that it is seen`);
  }

  describe.each(storages)('with the session in %s', (storage) => {
    const result = { engine, storage, rounds, signOuts: 0, familiesRevoked: 0 };

    test('a lid is opened after a night: the tab that is seen refreshes once, and all have the new access token', async () => {
      const world = await play(3, { storage });
      await world.signIn('Ada');
      for (let round = 1; round <= rounds; round++) {
        await world.jump(nightMs);
        await show(world.tabs[round % 3]);
        await Promise.all(world.tabs.map((tab) => tab.run(inPage.startRound)));
        await Promise.all(world.tabs.map((tab) => tab.run(inPage.wakeUp, ['resume', 'online', 'pageshow', 'focus'])));
        await Promise.all(world.tabs.map((tab) => tab.run(inPage.untilUsable))); // nobody has asked
        await expectOneToken(world, round);
      }
      await expectNobodySignedOut(world);
      record({ ...result, scenario: 'a lid is opened after a night', requests: rounds, expected: rounds });
    });

    test('offline with an expired session: every tab is told when to come back; online again: one request', async () => {
      const world = await play(3, { storage });
      await world.signIn('Ada');
      for (let round = 1; round <= rounds; round++) {
        await Promise.all(world.tabs.map((tab) => tab.run(inPage.goOffline, true)));
        await world.jump(nightMs);
        for (const { code } of await world.askAll()) expect(code).toBe('ERR_REFRESH_NETWORK');
        expect(world.server.tokenRequests).toHaveLength(round - 1);
        await Promise.all(world.tabs.map((tab) => tab.run(inPage.goOffline, false)));
        await show(world.tabs[round % 3]); // a tab that is hidden does not refresh on its own
        await Promise.all(world.tabs.map((tab) => tab.run(inPage.wakeUp, ['online'])));
        await Promise.all(world.tabs.map((tab) => tab.run(inPage.untilUsable)));
        await expectOneToken(world, round);
      }
      await expectNobodySignedOut(world);
      record({ ...result, scenario: 'offline, and online again', requests: rounds, expected: rounds });
    });
  });
});
