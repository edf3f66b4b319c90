import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { TokenManager } from '../../src/index.js';
import { createFetch, createTokenManager, type FetchOptions, inProcess, tokenEndpoint } from '../../src/index.js';
import { type AuthServer, createAuthServer, fakeClock } from '../../src/testing.js';

let clock: ReturnType<typeof fakeClock>;
let server: AuthServer;
let tokens: TokenManager;
let sent: { url: string; headers: Headers; init: RequestInit | undefined }[];

const spying: typeof fetch = async (input, init) => {
  sent.push({
    url: input instanceof Request ? input.url : String(input),
    headers: new Headers(init?.headers ?? (input as Request).headers),
    init,
  });
  return server.fetch(input, init);
};

beforeEach(async () => {
  clock = fakeClock();
  server = createAuthServer({ clock, accessTokenLifetimeMs: 60_000 });
  sent = [];
  tokens = createTokenManager({
    refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
    platform: { ...inProcess(), clock },
    proactive: false,
  });
  await tokens.startSession(server.signIn({ scope: 'read' }));
});
afterEach(() => tokens.dispose());

function api(options: Partial<FetchOptions> = {}): typeof fetch {
  return createFetch(tokens, { origins: [server.origin], fetch: spying, ...options });
}

describe('F1: the token goes to the listed origins and nowhere else', () => {
  const seen: [string, string | null][] = [];
  const record: typeof fetch = async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    seen.push([url, new Headers(init?.headers ?? (input as Request).headers).get('authorization')]);
    return new Response('ok');
  };
  beforeEach(() => {
    seen.length = 0;
  });

  test.each([
    ['https://api.example.evil.example/', 'a look-alike suffix'],
    ['https://evil-api.example/', 'a look-alike prefix'],
    ['https://sub.api.example/', 'a sibling host'],
    ['https://api.example:8443/', 'another port'],
    ['http://api.example/', 'http for https'],
    ['https://api.example@evil.example/', 'userinfo'],
    ['https://api.example:x@evil.example/', 'userinfo with a password'],
    ['https://evil.example/https://api.example/', 'the origin in the path'],
    ['https://evil.example\\@api.example/', 'a backslash'],
    ['https://api.example\\.evil.example/', 'a backslash in the host'],
    ['//evil.example/', 'no scheme'],
    ['data:text/plain,https://api.example/', 'another scheme'],
  ])('%s is passed on untouched: %s', async (url) => {
    const fetched = api({ origins: ['https://api.example'], fetch: record });
    const init = { headers: { 'x-own': '1' } };
    await fetched(url, init);
    expect(seen).toEqual([[url, null]]);
  });

  test.each([
    'https://api.example/items',
    'https://API.example/items',
    'https://api.example:443/items',
    'https://api.example?x=1',
    new URL('https://api.example/items'),
    new Request('https://api.example/items'),
  ])('%s carries it', async (input) => {
    await api({ origins: ['https://api.example'], fetch: record })(input);
    expect(seen[0]?.[1]).toMatch(/^Bearer ./);
  });

  test('several origins may be listed, whatever their spelling', async () => {
    const fetched = api({ origins: ['https://one.example/', 'HTTPS://Two.example:443'], fetch: record });
    for (const url of ['https://one.example/a', 'https://two.example/b', 'https://three.example/c']) await fetched(url);
    expect(seen.map(([, authorization]) => authorization !== null)).toEqual([true, true, false]);
  });
});

