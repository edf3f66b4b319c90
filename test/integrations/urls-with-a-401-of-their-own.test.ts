import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFetch, createTokenManager, inProcess, type TokenManager, tokenEndpoint } from '../../src/index.js';
import { type AuthServer, createAuthServer, fakeClock } from '../../src/testing.js';
import { fetchOver, tokenSource } from '../support/token-source.js';

const LIFE_MS = 600_000;
let clock: ReturnType<typeof fakeClock>;
let server: AuthServer;
const managers: TokenManager[] = [];
/** Paths that answer 401 whatever they are sent. */
let own: Set<string>;

beforeEach(() => {
  clock = fakeClock();
  server = createAuthServer({ clock, accessTokenLifetimeMs: LIFE_MS });
  own = new Set();
});
afterEach(() => {
  for (const manager of managers.splice(0)) manager.dispose();
});

async function client(platform = inProcess()): Promise<typeof fetch> {
  const manager = createTokenManager({
    refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
    platform: { ...platform, clock },
    proactive: false,
  });
  managers.push(manager);
  await manager.startSession(server.signIn());
  const send: typeof fetch = async (input, init) => {
    const { pathname } = new URL(new Request(input, init).url);
    return own.has(pathname) ? new Response('not you', { status: 401 }) : server.fetch(input, init);
  };
  return createFetch(manager, { origins: [server.origin], fetch: send });
}

const refreshes = () => server.tokenRequests.length;

