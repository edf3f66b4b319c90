import { describe, expect, test } from 'vitest';
import type { SpaPage } from '../../examples/spa/main.js';
import type { Tab } from '../support/browsers/tab-browser.js';
import { inEveryBrowser, isLong, type Stage } from './support/in-every-browser.js';
import { preparePage } from './support/prepare-page.js';
import { record } from './support/results.js';
import { type SpaWorld, storages } from './support/spa-world.js';
import { storedSession } from './support/stored-session.js';

/** How a page goes after it has signed out; by the recipe alone, it goes when it is told that the session has ended. */
type Way = 'the recipe alone' | 'another page' | 'a reload' | 'closing the tab';

/** When it goes: so many promise jobs after `endSession()` was called, and then so many milliseconds. */
interface Moment {
  readonly jobs: number;
  readonly ms?: number;
}

const ways: readonly Way[] = ['the recipe alone', 'another page', 'a reload', 'closing the tab'];

const moments: readonly Moment[] = [
  ...[0, 1, 2, 3, 5, 8, 13, 20, 30].map((jobs) => ({ jobs })),
  ...[0, 1, 2, 3, 5, 8, 12, 20, 40, 80, 200].map((ms) => ({ jobs: 0, ms })),
];
const some = isLong ? moments : moments.filter((_, index) => index % 4 === 0).concat({ jobs: 0, ms: 200 });
/** The long form plays each moment alone and beside a tab that refreshes, the short one by turns. */
const neighbours = isLong ? [false, true] : [undefined];

/** How long the server takes, before it acts and again before it answers. */
const delayMs = 40;
/** A bound, not a measurement: after it, the server will never be told. */
const patienceMs = 5_000;

/** What a page shows where nobody is signed in; where a refresh met the revocation, the server has refused. */
const nobody = /^none ERR_(NO_SESSION|SESSION_REJECTED)$/;

/** What came of one round. */
interface Round {
  readonly isSignedIn: boolean;
  readonly isRevoked: boolean;
  /** What the next page showed at first and afterwards, then the tab beside; how many records are stored. */
  readonly seen: readonly unknown[];
}

declare const page: SpaPage;

inEveryBrowser(({ engine, play }) => {
  describe.each(storages)('with the session in %s', (storage) => {
    test.each(ways)(
      'signing out and leaving by %s, at whatever moment: the next page finds nobody signed in, and the server has been told',
      async (way) => {
        const { world, left } = await open(play, storage);
        let signedIn = 0;
        let notRevoked = 0;
        for (const isBeside of neighbours) {
          for (const [index, moment] of some.entries()) {
            const round = await playRound(world, left, way, moment, isBeside ?? index % 2 === 1, engine);
            signedIn += Number(round.isSignedIn);
            notRevoked += Number(!round.isRevoked);
            if (round.isSignedIn || !round.isRevoked) {
              console.log(`${engine}, ${storage}, ${way}: ${JSON.stringify({ moment, isBeside, index, ...round })}`);
            }
          }
        }
        const rounds = neighbours.length * some.length;
        const { length: requests } = world.server.tokenRequests;
        const { familiesRevoked, reusesDetected } = world.server.counts;
        record({
          engine,
          storage,
          scenario: `signing out and leaving by ${way}`,
          rounds,
          requests,
          expected: rounds / 2,
          signOuts: 0,
          familiesRevoked: familiesRevoked - rounds + notRevoked,
        });
        expect({ signedIn, notRevoked, reusesDetected }).toEqual({ signedIn: 0, notRevoked: 0, reusesDetected: 0 });
        expect(requests).toBe(rounds / 2);
      },
    );
  });
});

/** Two tabs; `left` waits until a page has been asked for by a tab that leaves, and is told beforehand. */
async function open(play: Stage['play'], storage: string): Promise<{ world: SpaWorld; left: () => Promise<void> }> {
  let served = (): void => undefined;
  const document = (html: string, url: URL): string => {
    served();
    return preparePage(html, url);
  };
  const left = (): Promise<void> =>
    new Promise((resolve) => {
      served = resolve;
    });
  return { world: await play(2, { storage, proactive: 'false' }, { document }), left };
}

