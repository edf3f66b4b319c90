import { afterEach, expect, test } from 'vitest';
import { engines } from '../support/browsers/engines.js';
import type { TabBrowser } from '../support/browsers/tab-browser.js';
import { type ReactApplication, serveReactApplication } from './support/react-application.js';

/** A bound, not a measurement: what has not happened by then never will. */
const patienceMs = 20_000;

let app: ReactApplication | undefined;
let browser: TabBrowser | undefined;
afterEach(async () => {
  await browser?.close();
  await app?.close();
});

test.each(engines)(
  'the React application of 40 lines signs in, in both tabs, calls its API and signs out everywhere, in $name',
  async ({ launch }) => {
    browser = await launch();
    app = await serveReactApplication();
    const { url, server } = app;
    const [one, other] = [await browser.open(url), await browser.open(url)];
    await one.run(untilShown, 'Sign in', patienceMs);

    one.run(press, 'Sign in').catch(() => undefined); // a page that leaves may not answer
    await until(() => server.tokenRequests.some(({ status }) => status === 200));
    await other.run(untilShown, 'Orders', patienceMs);
    await one.goto(url); // the driver has to be told of a page that came by itself
    await one.run(untilShown, 'Orders', patienceMs);
    for (const tab of [one, other]) {
      await tab.run(press, 'Orders');
      await tab.run(untilSays, '"user":"ada"', patienceMs);
    }
    expect(server.tokenRequests, 'StrictMode, and two tabs').toHaveLength(1);

    other.run(press, 'Sign out').catch(() => undefined);
    await one.run(untilShown, 'Sign in', patienceMs);
    await until(() => server.counts.familiesRevoked === 1);
    expect(server.counts.reusesDetected).toBe(0);
  },
);

async function until(isTrue: () => boolean): Promise<void> {
  const endAt = Date.now() + patienceMs;
  while (!isTrue()) {
    if (Date.now() > endAt) throw new Error('It did not happen.');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

// what follows runs in the page

function press(name: string): void {
  document.querySelector<HTMLInputElement>(`[value="${name}"]`)?.click();
}

async function untilShown(name: string, withinMs: number): Promise<void> {
  const endAt = Date.now() + withinMs;
  while (!document.querySelector(`[value="${name}"]`)) {
    if (Date.now() > endAt) throw new Error(`There is no ${name}, but ${document.body.innerHTML}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function untilSays(text: string, withinMs: number): Promise<void> {
  const endAt = Date.now() + withinMs;
  while (!document.body.textContent?.includes(text)) {
    if (Date.now() > endAt) throw new Error(`It says ${document.body.textContent}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
