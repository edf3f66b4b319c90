import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { hooks } from '../../src/core/hooks.js';
import type { FetchOptions } from '../../src/index.js';
import { fetchOver, tokenSource } from '../support/token-source.js';

type Rejected = NonNullable<FetchOptions['rejected']>;

const URL_ = 'https://api.test/things';
const reported: unknown[] = [];
beforeEach(() => void vi.stubGlobal('reportError', (error: unknown) => reported.push(error)));
afterEach(() => {
  vi.unstubAllGlobals();
  reported.length = 0;
});

/** Answers once, and then something else. */
function inTurn(...answers: (() => Response)[]): { answer: () => Response; readonly sent: number } {
  let sent = 0;
  return {
    answer: () => (answers[sent++] ?? (() => new Response('more')))(),
    get sent() {
      return sent;
    },
  };
}

function seen(properties: Partial<Response>, body: BodyInit | null = 'login'): Response {
  const response = new Response(body);
  for (const [name, value] of Object.entries(properties)) Object.defineProperty(response, name, { value });
  return response;
}

describe('F10: what counts as a refusal is the application’s to say', () => {
  const json = (value: unknown) =>
    new Response(JSON.stringify(value), { headers: { 'content-type': 'application/json' } });
  const unauthenticated = { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] };

  test.each<[string, () => Response, Rejected]>([
    ['a 403', () => new Response('no', { status: 403 }), ({ status }) => status === 403],
    ['a 419', () => new Response('no', { status: 419 }), ({ status }) => status === 419],
    ['a 440', () => new Response('no', { status: 440 }), ({ status }) => status === 440],
    ['a 498', () => new Response('no', { status: 498 }), ({ status }) => status === 498],
    [
      'a redirect to a login page',
      () => seen({ redirected: true, url: 'https://sso.test/login' }),
      ({ redirected, url }) => redirected && url.includes('/login'),
    ],
    [
      'a redirect that was not followed',
      () => seen({ type: 'opaqueredirect' }, null),
      ({ type }) => type === 'opaqueredirect',
    ],
    [
      'UNAUTHENTICATED in a 200 of GraphQL',
      () => json(unauthenticated),
      async (response) => (await response.json()).errors?.[0].extensions.code === 'UNAUTHENTICATED',
    ],
  ])('%s: one refresh and one replay', async (_, refusal, rejected) => {
    const tokens = tokenSource();
    const { answer } = inTurn(refusal, () => json({ data: 'there' }));
    const asked: unknown[] = [];
    const once: Rejected = (response, request) => {
      asked.push(request);
      return asked.length === 1 && rejected(response, request);
    };
    const response = await fetchOver(answer, { rejected: once }, tokens)(URL_, { method: 'post', body: 'x' });
    expect(await response.json()).toEqual({ data: 'there' });
    expect(tokens.replaced).toBe(1);
    expect(asked).toEqual(Array(2).fill({ url: URL_, method: 'POST' }));
  });

  test('a 401 that answers a wrong password is neither replayed nor told, where the application says so', async () => {
    const tokens = tokenSource();
    const wrong = inTurn(() => new Response('wrong password', { status: 401 }));
    const rejected: Rejected = ({ status }, { url, method }) =>
      status === 401 && !(method === 'POST' && url.endsWith('/password'));
    const response = await fetchOver(
      wrong.answer,
      { rejected },
      tokens,
    )('https://api.test/password', { method: 'POST' });
    expect([response.status, await response.text(), wrong.sent, tokens.replaced]).toEqual([
      401,
      'wrong password',
      1,
      0,
    ]);
  });

  test.each([
    ['a text', () => new Response('whole')],
    ['no body', () => new Response(null)],
    ['a stream', () => new Response(new Blob(['whole']).stream())],
  ])('whatever it reads, the caller’s body stays whole: %s', async (_, make) => {
    const rejected: Rejected = async (response) => (await response.text()) === 'never';
    const { answer } = inTurn(make);
    const response = await fetchOver(answer, { rejected })(URL_);
    expect(response.bodyUsed).toBe(false);
    expect(await response.text()).toBe(make().body ? 'whole' : '');
  });

  test('a body that it does not read is neither kept nor held up', async () => {
    const cancel = vi.fn();
    const { answer } = inTurn(() => new Response(new ReadableStream({ cancel })));
    const response = await fetchOver(answer, { rejected: () => false })(URL_);
    await response.body?.cancel();
    expect(cancel).toHaveBeenCalledTimes(1);
  });

  test('a body that it begins with and leaves is let go of', async () => {
    const cancel = vi.fn();
    const { answer } = inTurn(() => new Response(new ReadableStream({ cancel })));
    const response = await fetchOver(answer, { rejected: ({ body }) => body === null })(URL_);
    await response.body?.cancel();
    expect(cancel).toHaveBeenCalledTimes(1);
  });

  test('F5: a 403 that asks for more is told, whatever the application says of it', async () => {
    const tokens = tokenSource();
    const told: unknown[] = [];
    const hook = { isRefreshing: () => false, reject: (rejection: unknown) => told.push(rejection) };
    const headers = { 'www-authenticate': 'Bearer error="insufficient_scope"' };
    const { answer } = inTurn(() => new Response(null, { status: 403, headers }));
    const source = Object.assign(tokens, { [hooks]: hook as never });
    const response = await fetchOver(answer, { rejected: () => false }, source)(URL_);
    expect([response.status, tokens.replaced]).toEqual([403, 0]);
    expect(told).toMatchObject([{ status: 403, origin: 'https://api.test', replayed: false }]);
  });

  test('an answer whose body was read already can be judged', async () => {
    const response = new Response('read', { status: 200 });
    await response.text();
    const { answer } = inTurn(() => response);
    expect(await fetchOver(answer, { rejected: ({ status }) => status === 403 })(URL_)).toBe(response);
  });

  test.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('mine');
      },
    ],
    ['rejects', () => Promise.reject(new Error('mine'))],
    [
      'throws nothing',
      () => {
        throw undefined;
      },
    ],
    [
      'throws what cannot be read',
      () => {
        throw {
          get message() {
            throw new Error();
          },
        };
      },
    ],
    ['gives nothing', () => undefined],
    ['gives a text', () => 'yes'],
    ['gives a number', async () => 1],
  ])(
    'a function that %s loses no answer: what counts by default counts, and the mistake is told',
    async (_, rejected) => {
      for (const [status, sent, replaced] of [
        [200, 1, 0],
        [401, 2, 1],
      ] as const) {
        reported.length = 0;
        const tokens = tokenSource();
        const turns = inTurn(
          () => new Response('first', { status }),
          () => new Response('second'),
        );
        const response = await fetchOver(turns.answer, { rejected: rejected as never }, tokens)(URL_);
        expect(await response.text()).toBe(sent === 1 ? 'first' : 'second');
        expect([turns.sent, tokens.replaced]).toEqual([sent, replaced]);
        expect(reported).toHaveLength(sent);
        expect(reported[0]).toMatchObject({
          code: 'ERR_OPTIONS',
          message: expect.stringMatching(/^Option rejected: expected true or false, but /),
        });
      }
    },
  );

  test('G1: nothing that it throws brings the access token into the report', async () => {
    const rejected = () => {
      throw new Error('canary-access-token and the rest');
    };
    const tokens = {
      getAccessToken: async () => 'canary-access-token',
      replaceAccessToken: async () => 'canary-access-token',
    };
    await fetchOver(() => new Response(), { rejected }, tokens)(URL_);
    expect(String(reported[0])).toMatch(/it threw: \[redacted\] and the rest/);
    expect(reported[0]).not.toHaveProperty('cause');
  });
});

