import { describe, expect, test } from 'vitest';
import {
  createFetch,
  createTokenManager,
  inProcess,
  isTokenError,
  type TokenManager,
  type TokenSource,
  tokenEndpoint,
} from '../../src/index.js';
import { createAuthServer, fakeClock } from '../../src/testing.js';

const URL_ = 'https://api.example/things';

/** A source that counts, with one token and then the next. */
function source() {
  let number = 1;
  const calls: string[] = [];
  const tokens: TokenSource = {
    getAccessToken: async () => {
      calls.push('get');
      return `access-${number}`;
    },
    replaceAccessToken: async (rejected) => {
      calls.push('replace');
      if (rejected === `access-${number}`) number += 1;
      return `access-${number}`;
    },
  };
  return { tokens, calls };
}

function streamOf(chunks: Iterable<unknown> | AsyncIterable<unknown>): ReadableStream {
  return (ReadableStream as unknown as { from(chunks: unknown): ReadableStream }).from(chunks);
}

interface Sent {
  method: string;
  headers: Record<string, string>;
  body: Uint8Array;
  init: (RequestInit & Record<string, unknown>) | undefined;
  input: RequestInfo | URL;
}

/** Answers 401 to `access-1`; takes notes of what really goes out. */
function api(
  refuse: (authorization: string | null) => boolean = (authorization) => authorization === 'Bearer access-1',
) {
  const sent: Sent[] = [];
  const send = (async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(input, init);
    const headers = Object.fromEntries(request.headers);
    sent.push({
      method: request.method,
      headers,
      body: new Uint8Array(await request.arrayBuffer()),
      init: init as never,
      input,
    });
    return new Response('answer', { status: refuse(request.headers.get('authorization')) ? 401 : 200 });
  }) as typeof fetch;
  return { sent, send };
}

function wrap(send: typeof fetch, tokens = source().tokens) {
  return createFetch(tokens, { origins: ['https://api.example'], fetch: send });
}

function form() {
  const data = new FormData();
  data.append('text', 'grüß\r\ndich');
  data.append('file', new Blob([new Uint8Array([0, 255, 13, 10])], { type: 'image/x' }), 'na"me\n.bin');
  return data;
}

const BODIES: Record<string, () => BodyInit | null> = {
  string: () => 'grüße \u{1F600}\r\n',
  'empty string': () => '',
  'lone surrogate': () => 'a\ud800b',
  Uint8Array: () => new Uint8Array([0, 1, 255, 13, 10]),
  'empty bytes': () => new Uint8Array(),
  'view into a larger buffer': () => new Uint8Array([9, 9, 1, 2, 3, 9]).subarray(2, 5),
  DataView: () => new DataView(new Uint8Array([9, 1, 2, 9]).buffer, 1, 2),
  Uint16Array: () => new Uint16Array([1, 65535]),
  ArrayBuffer: () => new Uint8Array([1, 2, 3]).buffer,
  SharedArrayBufferless: () => new Float64Array([Math.PI]),
  Blob: () => new Blob(['blob'], { type: 'text/x-blob' }),
  'Blob without type': () => new Blob(['blob']),
  File: () => new File(['file'], 'f.txt', { type: 'text/x-file' }),
  FormData: form,
  'empty FormData': () => new FormData(),
  URLSearchParams: () => new URLSearchParams({ a: 'ü&=', b: ' ' }),
  'nothing (null)': () => null,
};

