import { expect, test } from 'vitest';
import type { SpaPage } from '../../examples/spa/main.js';
import type { Tab } from '../support/browsers/tab-browser.js';
import { inEveryBrowser } from './support/in-every-browser.js';

declare const page: SpaPage;

const bodies = ['form', 'text', 'bytes', 'blob', 'parameters', 'nothing'] as const;
const ways: readonly [string, (tab: Tab, url: string) => Promise<unknown>][] = [
  ['another page', (tab, url) => tab.goto(`${url}&elsewhere`)],
  ['a reload', (tab) => tab.reload()],
];

inEveryBrowser(({ play }) => {
  test.each(ways)(
    'F15: a page that leaves by %s sends its last requests with the access token, whatever their body, as fetch does',
    async (_, leave) => {
      const world = await play(1, { proactive: 'false' });
      await world.signIn('Ada');
      const [tab] = world.tabs as [Tab];
      await tab.run(sendAtTheEnd, [...bodies]);
      await leave(tab, world.url);
      const last = () => world.server.apiRequests.filter(({ url }) => url.includes('/api/last/'));
      const arrived = (by: string) =>
        last()
          .filter(({ url, status }) => url.includes(`/api/last/${by}/`) && (by === 'fetch' || status === 200))
          .map(({ url }) => url.split('/').at(-1))
          .sort();
      await expect.poll(() => arrived('fetch'), { timeout: 10_000 }).toEqual([...bodies].sort());
      await expect.poll(() => arrived('ours'), { timeout: 10_000 }).toEqual([...bodies].sort());
      const form = last().find(({ url }) => url.endsWith('/ours/form'));
      expect(form?.headers.authorization).toMatch(/^Bearer /);
      expect(new TextDecoder().decode(form?.body)).toMatch(/name="name"[\s\S]*Ada[\s\S]*filename="a.txt"/);
    },
  );
});

/** Runs in the page: as it is hidden for good, each body is sent by the wrapped fetch and by the browser's own. */
async function sendAtTheEnd(names: string[]): Promise<void> {
  const form = new FormData();
  form.append('name', 'Ada');
  form.append('file', new Blob(['file']), 'a.txt');
  const all: Record<string, BodyInit | undefined> = {
    form,
    text: 'text',
    bytes: new Uint8Array([1, 2]),
    blob: new Blob(['blob']),
    parameters: new URLSearchParams({ a: '1' }),
  };
  await page.tokens.getAccessToken();
  addEventListener('pagehide', () => {
    for (const name of names) {
      const init = { method: 'POST', keepalive: true, body: all[name] ?? null };
      page.api(`/api/last/ours/${name}`, init).catch(() => undefined);
      fetch(`/api/last/fetch/${name}`, init).catch(() => undefined);
    }
  });
}
