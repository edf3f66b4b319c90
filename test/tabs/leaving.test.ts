import { describe, expect, test } from 'vitest';
import type { Tab } from '../support/browsers/tab-browser.js';
import { inEveryBrowser, isLong } from './support/in-every-browser.js';
import {
  askPatiently,
  type Leaving,
  lastHanded,
  type Moment,
  playLeaving,
  type Round,
} from './support/leaving-round.js';
import { record } from './support/results.js';
import { type SpaWorld, storages } from './support/spa-world.js';

const hourMs = 3_600_000;
const timeoutMs = 2_000;
/** What docs and promises say: so long, others wait for a lock; and then for a request of their own. */
const boundMs = timeoutMs + 5_000 + timeoutMs;
/** A look at a storage that does not answer takes so long, before the lock and after it; and a refusal some time to come through. */
const readMs = 5_000;
const slackMs = 3_000;
/** A driver and hidden tabs of a busy machine take their time as well. */
const busyMs = 3_000;
/** So long after the answer was sent, on a busy machine, it may not be stored yet. */
const writeMs = 1_000;

const ways: readonly Leaving[] = [
  { name: 'is closed', leave: (tab) => tab.close() },
  { name: 'freezes', leave: (tab) => tab.freeze(), comeBack: (tab) => tab.thaw() },
  { name: 'crashes', leave: (tab) => tab.crash() },
  { name: 'is reloaded', leave: (tab) => tab.reload(), comeBack: async () => undefined },
  { name: 'is left for another page', leave: goElsewhere, comeBack: (tab, url) => tab.goto(url) },
];

const moments: readonly Moment[] = [
  ...[0, 3, 6, 9, 12, 16, 20, 30, 45, 60].map((ms) => ({ after: 'asking', ms }) as const),
  { after: 'waiting', ms: 40 },
  { after: 'arrival', ms: 0 },
  { after: 'rotation', ms: 20 },
  ...[-5, 0, 2, 4, 6, 9, 13, 20].map((ms) => ({ after: 'answer', ms }) as const),
];

/** One of them where time is short, another for each way and storage; else all. */
function momentsOf(way: number, storage: string): readonly Moment[] {
  const stride = isLong ? 1 : moments.length;
  return moments.filter((_, index) => (index + 10 * way + 4 * storages.indexOf(storage)) % stride === 0);
}

/** Tabs that go for good are opened beforehand: WebKit's driver opens none in a browser in which one has crashed. */
const perWorld = 5;

