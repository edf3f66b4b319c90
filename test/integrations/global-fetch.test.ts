import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFetch, createTokenManager, inProcess, type TokenManager, tokenEndpoint } from '../../src/index.js';
import { type AuthServer, createAuthServer, fakeClock } from '../../src/testing.js';

const original = globalThis.fetch;
let clock: ReturnType<typeof fakeClock>;
let server: AuthServer;
let sent: [string, string | null][];
const managers: TokenManager[] = [];

beforeEach(() => {
  clock = fakeClock();
  server = createAuthServer({ clock, accessTokenLifetimeMs: 60_000 });
  sent = [];
  globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    sent.push([request.url, request.headers.get('authorization')?.slice(0, 6) ?? null]);
    return request.url.startsWith(server.origin) ? server.fetch(input, init) : new Response('elsewhere');
  };
});
afterEach(() => {
  globalThis.fetch = original;
  for (const manager of managers.splice(0)) manager.dispose();
});

type Refresh = Parameters<typeof createTokenManager>[0]['refresh'];

async function signedIn(refresh?: Refresh): Promise<TokenManager> {
  const manager = createTokenManager({
    refresh: refresh ?? tokenEndpoint({ url: server.tokenUrl, clientId: 'app' }),
    platform: { ...inProcess(), clock },
    proactive: false,
  });
  managers.push(manager);
  // wrappers that call each other for ever fail instead of filling the memory
  const { getAccessToken } = manager;
  let asked = 0;
  manager.getAccessToken = async (options) => {
    asked++;
    if (asked > 50) throw new Error('asked for ever');
    return getAccessToken(options);
  };
  await manager.startSession(server.signIn());
  return manager;
}

const byHand: Refresh = ({ refreshToken, signal }) =>
  fetch(server.tokenUrl, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken ?? '', client_id: 'app' }),
    signal,
  });
const byHandLater: Refresh = async (request) => {
  await Promise.resolve();
  return byHand(request);
};

/** What an instrumentation does with the global `fetch` that it finds. */
function instrument(): void {
  const found = globalThis.fetch;
  globalThis.fetch = (input, init) => found(input, { ...init, headers: new Headers(init?.headers) });
}

describe('F13: the wrapped fetch may take the place of the global one', () => {
  const wrap = (tokens: TokenManager) => {
    globalThis.fetch = createFetch(tokens, { origins: [server.origin] });
  };
  const withAuthorize = (tokens: TokenManager) => {
    globalThis.fetch = createFetch(tokens, {
      origins: [server.origin],
      authorize: (headers, token) => headers.set('authorization', `Bearer ${token}`),
    });
  };
  const inTurn =
    (...installs: ((tokens: TokenManager) => void)[]) =>
    (tokens: TokenManager) => {
      for (const install of installs) install(tokens);
    };
  const installations: [string, (tokens: TokenManager) => void][] = [
    ['as it is', wrap],
    ['with an authorize of its own', withAuthorize],
    ['twice', inTurn(wrap, wrap)],
    ['twice, both with an authorize of their own', inTurn(withAuthorize, withAuthorize)],
    ['three times', inTurn(wrap, withAuthorize, wrap)],
    [
      'and be wrapped by an instrumentation',
      (tokens) => {
        wrap(tokens);
        instrument();
      },
    ],
    [
      'around an instrumentation',
      (tokens) => {
        instrument();
        wrap(tokens);
      },
    ],
    [
      'between two of them, twice',
      (tokens) => {
        instrument();
        wrap(tokens);
        instrument();
        wrap(tokens);
        instrument();
      },
    ],
  ];
  const refreshers: [string, Refresh | undefined][] = [
    ['tokenEndpoint', undefined],
    ['a refresh function with the global fetch', byHand],
    ['one that calls it later', byHandLater],
  ];
  for (const [how, install] of installations) {
    test.each(refreshers)(`${how}, with %s: fresh, expired, refused and elsewhere`, async (_, refresh) => {
      const tokens = await signedIn(refresh);
      install(tokens);
      expect((await fetch(server.apiUrl, { method: 'POST', body: 'x' })).status).toBe(200);
      await clock.advance(61_000);
      expect((await fetch(server.apiUrl)).status).toBe(200);
      server.revokeAccessTokens();
      expect((await fetch(new Request(server.apiUrl))).status).toBe(200);
      expect(await (await fetch('https://elsewhere.test/')).text()).toBe('elsewhere');
      expect(server.tokenRequests).toHaveLength(2);
      const to = (url: string) => sent.filter(([seen]) => seen === url).map(([, authorization]) => authorization);
      expect(to(server.apiUrl)).toEqual(Array(4).fill('Bearer'));
      // F9
      expect(to(server.tokenUrl)).toEqual([null, null]);
      expect(to('https://elsewhere.test/')).toEqual([null]);
    });
  }

  test('with a session of another kind in each: every origin gets its own token', async () => {
    const [first, second] = [await signedIn(), await signedIn()];
    globalThis.fetch = createFetch(first, { origins: [server.origin] });
    globalThis.fetch = createFetch(second, { origins: ['https://other.test'] });
    await Promise.all([fetch(server.apiUrl), fetch('https://other.test/'), fetch('https://elsewhere.test/')]);
    expect(Object.fromEntries(sent)).toEqual({
      [server.apiUrl]: 'Bearer',
      'https://other.test/': 'Bearer',
      'https://elsewhere.test/': null,
    });
  });

  test('twice without a session, where requests go out as they are', async () => {
    const tokens = await signedIn();
    await tokens.endSession();
    for (let time = 0; time < 2; time++) {
      globalThis.fetch = createFetch(tokens, { origins: [server.origin], withoutSession: 'send' });
    }
    expect((await fetch(server.apiUrl)).status).toBe(401);
    expect(sent).toEqual([[server.apiUrl, null]]);
  });

  test('and is taken out again, and what comes in its place is what sends', async () => {
    const tokens = await signedIn();
    const before = globalThis.fetch;
    const api = createFetch(tokens, { origins: [server.origin] });
    globalThis.fetch = api;
    await fetch(server.apiUrl);
    globalThis.fetch = before;
    expect((await api(server.apiUrl)).status).toBe(200);
    globalThis.fetch = async () => new Response('stub');
    expect(await (await api(server.apiUrl)).text()).toBe('stub');
  });

  test('a global fetch that throws is the error of that call alone', async () => {
    const tokens = await signedIn();
    const api = createFetch(tokens, { origins: [server.origin] });
    const before = globalThis.fetch;
    globalThis.fetch = () => {
      throw new TypeError('no network');
    };
    await expect(api(server.apiUrl)).rejects.toThrow('no network');
    globalThis.fetch = before;
    expect((await api(server.apiUrl)).status).toBe(200);
  });
});
