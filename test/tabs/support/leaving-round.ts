import type { SpaPage } from '../../../examples/spa/main.js';
import type { TokenRequest } from '../../../src/testing.js';
import type { Tab } from '../../support/browsers/tab-browser.js';
import type { Prepared } from './prepare-page.js';
import type { Answer, SpaWorld } from './spa-world.js';

/** How the refreshing tab goes, and how it comes back for the next round, if it does. */
export interface Leaving {
  readonly name: string;
  leave(tab: Tab): Promise<unknown>;
  /** Without it the tab is gone. */
  comeBack?(tab: Tab, url: string): Promise<unknown>;
}

/** When the tab goes: so long after this, in milliseconds. */
export interface Moment {
  readonly after: 'asking' | 'arrival' | 'rotation' | 'answer' | 'waiting';
  readonly ms: number;
}

/** What came of one round. */
export interface Round {
  readonly answers: readonly Answer[];
  readonly requests: readonly TokenRequest[];
  /** How often they were refused with a moment at which to ask again. */
  readonly again: number;
  /** The longest that one of the other tabs had to wait for its answer, asking again included, in milliseconds. */
  readonly slowestMs: number;
  /** The longest that one of their calls took. */
  readonly longestCallMs: number;
  /** Whether their storage did not answer in time, as they were told. */
  readonly isHeldUp: boolean;
  /** How often the other tabs were told that their session is over. */
  readonly ends: number;
  /** Epoch milliseconds. */
  readonly leftAt: number;
  /** When it was gone for sure. */
  readonly goneAt: number;
  /** When the server sent the first answer, or would have; epoch milliseconds. */
  readonly answeredAt: number;
}

/** How long the server takes after it has rotated, in milliseconds. */
const answerDelayMs = 50;
/** The same where the answer is to find the tab gone. */
const longDelayMs = 400;

/** How long the others go on asking. */
const askMs = 6_000;

declare const page: SpaPage;
declare const prepared: Prepared;

/** The third tab refreshes and goes at this moment; the first two ask, before it goes or after. */
export async function playLeaving(world: SpaWorld, { leave }: Leaving, moment: Moment, early: boolean): Promise<Round> {
  const { server } = world;
  const [first, second, leaver] = world.tabs as [Tab, Tab, Tab];
  const others = [first, second];
  const before = server.tokenRequests.length;
  const endsBefore = await countEnds(others);
  const failuresBefore = await countStorageFailures(others);
  let leftAt = 0;
  let answeredAt = 0;
  let asking: Promise<Timed>[] | undefined;
  const askOthers = (): Promise<Timed>[] => {
    asking ??= others.map(askTimed);
    return asking;
  };
  const askThird = (): void => void leaver.run(ask, 0).catch(() => undefined);
  const going = new Promise<void>((resolve, reject) => {
    const go = async (): Promise<void> => {
      leftAt = Date.now();
      askOthers();
      await leave(leaver).then(() => resolve(), reject);
    };
    server.next(async (request) => {
      if (early) askOthers();
      answeredAt = request.at + answerDelayMs;
      if (moment.after === 'waiting') {
        askThird(); // another tab has the lock by now
        setTimeout(go, moment.ms);
      }
      if (moment.after === 'answer') setTimeout(go, answerDelayMs + moment.ms);
      if (moment.after === 'rotation') {
        answeredAt = request.at + longDelayMs;
        setTimeout(go, moment.ms);
        return { answerDelayMs: longDelayMs };
      }
      if (moment.after === 'arrival') {
        void go();
        return { hang: true }; // dropped, browsers would send it again by themselves
      }
      return { answerDelayMs: moment.after === 'waiting' ? longDelayMs : answerDelayMs };
    });
    if (moment.after === 'waiting') {
      askOthers();
    } else {
      askThird();
      if (moment.after === 'asking') setTimeout(go, moment.ms);
    }
  });
  await going;
  const goneAt = Date.now();
  const timed = await Promise.all(askOthers());
  return {
    answers: timed.map(({ answer: { again: _, longestMs: __, ...answer } }) => answer),
    again: timed.reduce((sum, { answer }) => sum + answer.again, 0),
    requests: server.tokenRequests.slice(before),
    slowestMs: Math.max(...timed.map(({ ms }) => ms)),
    longestCallMs: Math.max(...timed.map(({ answer }) => answer.longestMs)),
    isHeldUp: (await countStorageFailures(others)) > failuresBefore,
    ends: (await countEnds(others)) - endsBefore,
    leftAt,
    goneAt,
    answeredAt,
  };
}

interface Asked extends Answer {
  readonly again: number;
  readonly longestMs: number;
}

interface Timed {
  readonly answer: Asked;
  readonly ms: number;
}

async function askTimed(tab: Tab): Promise<Timed> {
  const startedAt = Date.now();
  const answer = await tab.run(ask, askMs);
  return { answer, ms: Date.now() - startedAt };
}

/** Asks, and again when that is to be tried, for so long. */
export async function askPatiently(tab: Tab, limitMs: number): Promise<Answer> {
  const { again: _, longestMs: __, ...answer } = await tab.run(ask, limitMs);
  return answer;
}

const countEnds = (tabs: readonly Tab[]): Promise<number> => total(tabs, endsIn);
const countStorageFailures = (tabs: readonly Tab[]): Promise<number> => total(tabs, storageFailuresIn);

/** What this comes to in all tabs together. */
async function total(tabs: readonly Tab[], countIn: () => number): Promise<number> {
  const counts = await Promise.all(tabs.map((tab) => tab.run(countIn)));
  return counts.reduce((sum, one) => sum + one, 0);
}

/** When this tab last handed the browser a request to the token endpoint, which has come to its end by now. */
export async function lastHanded(tab: Tab): Promise<number> {
  return tab.run(handed);
}

// these run in the page

/** Asks again when it is told when to: as long as a page is on its way out, its requests fail as without a network. */
async function ask(limitMs: number): Promise<Asked> {
  const startedAt = Date.now();
  let longestMs = 0;
  for (let again = 0; ; again++) {
    const calledAt = Date.now();
    const got = await page.tokens.getAccessToken().then(
      (token) => ({ token }),
      ({ code, retryAt }: { code: string; retryAt?: number }) => ({ code, retryAt }),
    );
    longestMs = Math.max(longestMs, Date.now() - calledAt);
    if ('token' in got) return { ...got, again, longestMs };
    const { code, retryAt } = got;
    if (retryAt === undefined || retryAt > startedAt + limitMs) return { code, again, longestMs };
    await new Promise((resolve) => setTimeout(resolve, retryAt - Date.now()));
  }
}

function endsIn(): number {
  return page.lines.filter(({ kind }) => kind === 'bad').length;
}

function storageFailuresIn(): number {
  return page.lines.filter(({ kind, text }) => kind === 'warn' && /storage/i.test(text)).length;
}

async function handed(): Promise<number> {
  await prepared.handed;
  return prepared.handedAt;
}
