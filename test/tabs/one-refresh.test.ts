import { describe, expect, test } from 'vitest';
import { inEveryBrowser, isLong } from './support/in-every-browser.js';
import { record } from './support/results.js';
import { type SpaWorld, storages } from './support/spa-world.js';

const hourMs = 3_600_000;
const manyRounds = isLong ? 20 : 6;

/** Lets the access token expire in all tabs, has them all ask at once, and expects one request. */
async function playRounds(
  world: SpaWorld,
  rounds: number,
  before?: () => Promise<unknown>,
  asked = 0,
): Promise<number> {
  let slowestMs = 0;
  for (let round = 1; round <= rounds; round++) {
    await world.jump(2 * hourMs);
    await before?.();
    const startedAt = Date.now();
    const answers = await world.askAll();
    slowestMs = Math.max(slowestMs, Date.now() - startedAt);
    expect(answers.map(({ code }) => code)).toEqual(answers.map(() => undefined));
    expect(answers).toEqual(answers.map(() => answers[0]));
    expect(world.server.tokenRequests).toHaveLength(asked + round);
  }
  expect(await world.countEnds()).toBe(0);
  expect(world.server.counts).toMatchObject({ refreshesGranted: rounds, reusesDetected: 0, familiesRevoked: 0 });
  return slowestMs;
}

inEveryBrowser(({ engine, play }) => {
  describe.each(storages)('with the session in %s', (storage) => {
    const result = { engine, storage, signOuts: 0, familiesRevoked: 0 };

    test.each([
      ['five tabs ask at once on an expired session', {}],
      ['five tabs without navigator.locks ask at once', { 'no-locks': '' }],
    ])('%s: one request, and all get the same token', async (scenario, query) => {
      const world = await play(5, { storage, proactive: 'false', ...query });
      await world.signIn('Ada');
      const slowestMs = await playRounds(world, manyRounds);
      record({ ...result, scenario, rounds: manyRounds, requests: manyRounds, expected: manyRounds, slowestMs });
    });

    test('a window with eight tabs is restored: one request', async () => {
      const rounds = isLong ? 20 : 3;
      const world = await play(8, { storage, proactive: 'false' });
      await world.signIn('Ada');
      const slowestMs = await playRounds(world, rounds, () => Promise.all(world.tabs.map((tab) => tab.reload())));
      const scenario = 'a window with eight tabs is restored';
      record({ ...result, scenario, rounds, requests: rounds, expected: rounds, slowestMs });
    });
  });

  describe('with the refresh token in a cookie', () => {
    const result = { engine, storage: 'cookie', signOuts: 0, familiesRevoked: 0 };
    const options = { refreshTokenIn: 'cookie' } as const;

    test('five tabs ask at once on an expired session: one request, and all get the same token', async () => {
      const world = await play(5, { cookie: '', proactive: 'false' }, options);
      await world.askAll(); // each has asked once whether there is a session in the cookie
      await world.signIn('Ada');
      const asked = world.server.tokenRequests.length;
      expect(asked).toBeLessThanOrEqual(5);
      const slowestMs = await playRounds(world, manyRounds, undefined, asked);
      record({
        ...result,
        scenario: 'five tabs ask at once',
        rounds: manyRounds,
        requests: manyRounds,
        expected: manyRounds,
        slowestMs,
      });
    });

    test('five tabs find their storage empty and the cookie there: one request resumes the session for all', async () => {
      const world = await play(5, { cookie: '', proactive: 'false' }, options);
      await world.askAll();
      await world.signIn('Ada');
      const asked = world.server.tokenRequests.length;
      const rounds = isLong ? 20 : 3;
      for (let round = 1; round <= rounds; round++) {
        await world.tabs[0]?.run(dropDatabase);
        await Promise.all(world.tabs.map((tab) => tab.reload()));
        const answers = await world.askAll();
        expect(answers).toEqual(answers.map(() => answers[0]));
        expect(world.server.tokenRequests).toHaveLength(asked + round);
      }
      expect(world.server.counts).toMatchObject({ reusesDetected: 0, familiesRevoked: 0 });
      record({ ...result, scenario: 'five tabs resume at once', rounds, requests: rounds, expected: rounds });
    });
  });
});

/** Runs in the page. */
function dropDatabase(): Promise<void> {
  return new Promise((resolve, reject) => {
    const deleting = indexedDB.deleteDatabase('evertoken');
    deleting.onsuccess = () => resolve();
    deleting.onerror = () => reject(deleting.error);
  });
}
