import { expect, test } from 'vitest';
import { createSecretWatch } from '../support/secret-watch.js';
import { inEveryBrowser, isLong } from './support/in-every-browser.js';
import * as inPage from './support/in-page.js';
import type { SpaWorld } from './support/spa-world.js';

/** A life with everything in it, looked at from outside at each stage; the tokens that were in it, and what was seen. */
async function live(world: SpaWorld): Promise<ReturnType<typeof createSecretWatch>> {
  const watch = createSecretWatch();
  const { tabs, server } = world;
  const look = async (stage: string): Promise<void> => {
    for (const tab of tabs) {
      for (const [what, value] of Object.entries(await tab.run(inPage.seen))) watch.see(`${stage}: ${what}`, value);
      watch.see(`${stage}: storages`, await tab.run(inPage.dumpStorages));
    }
  };
  watch.learn(await tabs[0]?.run(inPage.signInOpenly, 'Ada'));
  await tabs[1]?.run(inPage.follow, 'Ada');
  await look('signed in');
  let answer = (): void => undefined;
  const arrived = new Promise<void>((resolve) => {
    server.next(async () => {
      resolve();
      await new Promise<void>((go) => {
        answer = go;
      });
      return undefined;
    });
  });
  const refreshing = tabs[0]?.run(inPage.refresh);
  await arrived; // the tab holds its lock until it is answered
  await look('refreshing');
  answer();
  await refreshing;
  await look('refreshed');
  server.revokeAccessTokens();
  for (const tab of tabs) expect(await tab.run(inPage.call)).toBe(200);
  await look('replayed');
  server.next({ status: 503, body: 'canary' });
  await world.jump(7_200_000);
  for (const { token } of await world.askAll()) watch.learn(token);
  await look('failed');
  await tabs[0]?.run(inPage.refresh);
  await look('refreshed again');
  watch.learn(await tabs[1]?.run(inPage.signInOpenly, 'Bob'));
  await tabs[0]?.run(inPage.follow, 'Bob');
  await look('another user');
  await tabs[1]?.run(inPage.refresh);
  server.revokeFamily();
  expect(await tabs[1]?.run(inPage.refresh)).toBe('ERR_SESSION_REJECTED');
  await tabs[0]?.run(inPage.follow, '');
  await look('rejected');
  watch.learn(await tabs[0]?.run(inPage.signInOpenly, 'Ada'));
  await tabs[0]?.run(inPage.signOutAfter, 0);
  await look('signed out');
  for (const { refreshToken } of server.tokenRequests) watch.learn(refreshToken);
  for (const { accessToken } of server.apiRequests) watch.learn(accessToken);
  return watch;
}

inEveryBrowser(({ engine, play }) => {
  test('no part of a token is found in any storage, channel message, lock name, event or line of the console', async () => {
    const world = await play(2, { proactive: 'false' });
    const watch = await live(world);
    expect(watch.leaks()).toEqual([]);
    expect(watch.counts.tokens).toBeGreaterThan(10);
    const seen = await world.tabs[0]?.run(inPage.seen);
    expect(seen?.lockNames).toContain(`evertoken:spa@${new URL(world.url).origin}/token`);
    expect(seen?.messages).toContain(0);
    expect(seen?.said).toEqual([]);
  });

  // once is enough to know that the watch can see
  test.runIf(engine === 'chromium' || isLong)(
    'in localStorage, which is plain text, the same watch does find them',
    async () => {
      const watch = await live(await play(2, { proactive: 'false', storage: 'local' }));
      const leaks = watch.leaks();
      expect(leaks).not.toEqual([]);
      expect(leaks.filter((leak) => !/: storages shows /.test(leak))).toEqual([]);
    },
  );
});
