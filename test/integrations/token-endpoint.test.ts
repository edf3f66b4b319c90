import { describe, expect, test, vi } from 'vitest';
import { type TokenEndpointOptions, tokenEndpoint } from '../../src/index.js';

const request = {
  refreshToken: 'refresh',
  accessToken: 'access',
  scopes: [],
  reason: 'due',
  attempt: 1,
  attemptId: 'id',
  signal: new AbortController().signal,
} as const;

async function send(options: Partial<TokenEndpointOptions>): Promise<{ url: string; init: RequestInit; body: string }> {
  const fetched = vi.fn(async (_url: RequestInfo | URL, _init?: RequestInit) => new Response('{}'));
  const refresh = tokenEndpoint({ url: 'https://auth.example/token', clientId: 'app', fetch: fetched, ...options });
  await refresh(request);
  const [url, init = {}] = fetched.mock.calls[0] ?? [];
  return { url: String(url), init, body: String(init.body) };
}

function header(init: RequestInit, name: string): string | null {
  return new Headers(init.headers).get(name);
}

describe('a refresh request (RFC 6749 section 6)', () => {
  test('of a public client names the client in the body, and carries no authorization', async () => {
    const { url, init, body } = await send({});
    expect(url).toBe('https://auth.example/token');
    expect(body).toBe('grant_type=refresh_token&refresh_token=refresh&client_id=app');
    expect(init).toMatchObject({ method: 'POST', redirect: 'manual', signal: request.signal });
    expect(header(init, 'content-type')).toBe('application/x-www-form-urlencoded');
    expect(header(init, 'accept')).toBe('application/json');
    expect(header(init, 'authorization')).toBeNull();
  });

  test('with a secret proves the client by HTTP Basic, both halves form-encoded first', async () => {
    const { init, body } = await send({ clientId: 'a:b', clientSecret: 'ü +%' });
    expect(body).toBe('grant_type=refresh_token&refresh_token=refresh');
    expect(header(init, 'authorization')).toBe(`Basic ${btoa('a%3Ab:%C3%BC+%2B%25')}`);
  });

  test("with authentication 'post' carries the secret in the body", async () => {
    const { init, body } = await send({ clientSecret: 's', authentication: 'post' });
    expect(body).toBe('grant_type=refresh_token&refresh_token=refresh&client_id=app&client_secret=s');
    expect(header(init, 'authorization')).toBeNull();
  });

  test('carries further parameters and headers, which cannot displace its own', async () => {
    const { init, body } = await send({
      parameters: { resource: 'https://api.example', grant_type: 'password', refresh_token: 'other' },
      headers: { 'x-own': '1', accept: 'application/x-own', 'content-type': 'text/plain' },
    });
    expect(Object.fromEntries(new URLSearchParams(body))).toEqual({
      resource: 'https://api.example',
      grant_type: 'refresh_token',
      refresh_token: 'refresh',
      client_id: 'app',
    });
    expect(header(init, 'x-own')).toBe('1');
    expect(header(init, 'accept')).toBe('application/x-own');
    expect(header(init, 'content-type')).toBe('application/x-www-form-urlencoded');
  });

  test('carries headers in whatever form they are given', async () => {
    const headers = new Headers({ 'x-own': '1' }) as unknown as Record<string, string>;
    expect(header((await send({ headers })).init, 'x-own')).toBe('1');
  });

  test('without a refresh token, as with a cookie, sends none', async () => {
    const fetched = vi.fn(async (_url: RequestInfo | URL, _init?: RequestInit) => new Response('{}'));
    const { refreshToken, ...cookie } = request;
    await tokenEndpoint({ url: 'https://auth.example/token', clientId: 'app', fetch: fetched })(cookie);
    expect(String(fetched.mock.calls[0]?.[1]?.body)).toBe('grant_type=refresh_token&client_id=app');
  });

  test('needs no more of URLSearchParams than React Native long had: making one and its string', async () => {
    class Few {
      readonly #pairs: string[];
      constructor(given: Record<string, string>) {
        this.#pairs = Object.entries(given).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
      }
      set(): never {
        throw new Error('URLSearchParams.set is not implemented');
      }
      toString(): string {
        return this.#pairs.join('&');
      }
    }
    vi.stubGlobal('URLSearchParams', Few);
    try {
      const { body } = await send({ parameters: { scope: 'a b' } });
      expect(body).toBe('scope=a%20b&grant_type=refresh_token&refresh_token=refresh&client_id=app');
    } finally {
      vi.unstubAllGlobals();
    }
  });

  test('the answer is returned unread, and a failure to send is passed on', async () => {
    const answer = new Response('{}', { status: 400 });
    const options = { url: 'https://auth.example/token', clientId: 'app' };
    expect(await tokenEndpoint({ ...options, fetch: async () => answer })(request)).toBe(answer);
    expect(answer.bodyUsed).toBe(false);
    const broken = new TypeError('fetch failed');
    await expect(tokenEndpoint({ ...options, fetch: () => Promise.reject(broken) })(request)).rejects.toBe(broken);
  });

  test('uses the global fetch of the moment', async () => {
    const refresh = tokenEndpoint({ url: 'https://auth.example/token', clientId: 'app' });
    const stub = vi.fn(async () => new Response('{}'));
    vi.stubGlobal('fetch', stub);
    try {
      await refresh(request);
    } finally {
      vi.unstubAllGlobals();
    }
    expect(stub).toHaveBeenCalledTimes(1);
  });
});

