import { afterEach, describe, expect, test } from 'vitest';
import { createFetch, type TokenSource } from '../../src/index.js';

const sent: { url: string; authorization: string | null }[] = [];
let answerToken: (token: string) => void;
let tokens: TokenSource;

/** What really would go out: `fetch` takes a relative URL relative to the document's base. */
const send: typeof fetch = async (input, init) => {
  const url = new URL(String(input), document.baseURI).href;
  sent.push({ url, authorization: new Headers(init?.headers).get('authorization') });
  return new Response('ok');
};

function api(...origins: string[]): typeof fetch {
  tokens = {
    getAccessToken: () => new Promise((resolve) => (answerToken = resolve)),
    replaceAccessToken: () => Promise.reject(new Error('not asked for')),
  };
  return createFetch(tokens, { origins, fetch: send });
}

function setBase(href: string): void {
  const base = document.querySelector('base') ?? document.head.appendChild(document.createElement('base'));
  base.href = href;
}

afterEach(() => {
  document.querySelector('base')?.remove();
  sent.length = 0;
});

describe('F1: a relative URL leads where fetch takes it', () => {
  test('not to the origin of the page, where a <base> says otherwise', async () => {
    setBase('https://elsewhere.test/assets/');
    const asked = api(location.origin)('/me');
    answerToken?.('secret');
    await asked;
    expect(sent).toEqual([{ url: 'https://elsewhere.test/me', authorization: null }]);
  });

  test('to the origin of the <base>, with the access token where that is listed', async () => {
    setBase('https://api.test/v1/');
    const asked = api('https://api.test')('me');
    answerToken('access');
    await asked;
    expect(sent).toEqual([{ url: 'https://api.test/v1/me', authorization: 'Bearer access' }]);
  });

  test('and is the same however the page moves on while the access token is awaited', async () => {
    setBase('https://api.test/v1/');
    const asked = api('https://api.test')('me');
    setBase('https://elsewhere.test/');
    answerToken('access');
    await asked;
    expect(sent).toEqual([{ url: 'https://api.test/v1/me', authorization: 'Bearer access' }]);
  });
});