describe('the replay carries the new token, and byte-identical method, headers and body', () => {
  for (const [kind, make] of Object.entries(BODIES)) {
    for (const how of ['init', 'a Request', 'Request and init', 'Request as init'] as const) {
      test(`${kind}, as ${how}`, async () => {
        const { sent, send } = api();
        const init: RequestInit = { method: 'PROPFIND', headers: { 'X-Own': 'ä', Accept: 'x' }, body: make() };
        const call = {
          init: () => wrap(send)(URL_, init),
          'a Request': () => wrap(send)(new Request(URL_, init)),
          'Request and init': () =>
            wrap(send)(new Request(URL_, { method: 'POST', headers: { 'X-Other': '1' } }), init),
          'Request as init': () => wrap(send)(URL_, new Request(URL_, init) as RequestInit),
        }[how];
        const response = await call();
        expect(await response.text()).toBe('answer');
        const expected = new Request(URL_, init);
        const own = new Uint8Array(await expected.arrayBuffer());
        const oneShot = how === 'Request as init' && init.body !== null;
        expect(sent.map(({ headers }) => headers.authorization)).toEqual(
          oneShot ? ['Bearer access-1'] : ['Bearer access-1', 'Bearer access-2'],
        );
        for (const { method, headers, body } of sent) {
          expect(method).toBe('PROPFIND');
          if (/FormData/.test(kind)) {
            expect(headers['content-type']).toMatch(/^multipart\/form-data; ?boundary=/);
            expect(new TextDecoder().decode(body)).toContain(headers['content-type']?.split('boundary=')[1]);
          } else {
            expect([...body]).toEqual([...own]);
            expect(headers['content-type']).toBe(expected.headers.get('content-type') ?? undefined);
          }
          expect(headers['x-own']).toBe('ä');
        }
        if (sent[1]) {
          expect(sent[1].body).toEqual(sent[0]?.body);
          expect({ ...sent[1].headers, authorization: '' }).toEqual({ ...sent[0]?.headers, authorization: '' });
        }
      });
    }
  }

  test('what the caller changes after the call changes neither the request nor its replay', async () => {
    const { sent, send } = api();
    const body = new Uint8Array([1, 2, 3]);
    const headers = new Headers({ 'X-Own': 'before' });
    const init: RequestInit = { method: 'PUT', body, headers };
    const asked = wrap(send)(URL_, init);
    body.fill(9);
    headers.set('X-Own', 'after');
    init.method = 'DELETE';
    init.body = 'other';
    init.headers = { Other: '1' };
    await asked;
    expect(sent).toHaveLength(2);
    for (const { method, headers, body } of sent) {
      expect([method, headers['x-own'], headers.other, [...body]]).toEqual(['PUT', 'before', undefined, [1, 2, 3]]);
    }
  });

  test('a form that the caller goes on filling is sent as it was', async () => {
    const { sent, send } = api();
    const body = new FormData();
    body.append('a', '1');
    const asked = wrap(send)(URL_, { method: 'POST', body });
    body.append('b', '2');
    await asked;
    for (const { body } of sent) expect(new TextDecoder().decode(body)).not.toContain('name="b"');
  });

  test('headers in every form, and none of the caller’s own objects is changed', async () => {
    const pairs: Array<[string, string]> = [
      ['X-One', '1'],
      ['x-one', '2'],
      ['X-Two', '3'],
    ];
    const record = { 'X-One': '1, 2', 'X-Two': '3' };
    const own = new Headers(pairs);
    for (const headers of [pairs, record, own, new Map(pairs) as never]) {
      const { sent, send } = api();
      const init = Object.freeze({ headers });
      await wrap(send)(URL_, init);
      expect(sent.map(({ headers }) => [headers['x-one'], headers['x-two']])).toEqual(
        Array(2).fill(
          [headers instanceof Map ? '2' : '1, 2', '3'].map((value, index) =>
            headers instanceof Map && index === 0 ? expect.anything() : value,
          ),
        ),
      );
    }
    expect([pairs.length, Object.keys(record).length, own.has('authorization')]).toEqual([3, 2, false]);
    const request = new Request(URL_, { headers: own });
    await wrap(api().send)(request);
    expect(request.headers.has('authorization')).toBe(false);
  });
});

describe('a one-shot stream is not replayed and not buffered', () => {
  test.each(['ReadableStream', 'async iterable', 'async generator'])(
    '%s: asked for a long-lived token, a 401 is returned as it is',
    async (kind) => {
      let pulled = 0;
      const chunks = async function* () {
        for (let chunk = 0; chunk < 3; chunk++) {
          pulled += 1;
          yield new TextEncoder().encode(`${chunk}`);
        }
      };
      const iterable = { [Symbol.asyncIterator]: chunks };
      const body: unknown =
        kind === 'ReadableStream' ? streamOf(chunks()) : kind === 'async iterable' ? iterable : chunks();
      const asked: unknown[] = [];
      const { sent, send } = api();
      const tokens: TokenSource = {
        getAccessToken: async (options) => {
          asked.push(options?.minValidityMs);
          expect(pulled).toBeLessThanOrEqual(1); // a stream may fill its queue of one
          return 'access-1';
        },
        replaceAccessToken: async () => {
          throw new Error('must not be asked');
        },
      };
      const response = await wrap(send, tokens)(URL_, {
        method: 'POST',
        body: body as never,
        duplex: 'half',
      } as RequestInit);
      expect([response.status, await response.text()]).toEqual([401, 'answer']);
      expect(asked).toEqual([expect.any(Number)]);
      expect(asked[0]).toBeGreaterThan(0);
      expect(sent.map(({ body }) => new TextDecoder().decode(body))).toEqual(['012']);
    },
  );

  test('its duplex goes along, and a missing one is the error that fetch gives', async () => {
    const { send } = api();
    const stream = () => streamOf(['a']) as never;
    const own = await send(URL_, { method: 'POST', body: stream() }).catch((error) => error);
    const wrapped = await wrap(send)(URL_, { method: 'POST', body: stream() }).catch((error) => error);
    expect([wrapped.name, wrapped.message]).toEqual([own.name, own.message]);
  });
});

