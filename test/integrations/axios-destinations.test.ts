import { Agent, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import axios, {
  type AxiosAdapter,
  AxiosHeaders,
  type AxiosRequestConfig,
  type InternalAxiosRequestConfig,
} from 'axios';
import axios0 from 'axios-0';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { isTokenError, type TokenSource } from '../../src/index.js';
import { type AxiosLike, tokenAdapter } from '../../src/integrations/axios.js';

const tokens: TokenSource = {
  getAccessToken: async () => 'access-1',
  replaceAccessToken: async () => 'access-2',
};
const ORIGINS = ['https://api.example'];

/** What would go out: the address as axios makes it, and the header. */
function record(answers: number[] = []) {
  const sent: { url: string; authorization: unknown; config: InternalAxiosRequestConfig }[] = [];
  const adapter: AxiosAdapter = async (config) => {
    const authorization = AxiosHeaders.from(config.headers as AxiosHeaders).get('authorization');
    sent.push({ url: axios.getUri(config), authorization, config });
    const status = answers.shift() ?? 200;
    return { status, statusText: '', data: 'ok', headers: {}, config };
  };
  return { sent, adapter };
}

afterEach(() => {
  for (const name of ['baseURL', 'adapter'] as const) delete axios.defaults[name];
  axios.defaults.adapter = ['xhr', 'http', 'fetch'];
  delete axios.defaults.allowAbsoluteUrls;
});

describe('F1: with axios the token goes to the listed origins and nowhere else', () => {
  async function send(config: AxiosRequestConfig): Promise<unknown> {
    const { sent, adapter } = record();
    await axios.create({ adapter: tokenAdapter(tokens, { axios, origins: ORIGINS, adapter }) }).request(config);
    return sent[0]?.authorization;
  }

  test.each<[string, AxiosRequestConfig]>([
    ['a look-alike suffix', { url: 'https://api.example.evil.example/' }],
    ['another port', { url: 'https://api.example:8443/' }],
    ['http for https', { url: 'http://api.example/' }],
    ['userinfo', { url: 'https://api.example@evil.example/' }],
    ['userinfo at the origin itself, which is a header of its own', { url: 'https://u:p@api.example/' }],
    ['a backslash', { url: 'https://evil.example\\@api.example/' }],
    ['an absolute URL over a listed base', { baseURL: 'https://api.example', url: 'https://evil.example/' }],
    ['a URL without a scheme over a listed base', { baseURL: 'https://api.example', url: '//evil.example/' }],
    ['a host that goes on in the path', { baseURL: 'https://api.example', url: '//.evil.example/' }],
    ['a base elsewhere', { baseURL: 'https://evil.example', url: '/https://api.example/' }],
    [
      'a base elsewhere that an absolute URL does not override',
      { baseURL: 'https://evil.example', url: 'https://api.example/', allowAbsoluteUrls: false },
    ],
    ['a relative URL where there is no page', { url: '/orders' }],
    ['no URL at all', {}],
  ])('%s is passed on untouched: %o', async (_, config) => {
    expect(await send(config)).toBeUndefined();
  });

  test.each<AxiosRequestConfig>([
    { url: 'https://api.example/orders' },
    { url: 'https://API.example:443/orders' },
    { url: 'https://api.example/orders of today' },
    { baseURL: 'https://api.example', url: '/orders' },
    { baseURL: 'https://api.example/v1/', url: 'orders', params: { at: 'https://evil.example' } },
    { baseURL: 'https://api.example/v1/' },
    { baseURL: 'https://api.example/', url: '//evil.example/', allowAbsoluteUrls: false },
    { baseURL: 'https://evil.example', url: 'https://api.example/orders' },
  ])('%o carries it', async (config) => {
    expect(await send(config)).toBe('Bearer access-1');
  });

  test('what the defaults of axios say by now does not count for a request of an instance that was made before', async () => {
    const { sent, adapter } = record();
    const api = axios.create({ adapter: tokenAdapter(tokens, { axios, origins: ORIGINS, adapter }) });
    axios.defaults.baseURL = 'https://api.example';
    await api.get('/orders');
    expect(sent[0]).toMatchObject({ url: expect.stringContaining('/orders'), authorization: undefined });
  });

  test('nor does what they say of absolute URLs', async () => {
    const { sent, adapter } = record();
    const direct = tokenAdapter(tokens, { axios, origins: ORIGINS, adapter });
    axios.defaults.allowAbsoluteUrls = false;
    const config = { baseURL: 'https://api.example', url: 'https://evil.example/', headers: new AxiosHeaders() };
    await direct(config as InternalAxiosRequestConfig);
    expect(sent[0]?.authorization).toBeUndefined();
  });

  test.each([false, null])('an Authorization header of %s keeps it away', async (value) => {
    const { sent, adapter } = record();
    const api = axios.create({ adapter: tokenAdapter(tokens, { axios, origins: ORIGINS, adapter }) });
    await api.get('https://api.example/', { headers: { Authorization: value as never } });
    expect(sent[0]?.authorization).toBe(value);
  });

  test('an Authorization header of its own counts also beside one in another case that is undefined', async () => {
    const { sent, adapter } = record();
    const direct = tokenAdapter(tokens, { axios, origins: ORIGINS, adapter });
    const headers = { authorization: undefined, Authorization: 'Bearer own' };
    await direct({ url: 'https://api.example/', headers } as never);
    expect(sent[0]?.config.headers).toBe(headers);
  });

  test('a config that changes while the token is awaited leads nowhere else', async () => {
    let give: (token: string) => void = () => undefined;
    const waiting: TokenSource = { ...tokens, getAccessToken: () => new Promise((resolve) => (give = resolve)) };
    const { sent, adapter } = record();
    const direct = tokenAdapter(waiting, { axios, origins: ORIGINS, adapter });
    const config = { url: 'https://api.example/', headers: new AxiosHeaders() };
    const asked = direct(config as InternalAxiosRequestConfig);
    config.url = 'https://evil.example/';
    give('access-1');
    await asked;
    expect(sent.map(({ url }) => url)).toEqual(['https://api.example/']);
  });

  test('a redirect to elsewhere goes without it also with an axios that would take it along to a subdomain', async () => {
    const left: Record<string, string[]> = {};
    const adapter: AxiosAdapter = async (config) => {
      for (const href of ['https://evil.api.example/', 'https://api.example/elsewhere']) {
        const headers = { accept: '*/*', authorization: 'Bearer access-1' };
        (config.beforeRedirect as (options: object, response: object) => void)({ href, headers }, {});
        left[href] = Object.keys(headers);
      }
      return { status: 200, statusText: '', data: 'ok', headers: {}, config };
    };
    await axios
      .create({ adapter: tokenAdapter(tokens, { axios, origins: ORIGINS, adapter }) })
      .get('https://api.example/');
    expect(left).toEqual({
      'https://evil.api.example/': ['accept'],
      'https://api.example/elsewhere': ['accept', 'authorization'],
    });
  });

  test('a redirect to a subdomain goes without it, and what the caller adds there arrives', async () => {
    const got: [string | undefined, string | undefined, string | undefined][] = [];
    const server = createServer((request, response) => {
      const { host, authorization, 'x-own': own } = request.headers;
      got.push([host?.replace(/:\d+/, ''), authorization, own as string | undefined]);
      const location = `http://evil.api.localhost:${port}/`;
      response.writeHead(got.length === 1 ? 302 : 401, { location, connection: 'close' }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => new Promise((resolve) => void server.close(() => resolve())));
    const { port } = server.address() as AddressInfo;
    const origins = [`http://api.localhost:${port}`];
    for (const library of [axios, axios0 as unknown as typeof axios]) {
      got.length = 0;
      const adapter = library === axios ? 'http' : undefined;
      const api = library.create({
        adapter: tokenAdapter(tokens, { axios: library as AxiosLike, origins, adapter }) as never,
      });
      const config = {
        httpAgent: new Agent({ lookup: (_host, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }]) }),
        beforeRedirect: ({ headers }: { headers: Record<string, string> }) =>
          Object.assign(headers, { 'X-Own': 'kept' }),
        proxy: false,
      };
      await api.get(`${origins[0]}/`, config as never).catch(({ message }: Error) => expect(message).toMatch('401'));
      expect(got).toEqual([
        ['api.localhost', 'Bearer access-1', undefined],
        ['evil.api.localhost', undefined, 'kept'],
      ]);
    }
  });
});

describe('S4: with axios', () => {
  test('the adapter of the defaults is the one of the moment of creation, so that ours may become the default', async () => {
    const { sent, adapter } = record([401]);
    axios.defaults.adapter = adapter;
    axios.defaults.adapter = tokenAdapter(tokens, { axios, origins: ORIGINS });
    await axios.get('https://api.example/', { validateStatus: () => true });
    expect(sent.map(({ authorization }) => authorization)).toEqual(['Bearer access-1', 'Bearer access-2']);
  });

  test('a signal that any number of requests share gets no listener of ours', async () => {
    const { adapter } = record();
    const direct = tokenAdapter(tokens, { axios, origins: ORIGINS, adapter });
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, 'addEventListener');
    await direct({ url: 'https://api.example/', headers: new AxiosHeaders(), signal });
    expect(added).not.toHaveBeenCalled();
  });

  test('headers that an adapter writes for the first sending are not there for the replay', async () => {
    const { sent, adapter } = record([401]);
    const writing: AxiosAdapter = async (config) => {
      const before = config.headers.get('x-written');
      config.headers.set('x-written', 'once');
      return { ...(await adapter(config)), data: before };
    };
    const api = axios.create({ adapter: tokenAdapter(tokens, { axios, origins: ORIGINS, adapter: writing }) });
    const { data } = await api.get('https://api.example/', { validateStatus: () => true });
    expect(sent).toHaveLength(2);
    expect(data).toBeUndefined();
  });

  test('the stream of a 401 is let go of when its replay goes out, and not before', async () => {
    const destroy = vi.fn();
    const body = { pipe: () => undefined, destroy };
    const moments: string[] = [];
    const adapter: AxiosAdapter = async (config) => {
      moments.push(`sent, destroyed ${destroy.mock.calls.length} times`);
      const status = moments.length === 1 ? 401 : 200;
      return { status, statusText: '', data: status === 401 ? body : 'ok', headers: {}, config };
    };
    const failing: TokenSource = { ...tokens, replaceAccessToken: () => Promise.reject(new Error('not now')) };
    for (const source of [failing, tokens]) {
      moments.length = 0;
      const api = axios.create({ adapter: tokenAdapter(source, { axios, origins: ORIGINS, adapter }) });
      await api.get('https://api.example/', { validateStatus: () => true });
      expect(destroy).toHaveBeenCalledTimes(source === failing ? 0 : 1);
    }
    expect(moments).toEqual(['sent, destroyed 0 times', 'sent, destroyed 1 times']);
  });

  test.each([
    ['no axios', { axios: undefined }, /^Option axios: expected axios itself/],
    ['an instance, which cannot look up adapters', { axios: axios.create() }, /not an instance of it/],
    ['no origins', { origins: [] }, /^Option origins:/],
    ['an origin that is not secure', { origins: ['http://api.example'] }, /not secure/],
    ['withoutSession of another kind', { withoutSession: 'ignore' }, /^Option withoutSession:/],
  ])('%s is refused at once', (_, wrong, message) => {
    const make = () => tokenAdapter(tokens, { axios, origins: ORIGINS, ...(wrong as object) });
    expect(make).toThrow(message);
    expect(() => tokenAdapter(undefined as never, { axios, origins: ORIGINS })).toThrow(/^Option tokens:/);
    try {
      make();
    } catch (error) {
      expect(isTokenError(error) && error.code).toBe('ERR_OPTIONS');
    }
  });

  test('http is accepted where allowInsecure says so', async () => {
    const { sent, adapter } = record();
    const origins = ['http://intranet.example'];
    const api = axios.create({ adapter: tokenAdapter(tokens, { axios, origins, adapter, allowInsecure: true }) });
    await api.get('http://intranet.example/');
    expect(sent[0]?.authorization).toBe('Bearer access-1');
  });
});
