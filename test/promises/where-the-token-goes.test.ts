import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createFetch, isTokenError, type TokenSource } from '../../src/index.js';

const TOKEN = 'canary-access-token-1';

/** A source that always has a token, and never has to refresh. */
function source(): TokenSource & { asked: number; replaced: number } {
  const it = {
    asked: 0,
    replaced: 0,
    getAccessToken: async () => {
      it.asked += 1;
      return TOKEN;
    },
    replaceAccessToken: async () => {
      it.replaced += 1;
      return 'canary-access-token-2';
    },
  };
  return it;
}

/** What really would go out: where to, and with which token. */
function recorder(status = 200) {
  const sent: Array<{ origin: string; authorization: string | null }> = [];
  const send = (async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(input, init);
    sent.push({ origin: new URL(request.url).origin, authorization: request.headers.get('authorization') });
    return new Response('ok', { status });
  }) as typeof fetch;
  return { sent, send };
}

const OTHERS = [
  'https://api.example.evil.test/x',
  'https://api.example@evil.test/x',
  'https://api.example:443@evil.test/x',
  'https://api.example%40evil.test/x',
  'https://user:pass@evil.test/api.example',
  'https:\\\\evil.test\\@api.example',
  'https://evil.test\\@api.example/x',
  'https://evil.test/\\api.example',
  'https://evil.test#@api.example',
  'https://evil.test?@api.example',
  'https://api.example.:443/x',
  'https://api.example./x',
  'https://xapi.example/x',
  'https://api.examplex/x',
  'https://api-example/x',
  'https://www.api.example/x',
  'https://api.example:8443/x',
  'https://api.example:80/x',
  'http://api.example/x',
  'http://api.example:443/x',
  'ht\ntps://evil.test/@api.example',
  'https://ev\til.test/api.example',
  '\thttps://evil.test/\napi.example',
  'https://аpi.example/x', // cyrillic
  'https://xn--pi-7kc.example/x',
  'https://api。example.evil.test/x',
  'https://api.exаmple/x',
  'https://[::1]/x',
  'https://[::ffff:7f00:1]/x',
  'https://127.0.0.1/x',
  'https://2130706433/x',
  'https://0x7f.1/x',
  'wss://api.example/x',
  'blob:https://api.example/0c9d7f0c-0000-4000-8000-000000000000',
  'data:text/plain,https://api.example/',
  'about:blank',
  'file:///api.example/x',
  'ftp://api.example/x',
];

