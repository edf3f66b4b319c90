import { describe, expect, test } from 'vitest';
import { createFetch, createTokenManager, inProcess, type TokenSource, tokenEndpoint } from '../../src/index.js';
import { createAuthServer, fakeClock } from '../../src/testing.js';
import { fetchOver, tokenSource } from '../support/token-source.js';

const URL_ = 'https://api.test/things';

describe('a request to an origin that is not listed is told, once per origin', () => {
  async function world() {
    const clock = fakeClock();
    const server = createAuthServer({ clock, accessTokenLifetimeMs: 60_000 });
    const events: unknown[] = [];
    let api: typeof fetch = server.fetch;
    const through: typeof fetch = (input, init) => api(input, init);
    const tokens = createTokenManager({
      refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: through }),
      platform: { ...inProcess(), clock },
      proactive: false,
    });
    const { origin } = server;
    const send: typeof fetch = async (input, init) =>
      String(input) === server.tokenUrl ? server.fetch(input, init) : new Response('ok');
    tokens.on('requestPassedOver', (event) => events.push(event));
    const use = (...origins: string[]) => {
      api = createFetch(tokens, { origins, fetch: send });
      return api;
    };
    await tokens.startSession(server.signIn());
    return { clock, origin, tokens, events, use };
  }

  test('with its origin and the session, whatever the URL is written like', async () => {
    const { clock, tokens, events, use } = await world();
    const api = use('https://api.test');
    const others = [
      'https://other.test/a',
      new URL('https://other.test/b?secret=1'),
      new Request('https://OTHER.test/c'),
    ];
    for (const other of [...others, ...others]) await api(other);
    await api('http://other.test:8080/x');
    await api(URL_);
    const { sessionId } = tokens.getSnapshot();
    expect(events).toEqual(
      ['https://other.test', 'http://other.test:8080'].map((origin) => ({ at: clock.now(), sessionId, origin })),
    );
    tokens.dispose();
  });

  test.each(['data:,x', 'blob:https://other.test/1', 'https://user:secret@other.test/', '/relative', 'no URL: [', ''])(
    'not %j, which goes nowhere for certain',
    async (input) => {
      const { tokens, events, use } = await world();
      await use('https://api.test')(input);
      expect(events).toEqual([]);
      tokens.dispose();
    },
  );

  test('not the refresh’s own request, which is to go out without one', async () => {
    const { clock, tokens, events, use } = await world();
    use('https://api.test');
    await clock.advance(61_000);
    await tokens.getAccessToken();
    expect(events).toEqual([]);
    tokens.dispose();
  });

  test('however many origins there are: of the first hundred', async () => {
    const { tokens, events, use } = await world();
    const api = use('https://api.test');
    for (let index = 0; index < 300; index++) await api(`https://other-${index % 150}.test/`);
    expect(events).toHaveLength(100);
    tokens.dispose();
  });

  test('a source that tells nobody is used all the same', async () => {
    const api = fetchOver(({ headers }) => new Response(headers.get('authorization')));
    expect(await (await api('https://other.test/')).text()).toBe('');
    expect(await (await api(URL_)).text()).toBe('Bearer access-1');
  });
});

describe('an access token in a cookie, which the source gives as an empty one', () => {
  const inCookie = (): TokenSource & { asked: unknown[] } => {
    const asked: unknown[] = [];
    return {
      asked,
      getAccessToken: async () => '',
      replaceAccessToken: async (rejected) => {
        asked.push(rejected);
        return '';
      },
    };
  };

  test.each<[string, Parameters<typeof fetch>, RequestCredentials]>([
    ['a URL', [URL_], 'include'],
    ['an init that says nothing', [URL_, { method: 'POST', body: 'x' }], 'include'],
    ['an init that says undefined', [URL_, { credentials: undefined } as unknown as RequestInit], 'include'],
    ['an init that says omit', [URL_, { credentials: 'omit' }], 'omit'],
    ['an init that says same-origin', [URL_, { credentials: 'same-origin' }], 'same-origin'],
    ['a Request', [new Request(URL_)], 'include'],
    ['a Request that says omit', [new Request(URL_, { credentials: 'omit' })], 'omit'],
    ['a Request that says include', [new Request(URL_, { credentials: 'include' })], 'include'],
    ['a Request and an init that says omit', [new Request(URL_), { credentials: 'omit' }], 'omit'],
  ])('%s: nothing is put on, and cookies are sent where the caller says nothing else', async (_, args, credentials) => {
    const authorize = () => {
      throw new Error('nothing to put on');
    };
    for (const options of [{}, { authorize }]) {
      const sent: [string, string | null, string][] = [];
      const tokens = inCookie();
      const [input, init] = args;
      await fetchOver(
        (request) => {
          sent.push([request.credentials, request.headers.get('authorization'), request.method]);
          return new Response();
        },
        options,
        tokens,
      )(input instanceof Request ? input.clone() : input, init);
      expect(sent).toEqual([[credentials, null, init?.method ?? 'GET']]);
      expect(tokens.asked).toEqual([]);
    }
  });

  test('a 401 costs one refresh and one replay, with the cookies', async () => {
    const tokens = inCookie();
    const sent: string[] = [];
    const answer = async (request: Request) => {
      sent.push(`${request.credentials} ${await request.text()}`);
      return new Response(null, { status: sent.length === 1 ? 401 : 200 });
    };
    const response = await fetchOver(answer, {}, tokens)(URL_, { method: 'POST', body: 'x' });
    expect([response.status, tokens.asked, sent]).toEqual([200, [''], ['include x', 'include x']]);
  });

  test('F11: a URL with a 401 of its own costs one, however often it is asked', async () => {
    const tokens = inCookie();
    const api = fetchOver(() => new Response(null, { status: 401 }), {}, tokens);
    for (let poll = 0; poll < 20; poll++) expect((await api(URL_)).status).toBe(401);
    expect(tokens.asked).toEqual(['']);
  });

  test('other access tokens leave the credentials alone', async () => {
    const sent: (string | undefined)[] = [];
    await fetchOver(
      (_, { init }) => {
        sent.push(init?.credentials);
        return new Response();
      },
      {},
      tokenSource(),
    )(URL_);
    expect(sent).toEqual([undefined]);
  });
});
