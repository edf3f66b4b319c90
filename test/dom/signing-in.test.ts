import { afterEach, expect, test, vi } from 'vitest';
import { onSignIn, onSignOut, signIn, start, tokens } from '../../examples/sign-in-page.js';
import { createAuthServer } from '../../src/testing.js';

const server = createAuthServer({ origin: 'https://auth.example' });

afterEach(() => vi.unstubAllGlobals());

/** An address bar: where the page is, and where it was sent. */
function addressBar(href: string) {
  const sent: string[] = [];
  const at = (next: string) => {
    const { origin, pathname, search } = new URL(next, 'https://shop.example');
    vi.stubGlobal('location', { href: next, origin, pathname, search, assign: (url: string) => sent.push(url) });
  };
  at(href);
  const replaced: string[] = [];
  vi.stubGlobal('history', { replaceState: (_state: unknown, _title: string, url: string) => replaced.push(url) });
  return { at, sent, replaced };
}

test('J7: the page of the documentation signs in and out; its address holds neither code nor state afterwards', async () => {
  vi.stubGlobal('fetch', server.fetch);
  const bar = addressBar('https://shop.example/orders?open=1');
  await start();
  expect([bar.replaced, tokens.getSnapshot().status], 'no callback: nothing happens').toEqual([[], 'loading']);

  await onSignIn();
  const back = await server.authorize(bar.sent[0] ?? '');
  bar.at(back);
  await Promise.all([start(), start()]); // StrictMode
  expect(new Set(bar.replaced)).toEqual(new Set(['/orders?open=1']));
  expect(tokens.getSnapshot()).toMatchObject({ status: 'active', claims: { sub: 'ada' } });
  expect(server.tokenRequests).toHaveLength(1);

  await start(); // back and forward
  expect(server.tokenRequests).toHaveLength(1);

  await onSignOut();
  expect(tokens.getSnapshot().status).toBe('none');
  const out = new URL(bar.sent[1] ?? '');
  expect(out.href).toContain('https://auth.example/logout?id_token_hint=');
  const gone = await server.fetch(out);
  expect(gone.headers.get('location')).toMatch(/^https:\/\/shop\.example\/\?state=/);
  await expect(signIn.finish(back)).rejects.toMatchObject({ code: 'ERR_SIGN_IN_UNKNOWN' });
});
