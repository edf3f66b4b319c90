import { describe, expect, test } from 'vitest';
import { inEveryBrowser, isLong } from './support/in-every-browser.js';
import * as inPage from './support/in-page.js';
import { record } from './support/results.js';
import { type SpaWorld, storages } from './support/spa-world.js';
import { storedSession } from './support/stored-session.js';

const rounds = isLong ? 20 : 4;
/** Idle tabs have the same to do as busy ones, and less in their way. */
const loads = isLong ? [false, true] : [true];
/** How long the server takes, before it acts and again before it answers. */
const delayMs = 60;
/** From before the refresh until after it: it takes the server twice its delay, and the tab some time around that. */
const lastMs = 4 * delayMs;

/** One tab refreshes, another one does something at this moment of it; how long after its word the last tab knew. */
async function playRound(
  { tabs, server }: SpaWorld,
  act: (delayMs: number) => Promise<number[]>,
  afterMs: number,
  user: string,
): Promise<number> {
  await Promise.all(tabs.map((tab) => tab.run(inPage.startRound)));
  server.set({ delayMs, answerDelayMs: delayMs });
  const following = tabs.map((tab) => tab.run(inPage.follow, user));
  const [, announced] = await Promise.all([tabs[0]?.run(inPage.refresh), act(afterMs)]);
  const all = await Promise.all(following);
  server.set({ delayMs: 0, answerDelayMs: 0 });
  const knownAt = all.map((lines) => lines.find(({ kind }) => kind === 'bad')?.at ?? 0);
  return Math.max(...knownAt) - (announced.find((at) => at >= Math.min(...knownAt)) ?? announced.at(-1) ?? 0);
}

/** What a tab is told where nobody is signed in; the first also of a refusal, where its refresh met the revocation. */
function codesOfNobody({ server }: SpaWorld, tab: number, requestsBefore: number): string[] {
  const isRefused = tab === 0 && server.tokenRequests.slice(requestsBefore).some(({ status }) => status === 400);
  return isRefused ? ['ERR_NO_SESSION', 'ERR_SESSION_REJECTED'] : ['ERR_NO_SESSION'];
}

/** Whoever asked got a token of the user that the tab knew of when they asked, or an error. */
async function expectOwn(world: SpaWorld, requestsBefore: number): Promise<void> {
  const { tabs, server } = world;
  const asked = await Promise.all(tabs.map((tab) => tab.run(inPage.stopAsking)));
  for (const [index, calls] of asked.entries()) {
    for (const { before, token, code, user } of calls) {
      const owner = token === undefined ? user : server.inspect(token)?.user;
      if (code === undefined) expect(owner).toBe(before);
      else expect(codesOfNobody(world, index, requestsBefore)).toContain(code);
    }
  }
  for (const calls of asked) expect(calls.some(({ user }) => user === 'Ada')).toBe(true);
}

inEveryBrowser(({ engine, play }) => {
  describe.each(storages)('with the session in %s', (storage) => {
    const result = { engine, storage, signOuts: 0, familiesRevoked: 0 };

    test.each(loads)(
      'signing out in one tab while another refreshes, all calling the API: %s; every tab is signed out, and the storage is empty',
      async (isBusy) => {
        const world = await play(3, { storage, proactive: 'false' });
        const { tabs } = world;
        const lags: number[] = [];
        for (let round = 0; round < rounds; round++) {
          await world.signIn('Ada');
          const { length: before } = world.server.tokenRequests;
          expect(await storedSession(tabs[0])).toHaveLength(1);
          if (isBusy) await Promise.all(tabs.map((tab) => tab.run(inPage.startAsking)));
          if (isBusy) await Promise.all(tabs.map((tab) => tab.run(inPage.askOnce)));
          const signOut = (afterMs: number) => tabs[1]?.run(inPage.signOutAfter, afterMs) ?? Promise.resolve([]);
          lags.push(await playRound(world, signOut, (lastMs * round) / (rounds - 1), ''));
          if (isBusy) await expectOwn(world, before);
          for (const [index, tab] of tabs.entries()) {
            const { token, code } = await tab.run(inPage.askOnce);
            expect(token).toBeUndefined();
            expect(codesOfNobody(world, index, before)).toContain(code);
            const lines = await tab.run(inPage.told);
            const end = lines.findIndex(({ kind }) => kind === 'bad');
            expect(lines.slice(end).filter(({ kind }) => kind === 'good' || kind === 'bad')).toHaveLength(1);
            expect(await storedSession(tab)).toEqual([]);
          }
        }
        expect(world.server.counts.reusesDetected).toBe(0);
        const { length: requests } = world.server.tokenRequests;
        expect(requests).toBeLessThanOrEqual(rounds);
        const scenario = `signing out in one tab while another refreshes${isBusy ? ' and all call the API' : ''}`;
        record({ ...result, scenario, rounds, requests, expected: requests });
        console.log(`${engine}, ${storage}: the last tab was signed out so many ms after the word: ${lags.join(', ')}`);
      },
    );

    test('signing in as somebody else in one tab while another refreshes and all call the API: every tab moves, and no caller gets a token of the other user', async () => {
      const world = await play(3, { storage, proactive: 'false' });
      const { tabs, server } = world;
      const lags: number[] = [];
      for (let round = 0; round < rounds; round++) {
        await world.signIn('Ada');
        await Promise.all(tabs.map((tab) => tab.run(inPage.startAsking)));
        const signIn = (afterMs: number) => tabs[1]?.run(inPage.signInAfter, afterMs, 'Bob') ?? Promise.resolve([]);
        lags.push(await playRound(world, signIn, (lastMs * round) / (rounds - 1), 'Bob'));
        for (const tab of tabs) {
          const { token = '' } = await tab.run(inPage.askOnce);
          expect(server.inspect(token)?.user).toBe('Bob');
        }
        await expectOwn(world, server.tokenRequests.length);
        const answers = await world.askAll();
        expect(answers).toEqual(answers.map(() => answers[0]));
      }
      // the session that all have moved to can go on
      await world.jump(7_200_000);
      for (const { token = '' } of await world.askAll()) expect(server.inspect(token)?.user).toBe('Bob');
      expect(server.counts.reusesDetected).toBe(0);
      const { length: requests } = server.tokenRequests;
      expect(requests).toBeLessThanOrEqual(rounds + 1);
      const scenario = 'signing in as somebody else in one tab while another refreshes';
      record({ ...result, scenario, rounds, requests, expected: requests });
      console.log(`${engine}, ${storage}: the last tab had moved so many ms after the word: ${lags.join(', ')}`);
    });
  });
});