describe('F11: a URL with a 401 of its own', () => {
  test('costs at most two refreshes in the life of an access token, however often it is asked', async () => {
    own.add('/api/own');
    const api = await client();
    for (let life = 1; life <= 3; life++) {
      for (let poll = 0; poll < 50; poll++) {
        expect(await (await api(`${server.apiUrl}/own?poll=${poll}#${poll}`)).text()).toBe('not you');
        if (poll % 10 === 0) await api(`${server.apiUrl}/fine`);
        await clock.advance(LIFE_MS / 60);
      }
      // one of them is the one that each life ends with
      expect(refreshes()).toBeLessThanOrEqual(3 * life);
      await clock.advance(LIFE_MS / 6);
    }
  });

  test('keeps no other URL’s 401 from being mended', async () => {
    own.add('/api/own');
    const api = await client();
    for (let round = 0; round < 5; round++) {
      for (let poll = 0; poll < 20; poll++) await api(`${server.apiUrl}/own`);
      server.revokeAccessTokens();
      for (const path of ['/fine', '/own/below', '', '/owner']) {
        expect((await api(`${server.apiUrl}${path}`)).status, path).toBe(200);
      }
    }
    // one for each revocation, and two for the URL
    expect(refreshes()).toBeLessThanOrEqual(5 + 2);
  });

  test.each([2, 3, 10])('costs no more beside others of the kind: %i of them, in turn and at once', async (count) => {
    const urls = Array.from({ length: count }, (_, index) => `${server.apiUrl}/own/${index}`);
    for (const url of urls) own.add(new URL(url).pathname);
    const api = await client();
    for (let round = 0; round < 20; round++) for (const url of urls) await api(url);
    expect(refreshes()).toBeLessThanOrEqual(2 * count);
    for (let round = 0; round < 20; round++) await Promise.all(urls.map((url) => api(url)));
    expect(refreshes()).toBeLessThanOrEqual(2 * count);
    server.revokeAccessTokens();
    expect((await api(`${server.apiUrl}/fine`)).status).toBe(200);
  });

  test('costs two where it answers well in between, as one of GraphQL or of a search does', async () => {
    const api = await client();
    for (let round = 0; round < 20; round++) {
      own.add('/api/own');
      expect((await api(`${server.apiUrl}/own`, { method: 'POST', body: 'a' })).status).toBe(401);
      own.clear();
      expect((await api(`${server.apiUrl}/own`, { method: 'POST', body: 'b' })).status).toBe(200);
    }
    expect(refreshes()).toBe(2);
  });

  test('is mended itself when its token is refused after it has answered well', async () => {
    const api = await client();
    own.add('/api/own');
    for (let poll = 0; poll < 5; poll++) await api(`${server.apiUrl}/own`);
    own.clear();
    expect((await api(`${server.apiUrl}/own`)).status).toBe(200);
    server.revokeAccessTokens();
    expect((await api(`${server.apiUrl}/own`)).status).toBe(200);
    expect(refreshes()).toBe(2);
  });

  test('is replayed with a token that others have brought meanwhile, without a refresh of its own (B2)', async () => {
    let refused: (() => void) | undefined;
    const tokens = tokenSource();
    const sent: string[] = [];
    const api = fetchOver(
      async ({ url, headers }) => {
        const token = headers.get('authorization')?.slice(-1) ?? '';
        sent.push(`${new URL(url).pathname} ${token}`);
        if (refused === undefined && url.endsWith('/late')) await new Promise<void>((resolve) => (refused = resolve));
        return new Response(null, { status: url.endsWith('/own') || token === '1' ? 401 : 200 });
      },
      {},
      tokens,
    );
    const late = api('https://api.test/late');
    for (let poll = 0; poll < 3; poll++) await api('https://api.test/own');
    refused?.();
    expect((await late).status).toBe(200);
    expect(tokens.replaced).toBe(1);
    expect(sent.filter((line) => line.startsWith('/late'))).toEqual(['/late 1', '/late 2']);
  });

  test('is replayed with the present token also where no refresh is left for it (B2)', async () => {
    own.add('/api/own');
    const api = await client();
    const [manager] = managers;
    for (let round = 0; round < 3; round++) {
      await api(`${server.apiUrl}/own`);
      await manager?.refresh();
    }
    const before = refreshes();
    await api(`${server.apiUrl}/own`);
    expect(refreshes()).toBe(before);
    // the request is on its way with one token when the next one comes
    own.clear();
    server.revokeAccessTokens();
    const late = server.next({ delayMs: 1_000 }, { endpoint: 'api' });
    void late;
    const asked = api(`${server.apiUrl}/own`);
    await clock.advance(500);
    await manager?.refresh();
    expect((await clock.runUntil(asked)).status).toBe(200);
    expect(refreshes()).toBe(before + 1);
  });

  test('is remembered with bounded memory: ten thousand of them keep none from being mended', async () => {
    const tokens = tokenSource();
    let isRevoked = false;
    const api = fetchOver(
      ({ url, headers }) => {
        const isFine = url.endsWith('/fine') && !(isRevoked && headers.get('authorization') === refusedToken);
        return new Response(null, { status: isFine ? 200 : 401 });
      },
      {},
      tokens,
    );
    for (let index = 0; index < 10_000; index++) await api(`https://api.test/own/${index}/${'x'.repeat(1_000)}`);
    const refusedToken = `Bearer ${await tokens.getAccessToken()}`;
    isRevoked = true;
    expect((await api('https://api.test/fine')).status).toBe(200);
  });

  test('is counted by each token of its own where nobody tells the time, and sent once without a new one', async () => {
    const tokens = tokenSource();
    let sent = 0;
    const answer = () => {
      sent++;
      return new Response(null, { status: 401 });
    };
    const api = fetchOver(answer, {}, tokens);
    for (let poll = 0; poll < 20; poll++) await api('https://api.test/own');
    expect([tokens.replaced, sent]).toEqual([1, 21]);
  });
});

describe('F2: a redirect from one listed origin to another', () => {
  test('costs no refresh, because fetch has taken the token off: its 401 says nothing of it', async () => {
    const tokens = tokenSource();
    let sent = 0;
    const answer = (): Response => {
      sent++;
      return Object.defineProperty(new Response('who are you', { status: 401 }), 'url', {
        value: 'https://files.test/there',
      });
    };
    const api = fetchOver(answer, { origins: ['https://api.test', 'https://files.test'] }, tokens);
    for (let poll = 0; poll < 3; poll++) expect(await (await api('https://api.test/here')).text()).toBe('who are you');
    expect([sent, tokens.replaced]).toEqual([3, 0]);
    expect((await api('https://files.test/here')).status).toBe(401);
    expect([sent, tokens.replaced]).toEqual([5, 1]);
  });
});
