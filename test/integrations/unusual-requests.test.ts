import { Readable } from 'node:stream';
import { expect, test, vi } from 'vitest';
import { createFetch, createTokenManager, type TokenSource } from '../../src/index.js';

const URL_ = 'https://api.test/things';

/** Has `access-1`, and then `access-2`. */
function api(send: typeof fetch): typeof fetch {
  const tokens: TokenSource = {
    getAccessToken: async () => 'access-1',
    replaceAccessToken: async () => 'access-2',
  };
  return createFetch(tokens, { origins: ['https://api.test'], fetch: send });
}

test('F1: an object that is no Request leads where it turns into a string, whatever its url says', async () => {
  const sent: [string, string | null][] = [];
  const send: typeof fetch = async (input, init) => {
    const { url, headers } = new Request(input, init);
    sent.push([url, headers.get('authorization')]);
    return new Response('ok');
  };
  const input = { url: 'https://api.test/', toString: () => 'https://elsewhere.test/' };
  await api(send)(input as unknown as string);
  expect(sent).toEqual([['https://elsewhere.test/', null]]);
});

test('F1: a Request of a runtime that does not name its classes is one all the same', async () => {
  const request = new Request(URL_);
  Object.defineProperty(request, Symbol.toStringTag, { value: 'Object' });
  let authorization: string | null = null;
  await api(async (input, init) => {
    authorization = new Request(input, init).headers.get('authorization');
    return new Response('ok');
  })(request);
  expect(authorization).toBe('Bearer access-1');
});

test('F7: the body of a 401 is let go of also where it is a stream of Node, as that of node-fetch is', async () => {
  const body = Readable.from(['why']);
  let sent = 0;
  const send = async () => {
    if (sent++ > 0) return new Response('second');
    return Object.defineProperty(new Response(null, { status: 401 }), 'body', { value: body });
  };
  expect(await (await api(send)(URL_)).text()).toBe('second');
  expect(body.destroyed).toBe(true);
});

test('F8: an address needs no Request, which a page made for a test may lack', async () => {
  vi.stubGlobal('Request', undefined);
  try {
    expect(await (await api(async () => new Response('ok'))(URL_, { method: 'POST', body: 'x' })).text()).toBe('ok');
  } finally {
    vi.unstubAllGlobals();
  }
});

test('a revoke function that uses the wrapped fetch is refused, unless it brings an Authorization header', async () => {
  const sent: string[] = [];
  const send: typeof fetch = async (_, init) => {
    sent.push(new Headers(init?.headers).get('authorization') ?? 'none');
    return new Response();
  };
  for (const own of [false, true]) {
    const failures: unknown[] = [];
    const tokens = createTokenManager({
      refresh: () => Promise.reject(new Error('not asked for')),
      revoke: ({ accessToken, signal }) => {
        const headers = own ? { authorization: `Bearer ${accessToken}` } : {};
        return createFetch(tokens, { origins: ['https://api.test'], fetch: send })(URL_, { headers, signal });
      },
    });
    tokens.on('revokeFailed', ({ error }) => failures.push((error.cause as { code?: string }).code));
    await tokens.startSession({ access_token: 'access-of-the-session' });
    await tokens.endSession();
    expect(failures).toEqual(own ? [] : ['ERR_NO_SESSION']);
    tokens.dispose();
  }
  expect(sent).toEqual(['Bearer access-of-the-session']);
});