describe('the token goes to the listed origins and nowhere else', () => {
  for (const url of OTHERS) {
    test(`not to ${JSON.stringify(url)}, however it is written`, async () => {
      for (const input of [
        url,
        () => new URL(url),
        () => new Request(url),
        { toString: () => url, href: 'https://api.example/' },
      ]) {
        const tokens = source();
        const { sent, send } = recorder(401);
        let made: RequestInfo | URL;
        try {
          made = (typeof input === 'function' ? input() : input) as RequestInfo;
        } catch {
          continue; // no URL at all
        }
        await createFetch(tokens, { origins: ['https://api.example'], fetch: send })(made).catch(() => undefined);
        expect(sent.filter(({ authorization }) => authorization !== null)).toEqual([]);
        expect(tokens.asked + tokens.replaced).toBe(0);
      }
    });
  }

  test.each([
    'https://api.example',
    'https://api.example/',
    'HTTPS://API.EXAMPLE/x',
    'https://api.example:443/x',
    'https:api.example/x',
    'https://api。example/x',
    'https://api.ex%61mple/x',
    'https://api.example/x#https://evil.test/',
    'https://api.example//evil.test/',
    'https://api.example/@evil.test',
  ])('but to every spelling of a listed origin: %j', async (url) => {
    for (const input of [url, new URL(url), new Request(url)]) {
      const { sent, send } = recorder();
      await createFetch(source(), { origins: ['https://api.example'], fetch: send })(input);
      expect(sent).toEqual([{ origin: 'https://api.example', authorization: `Bearer ${TOKEN}` }]);
    }
  });

  test.each([
    ['https://bücher.example', 'https://xn--bcher-kva.example/x'],
    ['https://xn--bcher-kva.example', 'https://BÜCHER.example/x'],
    ['http://[::1]:8080', 'http://[0:0:0:0:0:0:0:1]:8080/x'],
    ['http://127.0.0.1:8080', 'http://2130706433:8080/x'],
    ['http://localhost:3000', 'http://LOCALHOST:3000/x'],
    ['https://api.example:8443', 'https://api.example:8443/x'],
    ['https://api.example:443', 'https://api.example/x'],
    ['https://api.example/', 'https://api.example/x'],
    ['https://API.example', 'https://api.example/x'],
  ])('an origin listed as %s is the origin of %s', async (origin, url) => {
    const { sent, send } = recorder();
    await createFetch(source(), { origins: [origin], fetch: send })(url);
    expect(sent.map(({ authorization }) => authorization)).toEqual([`Bearer ${TOKEN}`]);
  });

  test.each([
    '*',
    'https://*.example',
    'https://*',
    'api.example',
    '//api.example',
    '',
    'null',
    'https://user@api.example',
    'https://user:pass@api.example',
    'https://api.example/path',
    'https://api.example?x',
    'https://api.example#x',
    'blob:https://api.example',
    'data:,x',
    'file:///',
    'ws://api.example',
    'javascript:alert(1)',
    'http://api.example',
    'http://localhost.evil.test',
    'http://127.0.0.1.evil.test',
    'http://0.0.0.0',
    'http://10.0.0.1',
    'http://[::2]',
  ])('%j is refused as an origin when it is created, with a reason', (origin) => {
    let error: unknown;
    try {
      createFetch(source(), { origins: [origin] });
    } catch (thrown) {
      error = thrown;
    }
    expect(isTokenError(error) && error.code).toBe('ERR_OPTIONS');
    expect((error as Error).message).toMatch(/origin/i);
    if (/^http:/.test(origin))
      expect((error as Error).message).toMatch(/http:.*allowInsecure|allowInsecure.*http:|https/is);
  });

  test.each([
    'http://localhost',
    'http://127.0.0.1',
    'http://127.0.0.2:99',
    'http://[::1]',
    'http://app.localhost:3000',
  ])('plain http is accepted on loopback: %s', (origin) => {
    expect(() => createFetch(source(), { origins: [origin] })).not.toThrow();
  });

  test('a list of origins that is changed afterwards changes nothing', async () => {
    const origins = ['https://api.example'];
    const { sent, send } = recorder();
    const api = createFetch(source(), { origins, fetch: send });
    origins.push('https://evil.test');
    await api('https://evil.test/');
    expect(sent).toEqual([{ origin: 'https://evil.test', authorization: null }]);
  });

  test('a URL that changes while the token is awaited goes where it was going, or goes without', async () => {
    const { sent, send } = recorder();
    const url = new URL('https://api.example/x');
    const asked = createFetch(source(), { origins: ['https://api.example'], fetch: send })(url);
    url.host = 'evil.test';
    await asked;
    expect(sent).toEqual([{ origin: 'https://api.example', authorization: `Bearer ${TOKEN}` }]);
  });

  test('a URL object whose href says something else each time gets no token elsewhere', async () => {
    const { sent, send } = recorder();
    let reads = 0;
    const shifty = { toString: () => (reads++ === 0 ? 'https://api.example/' : 'https://evil.test/') };
    await createFetch(source(), { origins: ['https://api.example'], fetch: send })(shifty as never).catch(
      () => undefined,
    );
    expect(sent.filter(({ origin, authorization }) => origin !== 'https://api.example' && authorization)).toEqual([]);
  });

  test('a relative URL outside a page is what fetch makes of it: an error, without a token', async () => {
    const tokens = source();
    const api = createFetch(tokens, { origins: ['https://api.example'] });
    const own = await fetch('/x').catch((error) => error);
    const wrapped = await api('/x').catch((error) => error);
    expect(wrapped).toBeInstanceOf(TypeError);
    expect(wrapped.message).toBe(own.message);
    expect(tokens.asked).toBe(0);
  });
});

