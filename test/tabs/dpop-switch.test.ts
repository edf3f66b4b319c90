import { expect, test } from 'vitest';
import type { SpaPage } from '../../examples/spa/main.js';
import type { Tab } from '../support/browsers/tab-browser.js';
import { inEveryBrowser } from './support/in-every-browser.js';
import * as inPage from './support/in-page.js';

declare const page: SpaPage;

inEveryBrowser(({ play }) => {
  test('npm run spa with its switch on: tokens are bound to a key that no script can read, in every tab and after a reload', async () => {
    const { server, tabs, origin, close } = await play(2, { issuer: '', proactive: 'false' });
    const [one, other] = tabs as [Tab, Tab];
    expect(await one.run(isPressed)).toBe('false');
    await one.goto(await one.run(whereTheSwitchLeads));
    expect(await one.run(isPressed)).toBe('true');

    await one.goto(await one.run(begin, 'Ada'));
    expect(await one.run(arrived)).toMatchObject({ returnTo: expect.stringContaining('dpop') });
    expect(await one.run(isPressed), 'it is still on').toBe('true');
    // the other tab has its switch off, and goes on with the session that is there
    for (const tab of [one, other]) expect(await tab.run(inPage.call)).toBe(200);
    expect(await other.run(inPage.refresh)).toBe('refreshed');
    await one.reload();
    expect(await one.run(inPage.call)).toBe(200);

    const bindings = new Set(server.apiRequests.map(({ accessToken = '' }) => server.inspect(accessToken)?.jkt));
    expect(bindings).toEqual(new Set([expect.any(String)]));
    expect(server.apiRequests.map(({ headers }) => headers.authorization?.split(' ')[0])).toEqual(
      Array(3).fill('DPoP'),
    );
    expect(await fetch(`${origin}/figures`).then((response) => response.json())).toMatchObject({
      proofs: 3,
      reuses: 0,
    });
    const stolen = server.apiRequests[0]?.headers ?? {};
    const answer = await fetch(`${origin}/api/me`, { headers: { authorization: stolen.authorization ?? '' } });
    expect(answer.status, 'the access token alone').toBe(401);
    expect(await one.run(readPrivateKeys)).toEqual([false]);

    await one.goto(await one.run(end));
    await one.goto(await one.run(whereTheSwitchLeads));
    expect(await one.run(isPressed)).toBe('false');
    await one.goto(await one.run(begin, 'Ada'));
    expect(await one.run(arrived)).toHaveProperty('returnTo');
    expect(await one.run(inPage.call)).toBe(200);
    expect(server.apiRequests.at(-1)?.headers).toMatchObject({ authorization: expect.stringMatching(/^Bearer /) });
    expect(await one.run(readPrivateKeys), 'the key went with its session').toEqual([]);
    await close();
  });
});

inEveryBrowser(({ play }) => {
  test.each(['', 'dpop'])(
    'npm run spa and its second API, %s: one sign-in, an access token of its own for all tabs, and no request after a reload',
    async (choice) => {
      const { server, tabs, url } = await play(2, { issuer: '', proactive: 'false' });
      const [one, other] = tabs as [Tab, Tab];
      await one.goto(`${url}&${choice}`);
      await one.goto(await one.run(begin, 'Ada'));
      expect(await one.run(arrived)).toHaveProperty('returnTo');
      const first = await other.run(inPage.askOnce);
      expect(first).toHaveProperty('token');
      expect(await Promise.all(tabs.map((tab) => tab.run(callInvoices)))).toEqual([200, 200]);
      expect(await other.run(inPage.askOnce), 'the token of the session is the same').toEqual(first);
      expect(await Promise.all(tabs.map((tab) => tab.run(inPage.call)))).toEqual([200, 200]);
      expect(server.counts).toMatchObject({ refreshesGranted: 1, reusesDetected: 0 });
      await one.reload();
      expect(await one.run(callInvoices)).toBe(200);
      expect(server.counts.refreshesGranted).toBe(1);
      const audiences = server.apiRequests.map(({ accessToken = '' }) => server.inspect(accessToken)?.resource);
      expect(audiences.sort()).toEqual([...Array(3).fill('urn:invoices'), ...Array(2).fill('urn:shop')]);
    },
  );
});

// what follows runs in the page

function callInvoices(): Promise<number> {
  return page.callOther();
}

function isPressed(): string | null | undefined {
  return document.querySelector('[data-action=dpop]')?.getAttribute('aria-pressed');
}

/** Where the switch leads; the driver has to be told of the address. */
function whereTheSwitchLeads(): string {
  return page.otherBinding();
}

function begin(user: string): Promise<string> {
  return page.begin(user);
}

async function end(): Promise<string> {
  return (await page.end({ returnTo: location.href })) ?? '';
}

function arrived(): Promise<{ returnTo?: string; code?: string }> {
  return page.arrived as Promise<{ returnTo?: string; code?: string }>;
}

/** Whether each private key that lies in IndexedDB can be exported. */
async function readPrivateKeys(): Promise<boolean[]> {
  const found: boolean[] = [];
  const look = (value: unknown, depth = 0): void => {
    if (value instanceof CryptoKey) {
      if (value.type === 'private') found.push(value.extractable);
    } else if (typeof value === 'object' && value !== null && depth < 4) {
      for (const inner of Object.values(value)) look(inner, depth + 1);
    }
  };
  for (const { name = '' } of await indexedDB.databases()) {
    const database = await new Promise<IDBDatabase>((resolve, reject) => {
      const opening = indexedDB.open(name);
      opening.onsuccess = () => resolve(opening.result);
      opening.onerror = () => reject(opening.error);
    });
    for (const store of database.objectStoreNames) {
      const all = database.transaction(store).objectStore(store).getAll();
      await new Promise((resolve) => {
        all.onsuccess = resolve;
      });
      look(all.result);
    }
    database.close();
  }
  return found;
}
