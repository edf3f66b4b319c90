import { expect, test } from 'vitest';
import { createFetch } from '../../src/index.js';

test('F1: a relative URL leads to the base of the document, and gets an access token only if that is listed', async () => {
  const sent: [string, string | null][] = [];
  const send: typeof fetch = async (input, init) => {
    const { url, headers } = new Request(input, init);
    sent.push([url, headers.get('authorization')]);
    return new Response('ok');
  };
  const tokens = { getAccessToken: async () => 'access', replaceAccessToken: async () => 'access' };
  const base = document.head.appendChild(document.createElement('base'));
  base.href = 'https://elsewhere.test/assets/';
  const asked = [
    createFetch(tokens, { origins: [location.origin], fetch: send })('/me'),
    createFetch(tokens, { origins: ['https://elsewhere.test'], fetch: send })('me'),
  ];
  base.remove();
  await Promise.all(asked);
  expect(sent).toEqual([
    ['https://elsewhere.test/me', null],
    ['https://elsewhere.test/assets/me', 'Bearer access'],
  ]);
});