async function playRound(
  world: SpaWorld,
  left: () => Promise<void>,
  way: Way,
  moment: Moment,
  isBeside: boolean,
  engine: string,
): Promise<Round> {
  const { server } = world;
  const [beside, leaver] = world.tabs as [Tab, Tab];
  await world.signIn('Ada');
  const { familiesRevoked } = server.counts;
  server.set({ delayMs, answerDelayMs: delayMs });
  const refreshing = isBeside ? await startRefresh(world, beside) : undefined;
  const hasLeft = left();
  // never answered, or refused, by a page that is on its way
  const going = leaver.run(signOutAndGo, way, moment).catch(() => undefined);
  let next = leaver;
  if (way === 'closing the tab') {
    await going;
    await leaver.close();
    world.drop(leaver);
    [next] = (await world.open(1)) as [Tab];
  } else {
    await hasLeft;
    // Firefox's driver never comes to the end of a navigation that meets another one; WebKit's does not see the page's own
    if (engine !== 'firefox') {
      await new Promise((resolve) => setTimeout(resolve, 100));
      await leaver.goto(world.url);
    }
  }
  // asked twice: the first page that answers may be on its way as well, as in Firefox after two navigations
  const found = await onceThere(() => next.run(look));
  await refreshing?.over;
  server.set({ delayMs: 0, answerDelayMs: 0 });
  const isRevoked = await until(() => server.counts.familiesRevoked > familiesRevoked);
  await beside.run(untilNobody, patienceMs); // it is told, and has nothing to ask for
  const all = [found, await onceThere(() => next.run(look)), await beside.run(look)];
  await onceThere(() => next.run(settle)); // it erases what the page before it left
  const stored = (await onceThere(() => storedSession(next))).length;
  return { isSignedIn: !all.every((who) => nobody.test(who)) || stored > 0, isRevoked, seen: [...all, stored] };
}

/** A refresh in this tab that has got to the server. */
async function startRefresh({ server }: SpaWorld, tab: Tab): Promise<{ over: Promise<unknown> }> {
  const { length } = server.tokenRequests;
  const over = tab.run(() => page.tokens.refresh().catch(() => undefined)).catch(() => undefined);
  if (!(await until(() => server.tokenRequests.length > length))) throw new Error('The other tab did not refresh.');
  return { over };
}

/** What the next page says. It may have no script yet, the page before it may still answer, or the driver never does. */
async function onceThere<T>(ask: () => Promise<T>): Promise<T> {
  const endAt = Date.now() + 4 * patienceMs;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const silence = new Promise<never>((_, reject) => {
      setTimeout(reject, patienceMs, new Error('The driver did not answer for the next page.'));
    });
    try {
      return await Promise.race([ask(), silence]);
    } catch (error) {
      if (Date.now() > endAt) throw error;
    }
  }
}

async function until(isTrue: () => boolean): Promise<boolean> {
  const endAt = Date.now() + patienceMs;
  while (!isTrue() && Date.now() < endAt) await new Promise((resolve) => setTimeout(resolve, 5));
  return isTrue();
}

// what follows runs in the page

/** The recipe of the documentation, and besides, unless it is to be alone, a page that goes by itself. */
async function signOutAndGo(way: Way, { jobs, ms }: Moment): Promise<void> {
  const { tokens } = page;
  Object.assign(globalThis, { isLeaving: true });
  let isGoing = way === 'closing the tab';
  // once: the next page is the driver's, and a second leave would be in its way
  const go = (leave: () => void): void => {
    if (!isGoing) leave();
    isGoing = true;
  };
  tokens.on('sessionEnded', () => go(() => location.assign(`${location.href}&login`)));
  tokens.endSession().catch(() => undefined);
  for (let job = 0; job < jobs; job++) await undefined;
  if (ms !== undefined) await new Promise((resolve) => setTimeout(resolve, ms));
  if (way === 'another page') go(() => location.assign(`${location.href}&elsewhere`));
  if (way === 'a reload') go(() => location.reload());
}

/** Resolves when this page knows that nobody is signed in, or has not been told in time. */
function untilNobody(withinMs: number): Promise<void> {
  return new Promise((resolve) => {
    const see = (): void => {
      if (page.tokens.getSnapshot().status === 'none') over();
    };
    const over = (): void => {
      stop();
      clearTimeout(timer);
      resolve();
    };
    const stop = page.tokens.subscribe(see);
    const timer = setTimeout(over, withinMs);
    see();
  });
}

function settle(): Promise<void> {
  return page.tokens.settled();
}

/** Who is signed in, as far as this page knows once it knows, and what a caller gets. */
async function look(): Promise<string> {
  if ('isLeaving' in globalThis) throw new Error('This is still the page that leaves.');
  const { status } = await page.tokens.ready();
  const code = await page.tokens.getAccessToken().then(
    () => 'a token',
    (error) => String(error.code),
  );
  return `${status} ${code}`;
}