describe('past a redirect', () => {
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  async function serve(
    answer: (request: IncomingMessage, body: string) => { status: number; headers?: Record<string, string> },
  ) {
    const seen: Array<{ method?: string; url?: string; authorization?: string; body: string }> = [];
    const server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      seen.push({
        ...(request.method && { method: request.method }),
        ...(request.url && { url: request.url }),
        ...(request.headers.authorization && { authorization: request.headers.authorization }),
        body,
      });
      const { status, headers = {} } = answer(request, body);
      response.writeHead(status, headers).end('done');
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { seen, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  }

  for (const status of [301, 302, 303, 307, 308]) {
    test(`a ${status} to elsewhere takes the body along where fetch does, and never the token; its 401 is not ours`, async () => {
      const elsewhere = await serve(() => ({ status: 401, headers: { 'WWW-Authenticate': 'Bearer' } }));
      const api = await serve(() => ({ status, headers: { Location: `${elsewhere.origin}/there` } }));
      const tokens = source();
      const response = await createFetch(tokens, { origins: [api.origin] })(`${api.origin}/here`, {
        method: 'POST',
        body: 'what',
      });
      expect(response.status).toBe(401);
      expect(await response.text()).toBe('done');
      expect(api.seen.map(({ authorization }) => authorization)).toEqual([`Bearer ${TOKEN}`]);
      expect(elsewhere.seen).toEqual([
        status === 307 || status === 308
          ? { method: 'POST', url: '/there', body: 'what' }
          : { method: 'GET', url: '/there', body: '' },
      ]);
      expect(tokens.replaced).toBe(0);
    });
  }

  test('a redirect from one listed origin to another arrives without the token, and its 401 costs no refresh', async () => {
    const files = await serve((request) => ({ status: request.headers.authorization ? 200 : 401 }));
    const api = await serve(() => ({ status: 302, headers: { Location: `${files.origin}/there` } }));
    const tokens = source();
    const fetched = createFetch(tokens, { origins: [api.origin, files.origin] });
    for (let time = 0; time < 3; time++) expect((await fetched(`${api.origin}/here`)).status).toBe(401);
    expect(files.seen.map(({ authorization }) => authorization)).toEqual([undefined, undefined, undefined]);
    expect(tokens.replaced).toBe(0);
    // what the README says to do instead
    expect((await fetched(`${files.origin}/there`)).status).toBe(200);
  });

  test('a token in another header than Authorization, which fetch would take along, is not taken to elsewhere', async () => {
    const elsewhere = await serve(() => ({ status: 200 }));
    const api = await serve(() => ({ status: 302, headers: { Location: `${elsewhere.origin}/there` } }));
    const authorize = (headers: Headers, token: string) => headers.set('x-access-token', token);
    const fetched = createFetch(source(), { origins: [api.origin], authorize });
    for (const input of [`${api.origin}/here`, new Request(`${api.origin}/here`)]) {
      expect((await fetched(input)).status).toBe(302);
    }
    expect(elsewhere.seen).toEqual([]);
  });

  test('a redirect within the origin keeps the token, and its 401 is replayed from the start', async () => {
    const api: Awaited<ReturnType<typeof serve>> = await serve((request) =>
      request.url === '/here'
        ? { status: 307, headers: { Location: '/there' } }
        : { status: request.headers.authorization?.endsWith('2') ? 200 : 401 },
    );
    const response = await createFetch(source(), { origins: [api.origin] })(`${api.origin}/here`, {
      method: 'POST',
      body: 'what',
    });
    expect(response.status).toBe(200);
    expect(api.seen.map(({ url, authorization, body }) => [url, authorization?.at(-1), body])).toEqual([
      ['/here', '1', 'what'],
      ['/there', '1', 'what'],
      ['/here', '2', 'what'],
      ['/there', '2', 'what'],
    ]);
  });

  test('a redirect away and back again carries no token on the way back that fetch would not', async () => {
    const origins: string[] = [];
    const elsewhere = await serve(() => ({ status: 302, headers: { Location: `${origins[0]}/back` } }));
    const api = await serve((request) =>
      request.url === '/back' ? { status: 401 } : { status: 302, headers: { Location: `${elsewhere.origin}/away` } },
    );
    origins.push(api.origin);
    const tokens = source();
    const response = await createFetch(tokens, { origins })(`${api.origin}/here`);
    expect(response.status).toBe(401);
    expect(elsewhere.seen.every(({ authorization }) => authorization === undefined)).toBe(true);
  });

  test.each(['error', 'manual'] as const)('redirect: %s stays what it is', async (redirect) => {
    const api = await serve(() => ({ status: 302, headers: { Location: '/there' } }));
    const outcome = await createFetch(source(), { origins: [api.origin] })(`${api.origin}/here`, { redirect }).then(
      ({ status }) => status,
      (error) => error.name,
    );
    expect(outcome).toBe(redirect === 'manual' ? 302 : 'TypeError');
  });
});