describe('F10: how the access token is put on is the application’s to say', () => {
  test.each<[string, NonNullable<FetchOptions['authorize']>, Record<string, string>]>([
    [
      'another scheme',
      (headers, token) => headers.set('authorization', `Token ${token}`),
      { authorization: 'Token access-2' },
    ],
    ['another header', (headers, token) => headers.set('X-Access-Token', token), { 'x-access-token': 'access-2' }],
    ['a second one', (headers, token) => headers.append('cookie-like', token), { 'cookie-like': 'access-2' }],
  ])('%s, at the replay as well', async (_, authorize, expected) => {
    const sent: Record<string, string>[] = [];
    const own = { 'x-own': '1' };
    await fetchOver(
      ({ headers }) => {
        sent.push(Object.fromEntries(headers));
        return new Response(null, { status: sent.length === 1 ? 401 : 200 });
      },
      { authorize },
    )(URL_, { headers: own });
    expect(sent).toHaveLength(2);
    expect(sent[1]).toEqual({ ...expected, ...own });
    expect(own).toEqual({ 'x-own': '1' });
  });

  test('an Authorization header of the caller is left alone only where the access token would take its place', async () => {
    const sent: Record<string, string>[] = [];
    const answer = ({ headers }: Request) => {
      sent.push(Object.fromEntries(headers));
      return new Response();
    };
    const headers = { authorization: 'Basic own' };
    await fetchOver(answer)(URL_, { headers });
    await fetchOver(answer, { authorize: (to, token) => to.set('x-token', token) })(URL_, { headers });
    expect(sent).toEqual([headers, { ...headers, 'x-token': 'access-1' }]);
  });

  test.each<[string, (headers: Headers, token: string) => unknown]>([
    [
      'throws',
      () => {
        throw new Error('of my own');
      },
    ],
    [
      'throws the token',
      (_, token) => {
        throw token;
      },
    ],
    [
      'throws an error with the token',
      (_, token) => {
        throw new TypeError(`cannot send ${token}!`, { cause: token });
      },
    ],
    ['sets a header that cannot be', (headers, token) => headers.set('x', `${token}\n\u0000`)],
    [
      'throws what cannot be read',
      () => {
        throw {
          get message() {
            throw new Error();
          },
        };
      },
    ],
    [
      'throws nothing',
      () => {
        throw undefined;
      },
    ],
    [
      'throws a symbol',
      () => {
        throw Symbol('access');
      },
    ],
    [
      'comes too late',
      async (headers, token) => {
        await undefined;
        headers.set('x', token);
        throw new Error(token);
      },
    ],
  ])('a function that %s sends nothing, and the error says so without the token', async (_, authorize) => {
    const token = 'canary-access-token-of-this-test';
    const tokens = { getAccessToken: async () => token, replaceAccessToken: async () => token };
    const answer = vi.fn(() => new Response());
    const error = await fetchOver(answer, { authorize: authorize as never }, tokens)(URL_).catch((thrown) => thrown);
    expect(error).toMatchObject({
      code: 'ERR_OPTIONS',
      message: expect.stringMatching(/^Option authorize: expected .*, but /),
    });
    expect(`${error.message} ${error.stack} ${JSON.stringify(error)} ${error.cause}`).not.toContain('canary');
    expect(answer).not.toHaveBeenCalled();
  });

  test('F1: a token in a header that fetch takes along follows no redirect, unless the caller says so', async () => {
    const redirects: (string | undefined)[] = [];
    const api = (name: string) =>
      fetchOver(
        (_, { input, init }) => {
          redirects.push(init?.redirect ?? (input as Request).redirect);
          return new Response();
        },
        { authorize: (headers, token) => headers.set(name, token) },
      );
    await api('x-access-token')(URL_);
    await api('x-access-token')(new Request(URL_));
    await api('x-access-token')(URL_, { redirect: 'follow' });
    await api('x-access-token')(new Request(URL_, { redirect: 'error' }));
    await api('authorization')(URL_);
    expect(redirects).toEqual(['manual', 'manual', 'follow', 'error', undefined]);
  });
});