describe('everything else is fetch', () => {
  const MEMBERS = {
    method: 'PATCH',
    mode: 'same-origin',
    credentials: 'include',
    cache: 'no-store',
    redirect: 'manual',
    referrer: 'https://api.example/from',
    referrerPolicy: 'origin',
    integrity: 'sha256-AAAA',
    keepalive: true,
    priority: 'high',
    window: null,
    next: { revalidate: 60, tags: ['a'] },
    cf: { cacheTtl: 5 },
    dispatcher: undefined,
    agent: { some: 'agent' },
    timeout: 5,
    [Symbol.for('own')]: 'symbol',
  };

  test('every member of init arrives as it was given, at the first sending and at the replay', async () => {
    const inits: unknown[] = [];
    const send = (async (_input: unknown, init: RequestInit) => {
      inits.push(init);
      return new Response(null, { status: inits.length === 1 ? 401 : 200 });
    }) as typeof fetch;
    await wrap(send)(URL_, MEMBERS as never);
    expect(inits).toHaveLength(2);
    for (const init of inits) {
      expect(init).toMatchObject({ ...MEMBERS });
      expect((init as typeof MEMBERS).next).toBe(MEMBERS.next);
      expect((init as typeof MEMBERS).agent).toBe(MEMBERS.agent);
      expect((init as Record<symbol, unknown>)[Symbol.for('own')]).toBe('symbol');
    }
  });

  test('members that init inherits count, as they do for fetch', async () => {
    const { sent, send } = api();
    await wrap(send)(URL_, Object.create({ method: 'PUT', body: 'inherited', headers: { 'X-Own': '1' } }));
    expect(sent.map(({ method, headers, body }) => [method, headers['x-own'], new TextDecoder().decode(body)])).toEqual(
      Array(2).fill(['PUT', '1', 'inherited']),
    );
  });

  test('a Request subclass arrives as that subclass, with what it carries', async () => {
    class Tracing extends Request {
      readonly trace = 'abc';
    }
    const inputs: unknown[] = [];
    const send = (async (input: unknown) => {
      inputs.push(input);
      return new Response();
    }) as typeof fetch;
    const request = new Tracing(URL_, { method: 'POST', body: 'x' });
    await wrap(send)(request);
    expect(inputs).toEqual([request]);
    expect(inputs[0]).toBe(request);
  });

  test.each([
    { Authorization: 'Basic x' },
    { authorization: '' },
    { AUTHORIZATION: 'Bearer other' },
    [['aUtHoRiZaTiOn', 'x']],
    new Headers({ authorization: 'x' }),
  ])('an Authorization header of the caller is left alone, and nothing is refreshed for it: %j', async (headers) => {
    for (const given of [
      (): Parameters<typeof fetch> => [URL_, { headers: headers as never }],
      (): Parameters<typeof fetch> => [new Request(URL_, { headers: headers as never })],
      (): Parameters<typeof fetch> => [new Request(URL_, { headers: headers as never }), { method: 'PUT' }],
    ]) {
      const { tokens, calls } = source();
      const seen: unknown[][] = [];
      const refused = new Response('no', { status: 401 });
      const send = (async (...all: unknown[]) => {
        seen.push(all);
        return refused;
      }) as typeof fetch;
      const args = given();
      expect(await wrap(send, tokens)(...args)).toBe(refused);
      expect(seen).toHaveLength(1);
      expect(seen[0]?.[0]).toBe(args[0]);
      expect(seen[0]?.[1]).toBe(args[1]);
      expect(calls).toEqual([]);
    }
  });

  test('headers in init replace those of the Request, so an Authorization that they drop does not count', async () => {
    const { sent, send } = api(() => false);
    await wrap(send)(new Request(URL_, { headers: { Authorization: 'Basic x', 'X-Old': '1' } }), {
      headers: { 'X-New': '1' },
    });
    expect(sent[0]?.headers).toMatchObject({ authorization: 'Bearer access-1', 'x-new': '1' });
    expect(sent[0]?.headers['x-old']).toBeUndefined();
  });

  test('to any other origin the very arguments are passed on, and the very answer comes back', async () => {
    const seen: unknown[][] = [];
    const answer = new Response(null, { status: 401 });
    const send = (async (...all: unknown[]) => {
      seen.push(all);
      return answer;
    }) as typeof fetch;
    const url = new URL('https://elsewhere.example/');
    const init = { headers: {} };
    expect(await wrap(send)(url, init)).toBe(answer);
    expect(seen[0]?.[0]).toBe(url);
    expect(seen[0]?.[1]).toBe(init);
  });

  test.each<[string, Parameters<typeof fetch>]>([
    ['a body with GET', [URL_, { body: 'x' }]],
    ['a forbidden method', [URL_, { method: 'TRACE' }]],
    ['no method at all', [URL_, { method: 'a b' }]],
    ['a header name that is none', [URL_, { headers: { 'a b': '1' } }]],
    ['a header value with a line break', [URL_, { headers: { a: '1\n2' } }]],
    ['headers of another type', [URL_, { headers: 7 as never }]],
    ['an unknown redirect mode', [URL_, { redirect: 'sideways' as never }]],
    ['an unknown cache mode', [URL_, { cache: 'sometimes' as never }]],
    ['a signal that is none', [URL_, { signal: {} as never }]],
    ['an init that is no object', [URL_, 'init' as never]],
    ['init null', [URL_, null as never]],
  ])('%s: rejects, and never throws, with what fetch gives', async (_name, args) => {
    const real = (async (...all: Parameters<typeof fetch>) => {
      new Request(...all);
      return new Response();
    }) as typeof fetch;
    const outcome = (work: Promise<Response>) =>
      work.then(
        ({ status }) => status,
        (error) => [error.constructor.name, error.name],
      );
    const own = await outcome(real(...args));
    let promise: Promise<Response> | undefined;
    expect(() => {
      promise = wrap(real)(...args);
    }).not.toThrow();
    expect(await outcome(promise as Promise<Response>)).toEqual(own);
  });

  test('a network error is the very error that fetch gave, and is not tried again', async () => {
    const error = new TypeError('fetch failed', { cause: new Error('ECONNRESET') });
    let sent = 0;
    const send = (async () => {
      sent += 1;
      throw error;
    }) as unknown as typeof fetch;
    expect(await wrap(send)(URL_).catch((thrown) => thrown)).toBe(error);
    expect(sent).toBe(1);
  });

  test('an abort rejects with the caller’s own reason, at every moment', async () => {
    const reason = { my: 'reason' };
    for (let moment = 0; moment < 30; moment++) {
      for (const how of ['init', 'Request'] as const) {
        const controller = new AbortController();
        let steps = 0;
        const step = () => {
          if (steps++ === moment) controller.abort(reason);
        };
        const tokens: TokenSource = {
          getAccessToken: async (options) => {
            for (let turn = 0; turn < 5; turn++) {
              step();
              if (options?.signal?.aborted) throw options.signal.reason;
              await undefined;
            }
            return 'access-1';
          },
          replaceAccessToken: async (_rejected, options) => {
            for (let turn = 0; turn < 5; turn++) {
              step();
              if (options?.signal?.aborted) throw options.signal.reason;
              await undefined;
            }
            return 'access-2';
          },
        };
        const send = (async (input: RequestInfo | URL, init?: RequestInit) => {
          const request = new Request(input, init);
          for (let turn = 0; turn < 5; turn++) {
            step();
            if (request.signal.aborted) throw request.signal.reason;
            await undefined;
          }
          return new Response(null, { status: request.headers.get('authorization') === 'Bearer access-1' ? 401 : 200 });
        }) as typeof fetch;
        const { signal } = controller;
        const outcome = await (how === 'init'
          ? wrap(send, tokens)(URL_, { signal })
          : wrap(send, tokens)(new Request(URL_, { signal }))
        ).catch((error) => error);
        if (moment < 20 && moment % 5 !== 4) expect(outcome, `${how} at ${moment}`).toBe(reason);
        else if (outcome instanceof Response) expect(outcome.status).toBe(200);
        else expect(outcome).toBe(reason);
      }
    }
  });

  test('aborted before the call: nothing is asked of anybody', async () => {
    const calls: string[] = [];
    const { sent, send } = api();
    const reason = new Error('mine');
    const tokens: TokenSource = {
      getAccessToken: (options) => Promise.reject(options?.signal?.reason),
      replaceAccessToken: async () => `${calls.push('replace')}`,
    };
    expect(await wrap(send, tokens)(URL_, { signal: AbortSignal.abort(reason) }).catch((error) => error)).toBe(reason);
    expect(sent.length).toBe(0);
    expect(calls).toEqual([]);
  });

  test('signal: null in init detaches from the signal of the Request, as for fetch', async () => {
    const { send } = api();
    const request = new Request(URL_, { signal: AbortSignal.abort() });
    expect((await send(request, { signal: null })).status).toBe(200);
    expect((await wrap(send)(request, { signal: null })).status).toBe(200);
  });

  test('a Request that has been read is the error that fetch gives, and a Request that was sent has been read', async () => {
    const { send } = api();
    const request = new Request(URL_, { method: 'POST', body: 'x' });
    await wrap(send)(request);
    expect(request.bodyUsed).toBe(true);
    const own = await send(request).catch((error) => error);
    const wrapped = await wrap(send)(request).catch((error) => error);
    expect([wrapped.name, wrapped.message]).toEqual([own.name, own.message]);
  });

  test('url, type, redirected and headers of the answer are those of the answer itself', async () => {
    const answer = new Response('x', { status: 207, headers: { A: '1' } });
    expect(await wrap((async () => answer) as never)(URL_)).toBe(answer);
  });

  test('needs no receiver, and calls what sends without one that would matter', async () => {
    const receivers: unknown[] = [];
    const original = globalThis.fetch;
    try {
      globalThis.fetch = function (this: unknown) {
        receivers.push(this);
        return Promise.resolve(new Response());
      } as never;
      const wrapped = createFetch(source().tokens, { origins: ['https://api.example'] });
      await wrapped.call({} as never, URL_);
      await wrapped.call({} as never, 'https://elsewhere.example');
      expect(receivers.every((receiver) => receiver === undefined || receiver === globalThis)).toBe(true);
      expect(receivers).toHaveLength(2);
    } finally {
      globalThis.fetch = original;
    }
  });
});

