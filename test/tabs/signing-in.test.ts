import { afterEach, describe, expect, test } from 'vitest';
import type { SpaPage } from '../../examples/spa/main.js';
import type { Tab } from '../support/browsers/tab-browser.js';
import { inEveryBrowser, type Stage } from './support/in-every-browser.js';
import * as inPage from './support/in-page.js';
import { type LoginServer, type OpenerPolicy, serveLogin } from './support/login-server.js';
import { preparePage } from './support/prepare-page.js';
import type { SpaWorld } from './support/spa-world.js';

declare const page: SpaPage;

/** A bound, not a measurement: what has not happened by then never will. */
const patienceMs = 10_000;
/** When a page that finishes a sign-in is loaded anew, in milliseconds; the server takes 40 before it acts and after it. */
const moments = [0, 10, 20, 40, 60, 80, 100, 150, 200, 300];

interface SignInWorld extends SpaWorld {
  readonly login: LoginServer;
  /** Where the server has sent users back to, as paths. */
  readonly callbacks: readonly string[];
  /** How many codes were sent to the token endpoint so far. */
  codes(): number;
}

const open: LoginServer[] = [];
afterEach(() => {
  for (const login of open.splice(0)) login.close();
});

/** The page, and an authorization server at another origin, at whose page the user has to pass. */
async function start(play: Stage['play'], count: number, policy: OpenerPolicy = 'none'): Promise<SignInWorld> {
  let upstream = '';
  const login = await serveLogin(
    () => upstream,
    () => policy,
  );
  open.push(login);
  const callbacks: string[] = [];
  const document = (html: string, url: URL): string => {
    if (url.searchParams.has('code')) callbacks.push(url.pathname + url.search);
    return preparePage(html, url);
  };
  const world = await play(0, { issuer: login.issuer, proactive: 'false' }, { document });
  upstream = world.origin;
  await world.open(count);
  const codes = () =>
    world.server.tokenRequests.filter(({ parameters }) => parameters.grant_type === 'authorization_code').length;
  return Object.assign(world, { login, callbacks, codes });
}

inEveryBrowser(({ engine, play }) => {
  describe('signing in by redirects, over another origin', () => {
    test('two tabs that sign in at once both end up signed in, and in one session', async () => {
      const world = await start(play, 2);
      const [one, other] = world.tabs as [Tab, Tab];
      for (const order of [
        [one, other],
        [other, one],
      ] as [Tab, Tab][]) {
        const addresses = await Promise.all(order.map((tab) => tab.run(begin, 'Ada')));
        await Promise.all(order.map((tab, index) => tab.goto(addresses[index] ?? '')));
        const arrivals = await Promise.all(order.map((tab) => tab.run(arrived)));
        expect(arrivals).toEqual(Array(2).fill({ returnTo: expect.stringContaining('issuer=') }));
        // the first one serves its own session until it has heard of the other's
        const sessions = () => Promise.all(order.map((tab) => tab.run(sessionId)));
        await expect.poll(async () => new Set(await sessions()).size, { timeout: patienceMs }).toBe(1);
        const tokens = await Promise.all(order.map((tab) => tab.run(inPage.askOnce)));
        expect(tokens[0]).toHaveProperty('token');
        expect(tokens[0]).toEqual(tokens[1]);
        expect(await one.run(inPage.call)).toBe(200);
        await one.run(inPage.signOutAfter, 0);
        await other.run(untilNobody, patienceMs);
      }
      expect(world.codes()).toBe(4);
    });

    test('a reload at every moment of a sign-in leads to a session or to another try, and never sends the code twice', async () => {
      const world = await start(play, 1);
      const [tab] = world.tabs as [Tab];
      const outcomes: string[] = [];
      for (const ms of moments) {
        const before = world.codes();
        world.server.set({ delayMs: 40, answerDelayMs: 40 });
        await tab.goto(await tab.run(begin, 'Ada'));
        const address = await tab.run(() => location.href);
        await new Promise((resolve) => setTimeout(resolve, ms));
        await tab.reload();
        const arrival = await tab.run(arrived);
        const answer = await tab.run(inPage.askOnce);
        expect(world.codes() - before, `after ${ms} ms`).toBeLessThanOrEqual(1);
        if (arrival.code) expect(arrival).toEqual({ code: 'ERR_SIGN_IN_UNKNOWN', returnTo: expect.any(String) });
        expect(Boolean(answer.token), `after ${ms} ms, ${JSON.stringify({ arrival, address })}`).toBe(!arrival.code);
        const shown = await tab.run(() => location.href);
        if (!arrival.code) expect(shown).not.toMatch(/[?&](code|state)=/);
        outcomes.push(arrival.code ? 'begin again' : 'signed in');
        world.server.set({ delayMs: 0, answerDelayMs: 0 });
        await tab.run(inPage.signOutAfter, 0);
        await tab.goto(world.url);
      }
      console.log(`${engine}: ${moments.map((ms, index) => `${ms} ms ${outcomes[index]}`).join(', ')}`);
    });

    test('back, forward and an old callback change nothing while somebody is signed in, and say so afterwards', async () => {
      const world = await start(play, 1);
      const [tab] = world.tabs as [Tab];
      await tab.goto(await tab.run(begin, 'Ada'));
      expect(await tab.run(arrived)).toMatchObject({ returnTo: expect.any(String) });
      const first = await tab.run(inPage.askOnce);
      expect(first).toHaveProperty('token');
      const callback = `${world.origin}${world.callbacks[0]}`;
      await tab.goto(`${world.url}&elsewhere`);
      await tab.back();
      expect(await tab.run(inPage.askOnce)).toEqual(first);
      await tab.forward();
      expect(await tab.run(inPage.askOnce)).toEqual(first);
      await tab.goto(callback);
      expect(await tab.run(arrived)).not.toHaveProperty('code');
      expect(await tab.run(() => location.href)).not.toMatch(/[?&](code|state)=/);
      expect(await tab.run(inPage.askOnce)).toEqual(first);
      await tab.run(inPage.signOutAfter, 0);
      await tab.goto(callback);
      expect(await tab.run(arrived)).toMatchObject({ code: 'ERR_SIGN_IN_UNKNOWN' });
      expect(world.codes()).toBe(1);
    });

    test('npm run spa as it stands: the page signs in at its own origin, calls its API and signs out', async () => {
      const world = await play(1, { issuer: '', proactive: 'false' });
      const [tab] = world.tabs as [Tab];
      await tab.goto(await tab.run(begin, 'Ada'));
      expect(await tab.run(arrived)).toMatchObject({ returnTo: expect.any(String) });
      expect(await tab.run(inPage.call)).toBe(200);
      expect(await tab.run(inPage.refresh)).toBe('refreshed');
      await tab.goto(await tab.run(end));
      expect(await tab.run(inPage.askOnce)).toEqual({ code: 'ERR_NO_SESSION' });
    });

    test('signing out leads over the server’s own page back to ours, where nobody is signed in', async () => {
      const world = await start(play, 2);
      const [tab, other] = world.tabs as [Tab, Tab];
      await tab.goto(await tab.run(begin, 'Ada'));
      await other.run(untilSomebody, patienceMs);
      await tab.goto(await tab.run(end));
      await other.run(untilNobody, patienceMs);
      expect(await tab.run(inPage.askOnce)).toEqual({ code: 'ERR_NO_SESSION' });
      expect(world.login.requests).toContain('GET /logout');
      await expect.poll(() => world.server.counts.familiesRevoked).toBe(1); // nobody waits for that
    });
  });
});

