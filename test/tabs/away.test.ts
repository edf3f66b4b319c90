import { describe, expect, test } from 'vitest';
import type { Tab } from '../support/browsers/tab-browser.js';
import { inEveryBrowser, isLong } from './support/in-every-browser.js';
import * as inPage from './support/in-page.js';
import { record } from './support/results.js';
import { storages } from './support/spa-world.js';

const rounds = isLong ? 20 : 2;
const nightMs = 8 * 3_600_000;

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
        const answers = await world.askAll();
        expect(answers[0]?.token).toBeDefined();
        expect(answers).toEqual(answers.map(() => answers[0]));
        expect(world.server.tokenRequests).toHaveLength(round);
      }
      expect(await world.countEnds()).toBe(0);
      expect(world.server.counts).toMatchObject({ reusesDetected: 0, familiesRevoked: 0 });
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
        const answers = await world.askAll();
        expect(answers[0]?.token).toBeDefined();
        expect(answers).toEqual(answers.map(() => answers[0]));
        expect(world.server.tokenRequests).toHaveLength(round);
      }
      expect(await world.countEnds()).toBe(0);
      expect(world.server.counts).toMatchObject({ reusesDetected: 0, familiesRevoked: 0 });
      record({ ...result, scenario: 'offline, and online again', requests: rounds, expected: rounds });
    });
  });
});
