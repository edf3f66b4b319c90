import { describe, expect, test } from 'vitest';
import { inEveryBrowser, isLong } from './support/in-every-browser.js';
import * as inPage from './support/in-page.js';
import { record } from './support/results.js';
import { storages } from './support/spa-world.js';

const rounds = isLong ? 20 : 4;

inEveryBrowser(({ engine, play }) => {
  // localStorage does not exist in workers
  describe.each(storages.filter((storage) => storage !== 'local'))('with the session in %s', (storage) => {
    test('two tabs, a worker and a service worker meet a 401 at once: one refresh, and one access token for all', async () => {
      const world = await play(2, { storage, proactive: 'false' });
      const [one, other] = world.tabs;
      await world.signIn('Ada');
      await one?.run(inPage.startWorkers);
      expect(await one?.run(inPage.callAll)).toEqual([200, 200, 200]);
      for (let round = 1; round <= rounds; round++) {
        world.server.revokeAccessTokens();
        const statuses = await Promise.all([one?.run(inPage.callAll), other?.run(inPage.call)]);
        expect(statuses.flat()).toEqual([200, 200, 200, 200]);
        expect(world.server.tokenRequests).toHaveLength(round);
        const [tokens, { token } = {}] = await Promise.all([one?.run(inPage.askPeers), other?.run(inPage.askOnce)]);
        expect(tokens).toEqual([token, token]);
      }
      await other?.run(inPage.signOutAfter, 0);
      await one?.run(inPage.follow, '');
      while (String(await one?.run(inPage.askPeers)) !== 'ERR_NO_SESSION,ERR_NO_SESSION'); // both follow
      expect(world.server.counts.reusesDetected).toBe(0);
      const figures = { rounds, requests: rounds, expected: rounds, signOuts: 0, familiesRevoked: 0 };
      record({ engine, storage, scenario: 'two tabs, a worker and a service worker meet a 401 at once', ...figures });
      await one?.run(inPage.stopServiceWorker);
    });
  });
});
