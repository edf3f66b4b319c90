import { describe, expect, test } from 'vitest';
import { inEveryBrowser } from './support/in-every-browser.js';
import * as inPage from './support/in-page.js';
import { storages } from './support/spa-world.js';
import { storedSession } from './support/stored-session.js';

inEveryBrowser(({ play }) => {
  describe.each(storages)('with the session in %s', (storage) => {
    test('a sandboxed frame without an origin keeps it in memory, says so once, and works', async () => {
      const world = await play(1, { sandbox: '', storage });
      const report = await world.tabs[0]?.run(inPage.reportOfFrame);
      expect(report).toMatchObject({
        before: ['ERR_NO_SESSION', 'ERR_NO_SESSION'],
        after: ['a token', '200'],
        texts: [expect.stringContaining('the session is kept in memory'), 'signed in here'],
      });
    });

    test('a full storage: the session lives in memory, is refreshed, and is stored once there is room', async () => {
      const world = await play(1, { storage, proactive: 'false', full: '' });
      const [tab] = world.tabs;
      await tab?.run(inPage.signInAfter, 0, 'Ada'); // resolves: the session lives
      expect(await tab?.run(inPage.call)).toBe(200);
      expect(await tab?.run(inPage.refresh)).toBe('refreshed');
      expect(await tab?.run(inPage.refresh)).toBe('refreshed'); // never with a refresh token that was used
      expect(await tab?.run(inPage.call)).toBe(200);
      const lines = (await tab?.run(inPage.told)) ?? [];
      expect(lines.filter(({ text }) => /write 'evertoken:spa@[^']+\/token'/.test(text)).length).toBeGreaterThan(0);
      expect(lines.filter(({ kind }) => kind === 'bad')).toEqual([]);
      expect(await storedSession(tab)).toEqual([]);
      const held = await tab?.run(inPage.askOnce);
      await tab?.run(inPage.makeRoom);
      while ((await storedSession(tab)).length === 0); // without anybody asking for it
      const [other] = await world.open(1);
      await other?.run(inPage.makeRoom);
      expect(await other?.run(inPage.askOnce)).toEqual(held);
      expect(world.server.counts).toMatchObject({ refreshesGranted: 2, reusesDetected: 0, familiesRevoked: 0 });
    });
  });
});
