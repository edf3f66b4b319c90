import type { AuthServerOptions } from '../../src/testing.js';
import type { TabBrowser } from '../../test/support/browsers/tab-browser.js';
import type { ComparedPage } from './compared-page.js';
import { count, type Library, onStage, signIn } from './stage.js';

/** Calls and refreshes where each nonce is good once, and the next comes with every answer. */
export interface Nonces {
  readonly name: string;
  readonly signedIn: string;
  /** Requests of a sign-in: pushed, and for the tokens. */
  readonly signInRequests: number;
  readonly calls: number;
  readonly callRequests: number;
  /** The most calls that there were at once, and what came of as many. */
  readonly atOnce: number;
  readonly atOnceRequests: number;
  readonly atOnceAnswered: number;
  readonly refreshes: number;
  readonly refreshRequests: number;
  /** Calls and refreshes that failed. */
  readonly failed: number;
}

/** A server that demands a nonce at both ends, and takes each once. */
export function runNonces(browser: TabBrowser, library: Library, calls: number): Promise<Nonces> {
  const server: AuthServerOptions = { dpop: 'required', dpopNonceUses: 1 };
  return onStage(browser, library, { server, settings: { isBound: true } }, async (stage) => {
    const { tab, front } = stage;
    const signedIn = await signIn(stage);
    const atSignIn = count(front, '/par', '/token');
    const tokenRequests = count(front, '/token');
    const failures: unknown[] = [];
    const times = async (n: number, act: () => Promise<unknown>): Promise<void> => {
      for (let done = 0; done < n; done++) await act().catch((error) => failures.push(error));
    };
    const asIs = async (): Promise<void> => {
      const status = await tab.run(call, '/api/orders');
      if (status !== 200) failures.push(status);
    };
    await times(calls, asIs);
    const oneByOne = count(front, '/api/orders');
    const atOnce = Math.ceil(calls / 2);
    const statuses = await tab.run(callAtOnce, '/api/orders', atOnce);
    const atOnceRequests = count(front, '/api/orders') - oneByOne;
    const refreshes = Math.ceil(calls / 4);
    await times(refreshes, () => tab.run(refresh));
    return {
      name: library.name,
      signedIn,
      signInRequests: atSignIn,
      calls,
      callRequests: oneByOne,
      atOnce,
      atOnceRequests,
      atOnceAnswered: statuses.filter((status) => status === 200).length,
      refreshes,
      refreshRequests: count(front, '/token') - tokenRequests,
      failed: failures.length,
    };
  });
}

/** What comes of a device whose clock is wrong. */
export interface Clock {
  readonly name: string;
  readonly server: 'checks the time' | 'goes by its nonces';
  /** How far it is ahead of the server's, in milliseconds. */
  readonly aheadMs: number;
  /** `signed in`, or what went wrong. */
  readonly signedIn: string;
  readonly calls: number;
  readonly answered: number;
  /** Requests of all that: to push, for tokens, and to the API. */
  readonly requests: number;
}

/** Servers of which the first takes proofs of a minute, and the second those with its nonce, whatever their time. */
export const timekeepers: Readonly<Record<Clock['server'], AuthServerOptions>> = {
  'checks the time': { dpop: 'required', dpopWindowMs: 60_000, dpopIat: 'checked' },
  'goes by its nonces': { dpop: 'required', dpopWindowMs: 60_000, dpopNonceUses: 1 },
};

/** Signs in and calls the API on a device whose clock is so far ahead. */
export function runClock(
  browser: TabBrowser,
  library: Library,
  timekeeper: Clock['server'],
  { aheadMs, calls }: Pick<Clock, 'aheadMs' | 'calls'>,
): Promise<Clock> {
  const server = timekeepers[timekeeper];
  return onStage(browser, library, { server, settings: { isBound: true }, aheadMs }, async (stage) => {
    const signedIn = await signIn(stage);
    let answered = 0;
    for (let done = 0; done < calls && signedIn === 'signed in'; done++) {
      const status = await stage.tab.run(call, '/api/orders').catch(() => 0);
      if (status === 200) answered++;
    }
    const requests = count(stage.front, '/par', '/token', '/api/orders');
    return { name: library.name, server: timekeeper, aheadMs, signedIn, calls, answered, requests };
  });
}

// what follows runs in the page

declare const page: ComparedPage;

function call(path: string): Promise<number> {
  return page.call(path);
}

function callAtOnce(path: string, times: number): Promise<number[]> {
  return Promise.all(Array.from({ length: times }, () => page.call(path).catch(() => 0)));
}

function refresh(): Promise<void> {
  return page.refresh();
}