inEveryBrowser(({ engine, play }) => {
  describe.each(storages)('with the session in %s', (storage) => {
    test.each(ways.map((way, index) => [way.name, way, momentsOf(index, storage)] as const))(
      'the refreshing tab %s: the others get a token within the bound',
      async (name, way, all) => {
        const counts = { rounds: 0, requests: 0, expected: 0, signOuts: 0, familiesRevoked: 0 };
        const total = { ...counts, unavoidable: 0, again: 0, stuck: 0 };
        const canStick = name === 'freezes';
        let slowestMs = 0;
        const late: string[] = [];
        for (let start = 0; start < all.length; start += perWorld) {
          const some = all.slice(start, start + perWorld);
          const query = { storage, proactive: 'false', timeout: String(timeoutMs) };
          const world = await play(way.comeBack ? 3 : 2 + some.length, query);
          for (const tab of world.tabs.slice(2)) await tab.thaw(); // it is found out now which process it has
          await world.signIn('user 0');
          let lost = 0;
          for (const [index, moment] of some.entries()) {
            await world.jump(2 * hourMs);
            const round = await playLeaving(world, way, moment, index % 2 === 0);
            await way.comeBack?.(world.tabs[2] as Tab, world.url); // a frozen one could not even be closed
            const { isLost, isStuck, expected, what } = judge(
              round,
              `${engine}, ${storage}, ${name}, ${JSON.stringify(moment)}`,
            );
            // it was another tab that refreshed
            if (moment.after === 'waiting') expect(isLost).toBe(false);
            total.rounds++;
            total.requests += round.requests.length;
            total.expected += expected;
            total.again += round.again;
            total.unavoidable += Number(isLost);
            if (!isLost) total.signOuts += round.ends;
            // their storage did not answer: to the end, or until the database was let go of
            const wasStuck = canStick && (isStuck || round.isHeldUp);
            total.stuck += Number(wasStuck);
            if (wasStuck) expect(round.longestCallMs, what).toBeLessThanOrEqual(boundMs + 2 * readMs + slackMs);
            else slowestMs = Math.max(slowestMs, round.slowestMs);
            if (!wasStuck && round.slowestMs > boundMs + busyMs) late.push(`${round.slowestMs} ms: ${what}`);
            if (isStuck && !canStick) late.push(`refused: ${what}`);
            await comeTogether(world, way, round, isLost && `user ${index + 1}`, isStuck);
            const handedAt = canStick ? await lastHanded(world.tabs[2] as Tab) : 0;
            lost += Number(isLost);
            if (canStick && world.server.counts.reusesDetected > lost) {
              // it was stopped between the page, which had the lock, and the network, which sent as soon as it went on
              expect(handedAt, `sent after it went on: ${what}`).toBeLessThanOrEqual(round.goneAt);
              await world.signIn(`user ${index + 1}`); // the server has revoked the family
              lost++;
              total.unavoidable++;
            }
            expect(world.server.counts.reusesDetected, `afterwards: ${what}`).toBe(lost);
          }
          total.familiesRevoked += world.server.counts.familiesRevoked;
          await world.close();
        }
        record({ engine, storage, scenario: `the refreshing tab ${name}`, ...total, slowestMs, boundMs });
        expect(total.signOuts).toBe(0);
        expect(total.familiesRevoked).toBe(total.unavoidable);
        expect(late).toEqual([]);
      },
    );
  });
});

interface Verdict {
  readonly isLost: boolean;
  /** Its process was stopped within a transaction of IndexedDB, and no other could use the database. */
  readonly isStuck: boolean;
  readonly expected: number;
  readonly what: string;
}

/** One request a round, or two where the first one's answer did not get as far as the storage. */
function judge({ answers, requests, leftAt, answeredAt, ends }: Round, where: string): Verdict {
  const [first, second] = requests;
  const seen = requests.map(({ granted, reused, status }) => ({ granted, reused, status }));
  const what = `${where}: ${JSON.stringify({ seen, ends, codes: answers.map(({ code }) => code), leftAt, answeredAt })}`;
  const isLost = Boolean(first?.granted && second?.reused);
  // the server had rotated, and the tab went before it can have been sure to have stored the answer
  if (isLost) expect(leftAt, what).toBeLessThan(answeredAt + writeMs);
  if (answers.some(({ code }) => code === 'ERR_LOCK_TIMEOUT' || code === 'ERR_STORAGE_READ')) {
    expect(ends, what).toBe(0);
    expect(requests.length, what).toBeLessThanOrEqual(1);
    return { isLost: false, isStuck: true, expected: requests.length, what };
  }
  const expected = first?.granted && !isLost ? 1 : 2;
  expect(requests.length, what).toBe(expected);
  if (isLost) return { isLost, isStuck: false, expected, what };
  expect(ends, what).toBe(0);
  expect(answers[0]?.token, what).toBeDefined();
  expect(answers[1], what).toEqual(answers[0]);
  return { isLost, isStuck: false, expected, what };
}

/** Everybody is back, and has the same token; with a new session where the old one was lost. */
async function comeTogether(
  world: SpaWorld,
  way: Leaving,
  { answers: got }: Round,
  user: string | false,
  isStuck: boolean,
): Promise<void> {
  const leaver = world.tabs[2] as Tab;
  if (!way.comeBack) world.drop(leaver);
  if (user) await world.signIn(user);
  const answers = await Promise.all(world.tabs.map((tab) => askPatiently(tab, 30_000)));
  expect(answers[0]?.token).toBeDefined();
  const [token] = user || isStuck ? answers : got;
  expect(answers).toEqual(answers.map(() => token));
}

async function goElsewhere(tab: Tab): Promise<void> {
  // never answered, or refused, by a page that is on its way
  void tab.run(() => location.assign('/elsewhere')).catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 100));
}