describe('refusals', () => {
  function refusing(first: Response, second = new Response('second', { status: 200 })) {
    const answers = [first, second];
    return (async () => answers.shift() ?? new Response('more', { status: 500 })) as typeof fetch;
  }

  test.each([
    undefined,
    '',
    'Bearer',
    'Bearer realm="x", error="invalid_token"',
    'Basic realm="x"',
    'DPoP error="use_dpop_nonce"',
    ',,,=',
    '\u00ff',
  ])('a 401 is replayed once, whatever its WWW-Authenticate says: %j', async (challenge) => {
    const { tokens, calls } = source();
    const headers = challenge === undefined ? {} : { 'WWW-Authenticate': challenge };
    const response = await wrap(refusing(new Response('first', { status: 401, headers })), tokens)(URL_);
    expect(await response.text()).toBe('second');
    expect(calls).toEqual(['get', 'replace']);
  });

  test('the discarded 401’s body is cancelled before the replay goes out', async () => {
    const order: string[] = [];
    const body = new ReadableStream({ cancel: () => void order.push('cancelled') });
    let sent = 0;
    const send = (async () => {
      if (sent++ === 0) return new Response(body, { status: 401 });
      order.push('replayed');
      return new Response();
    }) as typeof fetch;
    await wrap(send)(URL_);
    expect(order).toEqual(['cancelled', 'replayed']);
  });

  test('a body that cannot be cancelled, or never is, stops nobody', async () => {
    for (const cancel of [() => Promise.reject(new Error('no')), () => new Promise<void>(() => undefined)]) {
      const body = new ReadableStream({ cancel });
      const response = await wrap(refusing(new Response(body, { status: 401 })))(URL_);
      expect(await response.text()).toBe('second');
    }
  });

  test('if the refresh fails, the original 401 comes back, its body unread', async () => {
    const refused = new Response('why', { status: 401 });
    const tokens: TokenSource = { ...source().tokens, replaceAccessToken: () => Promise.reject(new Error('cannot')) };
    const response = await wrap(refusing(refused), tokens)(URL_);
    expect(response).toBe(refused);
    expect([response.bodyUsed, await response.text()]).toEqual([false, 'why']);
  });

  test('the second 401 is returned as it is, and nobody is signed out', async () => {
    const second = new Response('still no', { status: 401 });
    const { tokens, calls } = source();
    expect(await wrap(refusing(new Response(null, { status: 401 }), second), tokens)(URL_)).toBe(second);
    expect(second.bodyUsed).toBe(false);
    expect(calls).toEqual(['get', 'replace']);
  });

  test.each(['insufficient_scope', 'insufficient_user_authentication'])(
    '%s, by a 403 as by a 401, refreshes nothing and is told',
    async (error) => {
      const clock = fakeClock();
      const server = createAuthServer({ clock });
      const manager = createTokenManager({
        refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
        platform: { ...inProcess(), clock },
        proactive: false,
      });
      await manager.startSession(server.signIn());
      const events: unknown[] = [];
      manager.on('requestRejected', (event) => events.push(event));
      for (const status of [401, 403]) {
        server.next(
          { status, headers: { 'WWW-Authenticate': `Bearer error="${error}", acr_values="a b", max_age=5` } },
          { endpoint: 'api' },
        );
        const api = createFetch(manager, { origins: [server.origin], fetch: server.fetch });
        expect((await clock.runUntil(api(server.apiUrl))).status).toBe(status);
      }
      expect(server.tokenRequests).toHaveLength(0);
      expect(events).toMatchObject(
        [401, 403].map((status) => ({
          status,
          origin: server.origin,
          replayed: false,
          challenges: [{ scheme: 'bearer', parameters: { error, acr_values: 'a b', max_age: '5' } }],
          at: clock.now(),
          sessionId: manager.getSnapshot().sessionId,
        })),
      );
      manager.dispose();
    },
  );

  test.each([400, 402, 403, 404, 407, 419, 429, 500, 503])('a %i refreshes nothing', async (status) => {
    const { tokens, calls } = source();
    const answer = new Response('x', { status, headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' } });
    expect(await wrap(refusing(answer), tokens)(URL_)).toBe(answer);
    expect(calls).toEqual(['get']);
  });
});

describe('wrapped in each other, and inside the refresh function', () => {
  function world() {
    const clock = fakeClock();
    const server = createAuthServer({ clock, accessTokenLifetimeMs: 60_000 });
    const seen: Array<[string, string | null]> = [];
    const send = ((input: RequestInfo | URL, init?: RequestInit) => {
      const request = new Request(input instanceof Request ? input.clone() : input, init);
      seen.push([new URL(request.url).pathname, request.headers.get('authorization')]);
      return server.fetch(input, init);
    }) as typeof fetch;
    return { clock, server, seen, send };
  }

  test.each(['once', 'twice', 'by fetch itself', 'by a Request', 'with a signal of its own', 'without any signal'])(
    'the token endpoint on a listed origin, asked through the wrapped fetch %s, sees no access token and is not intercepted',
    async (nesting) => {
      for (const start of ['expired', 'rejected', 'asked'] as const) {
        const { clock, server, seen, send } = world();
        let api: typeof fetch = send;
        const through = ((input: never, init: never) => api(input, init)) as typeof fetch;
        const endpoint = tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: through });
        const manager: TokenManager = createTokenManager({
          proactive: false,
          platform: { ...inProcess(), clock },
          refresh: async (request) => {
            if (nesting === 'once' || nesting === 'twice') return endpoint(request);
            const init: RequestInit = {
              method: 'POST',
              body: new URLSearchParams({
                grant_type: 'refresh_token',
                refresh_token: request.refreshToken ?? '',
                client_id: 'app',
              }),
            };
            if (nesting === 'by fetch itself') return api(server.tokenUrl, { ...init, signal: request.signal });
            if (nesting === 'by a Request')
              return api(new Request(server.tokenUrl, { ...init, signal: request.signal }));
            if (nesting === 'with a signal of its own')
              return api(server.tokenUrl, { ...init, signal: new AbortController().signal });
            return api(server.tokenUrl, init);
          },
        });
        api = createFetch(manager, { origins: [server.origin], fetch: send });
        if (nesting === 'twice') api = createFetch(manager, { origins: [server.origin], fetch: api });
        await manager.startSession(server.signIn());
        if (start === 'expired') await clock.advance(61_000);
        if (start === 'rejected') server.revokeAccessTokens();
        const outcome = await clock.runUntil(
          (start === 'asked' ? manager.refresh() : api(server.apiUrl).then(({ status }) => status)).catch((error) =>
            isTokenError(error) ? error.code : error,
          ),
        );
        const mustWork = nesting !== 'with a signal of its own' && nesting !== 'without any signal';
        // a request that cannot be told from others may fail, with a typed error; it never hangs
        if (mustWork) expect(outcome).toBe(start === 'asked' ? undefined : 200);
        else if (typeof outcome === 'string') expect(outcome).toMatch(/^ERR_/);
        else expect([undefined, 200, 401]).toContain(outcome);
        if (mustWork) expect(server.tokenRequests).toHaveLength(1);
        if (mustWork) for (const [path, authorization] of seen) if (path === '/token') expect(authorization).toBeNull();
        manager.dispose();
      }
    },
  );

  test('a wrapped fetch wrapped again by the same manager sends the token once and costs one refresh and one replay', async () => {
    const { clock, server, seen, send } = world();
    const manager = createTokenManager({
      refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
      platform: { ...inProcess(), clock },
      proactive: false,
    });
    await manager.startSession(server.signIn());
    const inner = createFetch(manager, { origins: [server.origin], fetch: send });
    const outer = createFetch(manager, { origins: [server.origin], fetch: inner });
    server.revokeAccessTokens();
    expect((await clock.runUntil(outer(server.apiUrl, { method: 'POST', body: 'x' }))).status).toBe(200);
    expect(server.tokenRequests).toHaveLength(1);
    expect(seen).toHaveLength(2);
    manager.dispose();
  });

  test('two managers, two origins, one fetch around the other: each origin gets its own token', async () => {
    const { sent, send } = api(() => false);
    const first: TokenSource = { getAccessToken: async () => 'first', replaceAccessToken: async () => 'first' };
    const second: TokenSource = { getAccessToken: async () => 'second', replaceAccessToken: async () => 'second' };
    const inner = createFetch(first, { origins: ['https://one.example'], fetch: send });
    const outer = createFetch(second, { origins: ['https://two.example'], fetch: inner });
    await Promise.all([outer('https://one.example/'), outer('https://two.example/'), outer('https://three.example/')]);
    const byHost = Object.fromEntries(
      sent.map(({ input, headers }) => [new URL(input as string).host, headers.authorization]),
    );
    expect(byHost).toEqual({
      'one.example': 'Bearer first',
      'two.example': 'Bearer second',
      'three.example': undefined,
    });
  });

  test('two hundred requests of all kinds on a token that was revoked cost one refresh, and each is replayed with its own body', async () => {
    const { clock, server } = world();
    const manager = createTokenManager({
      refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
      platform: { ...inProcess(), clock },
      proactive: false,
    });
    await manager.startSession(server.signIn());
    server.revokeAccessTokens();
    const wrapped = createFetch(manager, { origins: [server.origin], fetch: server.fetch });
    const responses = await clock.runUntil(
      Promise.all(
        Array.from({ length: 200 }, (_, index) =>
          wrapped(
            index % 2
              ? `${server.apiUrl}/${index}`
              : new Request(`${server.apiUrl}/${index}`, { method: 'POST', body: `${index}` }),
            {
              method: 'POST',
              ...(index % 2 && { body: `${index}` }),
            },
          ),
        ),
      ),
    );
    const echoes = await Promise.all(responses.map((response) => response.json()));
    expect(echoes.map(({ body }) => body)).toEqual(echoes.map((_, index) => `${index}`));
    expect(server.tokenRequests).toHaveLength(1);
    manager.dispose();
  });
});