describe('wrong options end in OptionsError at once', () => {
  test.each<[string, object, RegExp]>([
    ['no url', { url: undefined }, /absolute https URL, but a value of type undefined came/],
    ['a relative url', { url: '/token' }, /absolute https URL/],
    ['another scheme', { url: 'ftp://auth.example' }, /absolute https URL, but ftp:\/\/auth\.example came/],
    ['userinfo', { url: 'https://user:secret@auth.example/' }, /absolute https URL, but a value of type string came/],
    ['plain http', { url: 'http://auth.example/token' }, /http:\/\/auth\.example is not secure: expected https/],
    [
      'no clientId',
      { clientId: undefined },
      /clientId: expected a string that is not empty, but a value of type undefined came/,
    ],
    ['an empty clientId', { clientId: '' }, /clientId/],
    ['a clientSecret that is null', { clientSecret: null }, /clientSecret: expected a string, but null came/],
    ['a clientSecret that is a number', { clientSecret: 5 }, /clientSecret: expected a string/],
    ['something else to send', { fetch: 'fetch' }, /fetch: expected a function, but a value of type string came/],
    ['another authentication', { authentication: 'jwt' }, /'none', 'basic' or 'post', but a value of type string came/],
    ['basic without a secret', { authentication: 'basic' }, /with a clientSecret/],
    [
      'an option that there is not',
      { scope: 'orders' },
      /scope: expected one of url, clientId, .*, but a value of type string came/,
    ],
    [
      'a parameter that is not set, as from an environment that lacks it',
      { parameters: { scope: undefined } },
      /scope: expected a string, but a value of type undefined came/,
    ],
    [
      'a parameter that is a list',
      { parameters: { resource: ['https://api.example'] } },
      /resource: expected a string/,
    ],
    [
      'parameters as they are in an address',
      { parameters: 'scope=orders' },
      /^Option parameters: expected strings, such as \{ scope: 'orders' \}, but a value of type string came\.$/,
    ],
    [
      'parameters in a URLSearchParams, of which nothing would be sent',
      { parameters: new URLSearchParams({ scope: 'orders' }) },
      /^Option parameters: expected strings, such as \{ scope: 'orders' \}, but a value of type object came\.$/,
    ],
    ['parameters in a map', { parameters: new Map([['scope', 'orders']]) }, /^Option parameters: expected strings/],
    ['a header that is not set', { headers: { 'x-tenant': undefined } }, /x-tenant: expected a string/],
    [
      'plain http with allowInsecure from an environment, where every text is true',
      { url: 'http://auth.example/token', allowInsecure: 'false' },
      /is not secure: .* allowInsecure: true accepts it/,
    ],
    ['none with a secret', { authentication: 'none', clientSecret: 'secret' }, /with a clientSecret/],
  ])('%s', (_, options, message) => {
    const create = () =>
      tokenEndpoint({ url: 'https://auth.example/token', clientId: 'app', ...options } as TokenEndpointOptions);
    expect(create).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS', message: expect.stringMatching(message) }));
    expect(create).not.toThrow(/:secret/);
  });

  test.each([undefined, null, 'https://auth.example/token'])('no options: %s', (options) => {
    expect(() => tokenEndpoint(options as unknown as TokenEndpointOptions)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTIONS', message: expect.stringMatching(/url: .* but .* came/) }),
    );
  });

  test('http is accepted on loopback, and elsewhere with allowInsecure', () => {
    tokenEndpoint({ url: 'http://localhost:8080/token', clientId: 'app' });
    tokenEndpoint({ url: 'http://auth.example/token', clientId: 'app', allowInsecure: true });
  });
});
