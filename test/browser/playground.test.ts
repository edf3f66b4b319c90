import axe from 'axe-core';
import { afterEach, expect, test, vi } from 'vitest';
import { type Playground, startPlayground } from '../../playground/page.js';
import '../../playground/style.css';

let stop: () => void = () => undefined;
afterEach(() => stop());

/** The playground in this page, which stands still but for what a test lets pass. */
async function open(hash = '') {
  const target = document.createElement('main');
  document.body.append(target);
  const address = { hash };
  const playground: Playground = startPlayground(target, address);
  stop = () => {
    playground.stop();
    target.remove();
  };
  const button = (name: string) =>
    [...target.querySelectorAll('button')].find(({ textContent }) => textContent === name) ?? expect.fail(name);
  button('Play').click();
  await playground.advance(0);
  const line = (title: string) =>
    [...target.querySelectorAll('tr')].find((row) => row.textContent?.startsWith(title))?.querySelectorAll('td') ??
    expect.fail(title);
  return {
    ...playground,
    target,
    address,
    button,
    scoreOf: (title: string) => [...line(title)].map(({ textContent }) => Number(textContent)),
  };
}

test('R6: the playground makes no request, whatever is switched', async () => {
  const fetched = vi.spyOn(globalThis, 'fetch');
  const opened = vi.spyOn(XMLHttpRequest.prototype, 'open');
  const before = performance.getEntriesByType('resource').length;
  const { target, advance } = await open();
  for (const button of target.querySelectorAll('button')) button.click();
  await advance(600_000);
  expect(target.querySelectorAll('.log li').length).toBeGreaterThan(10);
  expect([fetched.mock.calls.length, opened.mock.calls.length]).toEqual([0, 0]);
  expect(
    performance
      .getEntriesByType('resource')
      .slice(before)
      .map(({ name }) => name),
  ).toEqual([]);
});

test('an outage of ten minutes signs out only those who have written an interceptor', async () => {
  const { advance, scoreOf } = await open('#preset=outage&seed=1');
  await advance(1_800_000);
  const [ours = 0, theirs = 0] = scoreOf('Sign-outs by accident');
  expect([ours, theirs > 0]).toEqual([0, true]);
});

test('each switch, tab and action does what it says, and the link knows', async () => {
  const { advance, button, target, address } = await open('#preset=calm&seed=5');
  button('Token endpoint down').click();
  await advance(200_000);
  expect(address.hash).toBe('#preset=calm&seed=5&speed=30&on=outage');
  expect(target.textContent).toContain('/token 503');
  expect(button('Token endpoint down').getAttribute('aria-pressed')).toBe('true');
  const [first] = target.querySelectorAll('article');
  const within = (name: string) =>
    [...(first?.querySelectorAll('button') ?? [])].find(({ textContent }) => textContent === name);
  within('Freeze')?.click();
  await advance(1_000);
  expect(first?.textContent).toContain('frozen');
  within('Freeze')?.click();
  within('Crash')?.click();
  await advance(1_000);
  expect(first?.textContent).toContain('crashed');
  button('Token endpoint down').click();
  button('From the start').click();
  await advance(1_000);
  expect(first?.textContent).toContain('signed in');
  button('Sign out in tab 3').click();
  await advance(1_000);
  expect([...target.querySelectorAll('article')].every(({ textContent }) => textContent?.includes('signed out'))).toBe(
    true,
  );
});

test('every event has its sentence, and beside it what that means', async () => {
  const { advance, target } = await open('#preset=lost-strict&seed=1');
  await advance(1_200_000);
  const rows = [...target.querySelectorAll('.events li')];
  expect(rows.length).toBe(40);
  for (const row of rows) {
    expect(row.querySelector('span')?.textContent).toMatch(/\.$/);
    expect(row.querySelector('small')?.textContent).toMatch(/\.$/);
  }
});

test.each(['light', 'dark'])('axe-core finds nothing in %s', async (scheme) => {
  document.documentElement.style.colorScheme = scheme;
  document.documentElement.lang = 'en';
  const { advance, target } = await open('#preset=slow&seed=1');
  await advance(600_000);
  const rules = {
    region: { enabled: false },
    'page-has-heading-one': { enabled: false },
    'landmark-one-main': { enabled: false },
  };
  const { violations } = await axe.run(target, { rules });
  expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html).slice(0, 3)])).toEqual([]);
});

test('a keyboard reaches everything that can be done', async () => {
  const { target } = await open();
  const controls = [...target.querySelectorAll<HTMLElement>('button, select, input, a, ol')];
  expect(controls.length).toBeGreaterThan(25);
  for (const control of controls) {
    control.focus();
    expect(document.activeElement).toBe(control);
  }
});

test('on a narrow page nothing is wider than the page', async () => {
  const frame = document.createElement('iframe');
  frame.style.cssText = 'inline-size: 360px; block-size: 700px; border: 0';
  document.body.append(frame);
  const inside = frame.contentDocument as Document;
  const { advance, target } = await open();
  await advance(300_000);
  for (const style of document.querySelectorAll('style')) inside.head.append(style.cloneNode(true));
  inside.body.append(target.cloneNode(true));
  expect(inside.documentElement.scrollWidth).toBeLessThanOrEqual(360);
  frame.remove();
});
