import { describe, expect, test } from 'vitest';
import { inEveryBrowser, isLong } from './support/in-every-browser.js';
import * as inPage from './support/in-page.js';
import { record } from './support/results.js';
import { storedSession } from './support/stored-session.js';

const name = 'shop.test';

inEveryBrowser(
  ({ engine, play }) => {
    describe('a page on plain http under a name that is not loopback', () => {
      test('keeps the session in the memory of each tab, says so once, and works', async () => {
        const world = await play(2, { proactive: 'false' }, { name });
        const [tab, other] = world.tabs;
        expect(await tab?.run(() => [isSecureContext, 'locks' in navigator, !!crypto.subtle])).toEqual([
          false,
          false,
          false,
        ]);
        await tab?.run(inPage.signInAfter, 0, 'Ada');
        for (const _ of [1, 2]) {
          expect(await tab?.run(inPage.call)).toBe(200);
          expect(await tab?.run(inPage.refresh)).toBe('refreshed');
        }
        world.server.revokeAccessTokens();
        expect(await tab?.run(inPage.call)).toBe(200); // replayed
        expect(world.server.tokenRequests).toHaveLength(3);
        const warnings = (await tab?.run(inPage.told))?.filter(
          ({ kind, text }) => kind === 'warn' && !/401/.test(text),
        );
        expect(warnings?.map(({ text }) => text)).toEqual([
          expect.stringMatching(/IndexedDB and crypto.subtle.*memory/),
        ]);
        // nothing is kept anywhere: another tab and a reload know nobody
        expect(await other?.run(inPage.askOnce)).toEqual({ code: 'ERR_NO_SESSION' });
        expect(await storedSession(tab)).toEqual([]);
        await tab?.reload();
        expect(await tab?.run(inPage.askOnce)).toEqual({ code: 'ERR_NO_SESSION' });
        expect(world.server.counts).toMatchObject({ reusesDetected: 0, familiesRevoked: 0 });
      });

      test("with webStorage('local') and the lease in IndexedDB, tabs that ask at once cost one request", async () => {
        const rounds = isLong ? 20 : 5;
        const world = await play(4, { storage: 'local', proactive: 'false' }, { name });
        await world.signIn('Ada');
        let slowestMs = 0;
        for (let round = 1; round <= rounds; round++) {
          await world.jump(7_200_000);
          const startedAt = Date.now();
          const answers = await world.askAll();
          slowestMs = Math.max(slowestMs, Date.now() - startedAt);
          expect(answers[0]?.token).toBeDefined();
          expect(answers).toEqual(answers.map(() => answers[0]));
          expect(world.server.tokenRequests).toHaveLength(round);
        }
        expect(await world.countEnds()).toBe(0);
        expect(world.server.counts).toMatchObject({ reusesDetected: 0, familiesRevoked: 0 });
        const scenario = 'four tabs on plain http ask at once';
        const figures = { rounds, requests: rounds, expected: rounds, signOuts: 0, familiesRevoked: 0, slowestMs };
        record({ engine, storage: 'local', scenario, ...figures });
      });
    });
  },
  { name },
);