inEveryBrowser(
  ({ engine, play }) => {
    test.each(['none', 'same-origin', 'same-origin-allow-popups'] as const)(
      'a window whose login page sends COOP %s signs the page below it in, and all other tabs',
      async (policy) => {
        const world = await start(play, 2, policy);
        const [opener, other] = world.tabs as [Tab, Tab];
        await opener.show();
        await opener.run(watchWindow);
        await opener.click('[data-action=popup]');
        const seen = await Promise.all([opener, other].map((tab) => tab.run(untilSomebody, patienceMs)));
        expect(seen).toEqual([true, true]);
        expect(await opener.run(inPage.call)).toBe(200);
        expect(world.codes()).toBe(1);
        expect(world.login.requests.filter((request) => request === 'GET /authorize')).toHaveLength(2);
        console.log(`${engine}, COOP ${policy}: closed was ${await opener.run(wasClosed)}`);
      },
    );
  },
  { inWindows: true },
);

inEveryBrowser(
  ({ play }) => {
    test('a private window signs in, and is signed in after a reload', async () => {
      const world = await start(play, 1);
      const [tab] = world.tabs as [Tab];
      await tab.goto(await tab.run(begin, 'Ada'));
      expect(await tab.run(arrived)).toMatchObject({ returnTo: expect.any(String) });
      const first = await tab.run(inPage.askOnce);
      expect(first).toHaveProperty('token');
      await tab.reload();
      expect(await tab.run(inPage.askOnce)).toEqual(first);
    });
  },
  { isPrivate: true },
);

// what follows runs in the page

function begin(user: string): Promise<string> {
  return page.begin(user);
}

async function end(): Promise<string> {
  return (await page.end({ returnTo: location.href })) ?? '';
}

function arrived(): Promise<{ returnTo?: string; code?: string }> {
  return page.arrived as Promise<{ returnTo?: string; code?: string }>;
}

function sessionId(): string {
  return page.tokens.getSnapshot().sessionId ?? '';
}

/** Notes when the window that is opened next counts as closed. */
function watchWindow(): void {
  const closings: string[] = [];
  const open = window.open;
  window.open = (...all) => {
    const opened = open.apply(window, all);
    const look = setInterval(() => {
      if (!opened?.closed) return;
      const { status } = page.tokens.getSnapshot();
      closings.push(status === 'active' ? 'true after the sign-in' : 'true before the sign-in');
      clearInterval(look);
    }, 10);
    return opened;
  };
  Object.assign(globalThis, { closings });
}

function wasClosed(): string {
  return (globalThis as unknown as { closings: string[] }).closings[0] ?? 'never true';
}

/** Whether this page comes to know that somebody is signed in, without being asked anything. */
function untilSomebody(withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => over(false), withinMs);
    const stop = page.tokens.subscribe(() => look());
    const over = (is: boolean): void => {
      clearTimeout(timer);
      stop();
      resolve(is);
    };
    const look = (): void => {
      if (page.tokens.getSnapshot().status === 'active') over(true);
    };
    look();
  });
}

function untilNobody(withinMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('somebody is signed in')), withinMs);
    const look = (): void => {
      if (page.tokens.getSnapshot().status !== 'none') return;
      clearTimeout(timer);
      stop();
      resolve();
    };
    const stop = page.tokens.subscribe(() => look());
    look();
  });
}