describe('F1: over a real network', () => {
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
    const listening = createServer(answer);
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
    closing.push(() => new Promise((resolve) => listening.close(() => resolve())));
    return `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
  }

  test('the token does not follow a redirect to elsewhere, and a 401 from there refreshes nothing', async () => {
    const got: (string | undefined)[] = [];
    const elsewhere = await serve((request, response) => {
      got.push(request.headers.authorization);
      response.writeHead(401, { connection: 'close' }).end('who are you');
    });
    const listed = await serve((request, response) => {
      got.push(request.headers.authorization?.slice(0, 7));
      response.writeHead(302, { location: `${elsewhere}/x`, connection: 'close' }).end();
    });
    const response = await createFetch(tokens, { origins: [listed] })(`${listed}/x`);
    expect(response.status).toBe(401);
    expect(got).toEqual(['Bearer ', undefined]);
    expect(server.tokenRequests).toEqual([]);
  });
});

describe('F2: a 401 costs at most one refresh and one replay', () => {
  test('the second 401 is returned as it is, and nobody is signed out', async () => {
    server.always({ status: 401, body: 'no' }, { endpoint: 'api' });
    const response = await api()(server.apiUrl);
    expect(response.status).toBe(401);
    expect(await response.text()).toBe('no');
    expect(server.tokenRequests).toHaveLength(1);
    expect(server.apiRequests).toHaveLength(2);
    expect(tokens.getSnapshot().status).toBe('active');
  });

  test('an origin that refuses even new tokens does not cost a refresh per request', async () => {
    server.always({ status: 401, body: 'no' }, { endpoint: 'api' });
    const fetched = api();
    for (let request = 0; request < 20; request++) expect((await fetched(server.apiUrl)).status).toBe(401);
    expect(server.tokenRequests).toHaveLength(1);
    server.always(undefined, { endpoint: 'api' });
    expect((await fetched(server.apiUrl)).status).toBe(200);
    server.revokeAccessTokens();
    expect((await fetched(server.apiUrl)).status).toBe(200);
    expect(server.tokenRequests).toHaveLength(2);
  });

  test('a burst of 401s costs one refresh, and every request is replayed', async () => {
    server.revokeAccessTokens();
    const fetched = api();
    const responses = await Promise.all(Array.from({ length: 25 }, () => fetched(server.apiUrl)));
    expect(responses.every(({ status }) => status === 200)).toBe(true);
    expect(server.tokenRequests).toHaveLength(1);
  });
});

describe('F3: the replay carries the new token and the same bytes', () => {
  const form = new FormData();
  form.set('name', 'Ada');
  form.set('file', new Blob(['\u0000\u0001ü'], { type: 'application/x-own' }), 'a.bin');
  const bodies: [string, () => [RequestInfo | URL, RequestInit?]][] = [
    ['no body', () => [server.apiUrl, { headers: { 'x-own': 'kept' } }]],
    ['a string', () => [server.apiUrl, { method: 'PUT', body: 'häh' }]],
    ['bytes', () => [server.apiUrl, { method: 'POST', body: new Uint8Array([0, 255, 10]) }]],
    [
      'a part of a buffer',
      () => [server.apiUrl, { method: 'POST', body: new Uint8Array([9, 1, 2, 3, 9]).subarray(1, 4) }],
    ],
    ['a buffer', () => [server.apiUrl, { method: 'POST', body: new Uint8Array([1, 2]).buffer }]],
    ['a Blob', () => [server.apiUrl, { method: 'POST', body: new Blob(['{}'], { type: 'application/json' }) }]],
    ['a form', () => [server.apiUrl, { method: 'POST', body: form }]],
    ['URL parameters', () => [server.apiUrl, { method: 'POST', body: new URLSearchParams({ q: 'a b&c' }) }]],
    ['a Request with a body', () => [new Request(server.apiUrl, { method: 'PATCH', body: 'in the request' })]],
    [
      'a Request, changed by init',
      () => [new Request(server.apiUrl, { method: 'POST', body: 'old' }), { body: 'new' }],
    ],
    [
      'a Request without a body',
      () => [new Request(server.apiUrl, { method: 'DELETE', headers: { 'x-own': 'kept' } })],
    ],
  ];

  test.each(bodies)('%s', async (_, make) => {
    server.revokeAccessTokens();
    const response = await api()(...make());
    expect(response.status).toBe(200);
    const [first, second] = server.apiRequests;
    expect([first?.status, second?.status]).toEqual([401, 200]);
    const strip = ({ authorization, ...others }: Record<string, string>) => others;
    expect(second?.method).toBe(first?.method);
    expect(second?.body).toEqual(first?.body);
    expect(strip({ ...second?.headers })).toEqual(strip({ ...first?.headers }));
    expect(second?.headers.authorization).not.toBe(first?.headers.authorization);
  });

  test('what the caller changes after the call is not sent, as with fetch', async () => {
    await clock.advance(61_000);
    const bytes = new Uint8Array([1, 2, 3]);
    const parameters = new URLSearchParams({ a: '1' });
    const headers = new Headers({ 'x-own': 'before' });
    const fetched = api();
    const sends = [
      fetched(server.apiUrl, { method: 'POST', body: bytes, headers }),
      fetched(server.apiUrl, { method: 'POST', body: parameters, headers }),
    ];
    bytes.fill(9);
    parameters.set('a', '2');
    headers.set('x-own', 'after');
    await clock.advance(0);
    await Promise.all(sends);
    expect(server.apiRequests.map(({ headers: got }) => got['x-own'])).toEqual(['before', 'before']);
    expect(server.apiRequests.map(({ body }) => Array.from(body))).toEqual([
      [1, 2, 3],
      [97, 61, 49],
    ]);
  });
});

describe('F4: a one-shot stream is neither replayed nor buffered', () => {
  const stream = () => new Response('streamed').body as ReadableStream;

  test('a 401 is returned as it is', async () => {
    server.revokeAccessTokens();
    const init: RequestInit & { duplex: 'half' } = { method: 'POST', body: stream(), duplex: 'half' };
    const response = await api()(server.apiUrl, init);
    expect(response.status).toBe(401);
    expect(server.apiRequests).toHaveLength(1);
    expect(server.tokenRequests).toEqual([]);
  });

  test('its token is made to live for at least a minute beforehand', async () => {
    server.set({ accessTokenLifetimeMs: 600_000 });
    await tokens.startSession(server.signIn());
    await clock.advance(560_000);
    const init: RequestInit & { duplex: 'half' } = { method: 'POST', body: stream(), duplex: 'half' };
    const response = await api()(server.apiUrl, init);
    expect(response.status).toBe(200);
    expect(server.tokenRequests).toHaveLength(1);
  });
});

describe('F5: a 403 never refreshes', () => {
  test.each([
    [403, 'Bearer error="insufficient_scope", scope="admin"', 1],
    [403, '', 0],
    [401, 'Bearer error="insufficient_user_authentication", acr_values="mfa"', 1],
  ])('%d with "%s" is returned, and surfaces %d times as requestRejected', async (status, challenge, times) => {
    const rejected = vi.fn();
    tokens.on('requestRejected', rejected);
    server.always({ status, headers: { 'www-authenticate': challenge }, body: '' }, { endpoint: 'api' });
    expect((await api()(server.apiUrl)).status).toBe(status);
    expect(server.tokenRequests).toEqual([]);
    expect(rejected).toHaveBeenCalledTimes(times);
  });

  test('the challenge is told, without any part of a token', async () => {
    const rejected = vi.fn();
    tokens.on('requestRejected', rejected);
    const token = await tokens.getAccessToken();
    const challenge = `Bearer realm="api", error="invalid_token", error_description="token ${token.slice(3, 15)} is bad"`;
    server.next({ status: 401, headers: { 'www-authenticate': challenge }, body: '' }, { endpoint: 'api' });
    expect((await api()(server.apiUrl)).status).toBe(200);
    expect(rejected).toHaveBeenCalledExactlyOnceWith({
      at: clock.now(),
      sessionId: tokens.getSnapshot().sessionId,
      status: 401,
      origin: server.origin,
      replayed: false,
      challenges: [
        { scheme: 'bearer', parameters: { realm: 'api', error: 'invalid_token', error_description: '[redacted]' } },
      ],
    });
  });
});

test('F6: if the refresh after a 401 fails, the caller gets the original 401, its body unread', async () => {
  server.revokeAccessTokens();
  server.always({ status: 503, body: '' });
  const promise = api()(server.apiUrl);
  await clock.advance(20_000);
  const response = await promise;
  expect(response.status).toBe(401);
  expect(response.bodyUsed).toBe(false);
  expect(await response.text()).not.toBe('');
});

test('F7: the body of a 401 that is replayed is cancelled, so that no connection is held', async () => {
  const cancelled = vi.fn();
  let calls = 0;
  const fetched = api({
    fetch: async () =>
      calls++ === 0 ? new Response(new ReadableStream({ cancel: cancelled }), { status: 401 }) : new Response('ok'),
  });
  expect((await fetched(server.apiUrl)).status).toBe(200);
  expect(cancelled).toHaveBeenCalledTimes(1);
});

describe('F8: everything else is fetch', () => {
  test('an Authorization header of the caller is left alone, and nothing is refreshed for it', async () => {
    await clock.advance(61_000);
    const init = { headers: { Authorization: 'Basic own' } };
    const response = await api()(server.apiUrl, init);
    expect(response.status).toBe(401);
    expect(sent).toHaveLength(1);
    expect(sent[0]?.init).toBe(init);
    const request = new Request(server.apiUrl, { headers: { authorization: 'Basic own' } });
    await api()(request);
    expect(sent[1]?.headers.get('authorization')).toBe('Basic own');
    expect(server.tokenRequests).toEqual([]);
  });

  test('members of init that only some runtimes know are passed on', async () => {
    const init = { redirect: 'manual', keepalive: true, priority: 'low', cf: { cacheTtl: 5 }, dispatcher: {} } as const;
    await api()(server.apiUrl, init as unknown as RequestInit);
    expect(sent[0]?.init).toMatchObject(init);
  });

  test('a subclass of Request reaches the fetch below as it is', async () => {
    class OwnRequest extends Request {}
    const request = new OwnRequest(server.apiUrl);
    let got: unknown;
    await api({
      fetch: async (input) => {
        got = input;
        return new Response('ok');
      },
    })(request);
    expect(got).toBe(request);
  });

  test('an abort rejects with its own reason, while waiting for a token and while sending', async () => {
    const reason = new Error('enough');
    await expect(api()(server.apiUrl, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await clock.advance(61_000);
    server.always({ hang: true });
    const controller = new AbortController();
    const waiting = api()(new Request(server.apiUrl, { signal: controller.signal }));
    await clock.advance(10);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(sent).toEqual([]);
  });

  test('an abort while the refresh after a 401 is under way rejects with its own reason', async () => {
    server.revokeAccessTokens();
    server.always({ hang: true });
    const controller = new AbortController();
    const waiting = api()(server.apiUrl, { signal: controller.signal });
    await clock.advance(10);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });

  test('the global fetch is looked up on each call', async () => {
    const stub = vi.fn(async () => new Response('stubbed'));
    const fetched = createFetch(tokens, { origins: [server.origin] });
    vi.stubGlobal('fetch', stub);
    try {
      expect(await (await fetched(server.apiUrl)).text()).toBe('stubbed');
    } finally {
      vi.unstubAllGlobals();
    }
  });
});

describe('F9: a request to the token endpoint never carries the access token and is never intercepted', () => {
  test.each<[string, (refreshing: { fetch: typeof fetch }) => Parameters<typeof createTokenManager>[0]['refresh']]>([
    [
      'with the signal it was given',
      (own) =>
        async ({ refreshToken, signal }) => {
          await Promise.resolve();
          return own.fetch(server.tokenUrl, {
            method: 'POST',
            body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken ?? '' }),
            signal,
          });
        },
    ],
    [
      'at once, without the signal',
      (own) =>
        ({ refreshToken }) =>
          own.fetch(server.tokenUrl, {
            method: 'POST',
            body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken ?? '' }),
          }),
    ],
  ])('even if the refresh function uses the wrapped fetch, %s', async (_, make) => {
    const own: { fetch: typeof fetch } = { fetch: server.fetch };
    const manager = createTokenManager({ refresh: make(own), platform: { ...inProcess(), clock }, proactive: false });
    own.fetch = createFetch(manager, { origins: [server.origin], fetch: spying });
    await manager.startSession(server.signIn());
    await clock.advance(61_000);
    await expect(manager.getAccessToken()).resolves.toBeTypeOf('string');
    expect(sent.map(({ headers }) => headers.get('authorization'))).toEqual([null]);
    manager.dispose();
  });
});

describe('without a session', () => {
  beforeEach(() => tokens.endSession());

  test('a request is refused, by default', async () => {
    await expect(api()(server.apiUrl)).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
    expect(sent).toEqual([]);
  });

  test("with withoutSession: 'send' it goes out as it is", async () => {
    const response = await api({ withoutSession: 'send' })(server.apiUrl, { headers: { 'x-own': '1' } });
    expect(response.status).toBe(401);
    expect(sent[0]?.headers.get('authorization')).toBeNull();
    expect(sent[0]?.headers.get('x-own')).toBe('1');
  });
});

describe('wrong options end in OptionsError, with what was expected and what came', () => {
  test.each<[string, unknown, RegExp]>([
    ['none', undefined, /expected a list .*, but a value of type undefined came/],
    ['no origins', { origins: [] }, /expected a list .*, but a value of type object came/],
    [
      'one origin that is no list',
      { origins: 'https://api.example' },
      /expected a list .*, but https:\/\/api\.example came/,
    ],
    ['a path', { origins: ['https://api.example/v1'] }, /https:\/\/api\.example\/… came/],
    ['a query', { origins: ['https://api.example?x=secret'] }, /https:\/\/api\.example\/… came/],
    ['no URL', { origins: ['api.example'] }, /a value of type string came/],
    ['userinfo', { origins: ['https://user:secret@api.example'] }, /a value of type string came/],
    ['a number', { origins: [5] }, /a value of type number came/],
    ['plain http', { origins: ['http://api.example'] }, /not secure: expected https/],
    [
      'another withoutSession',
      { origins: ['https://api.example'], withoutSession: 'maybe' },
      /'reject' or 'send', but a value of type string came/,
    ],
    [
      'something else to send',
      { origins: ['https://api.example'], fetch: {} },
      /fetch: expected a function, but a value of type object came/,
    ],
  ])('%s', (_, options, message) => {
    const create = () => createFetch(tokens, options as FetchOptions);
    expect(create).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS', message: expect.stringMatching(message) }));
    expect(create).not.toThrow(/secret/);
  });

  test.each([undefined, null, 'token', {}, { getAccessToken: 'token' }])('no token manager: %s', (source) => {
    const create = () => createFetch(source as unknown as TokenManager, { origins: ['https://api.example'] });
    const message = expect.stringMatching(/tokens: expected a token manager, but (null|a value of type \w+) came/);
    expect(create).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS', message }));
  });

  test.each(['false', 'true', 1, {}])('allowInsecure accepts http as true, and not as %s', (allowInsecure) => {
    const create = () =>
      createFetch(tokens, { origins: ['http://api.example'], allowInsecure: allowInsecure as never });
    expect(create).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }));
  });

  test('http is accepted on loopback, and elsewhere with allowInsecure', () => {
    createFetch(tokens, { origins: ['http://localhost:3000', 'http://127.0.0.1', 'http://[::1]:8080'] });
    createFetch(tokens, { origins: ['http://api.example'], allowInsecure: true });
  });
});
