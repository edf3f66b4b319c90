import { afterEach, describe, expect, it, vi } from 'vitest';
import { createAuthServer, type FakeClock, fakeClock, type ListeningServer } from '../../src/testing.js';

const form = (parameters: Record<string, string>) => ({ method: 'POST', body: new URLSearchParams(parameters) });
const trade = (refresh_token?: string) =>
  form({ grant_type: 'refresh_token', ...(refresh_token && { refresh_token }) });

describe('server.fetch', () => {
  it('takes strings, URLs, relative URLs and requests, and init over a request', async () => {
    const server = createAuthServer({ origin: 'https://login.example:8443' });
    const Authorization = `Bearer ${server.signIn().access_token}`;
    const request = new Request(server.apiUrl, {
      headers: { Authorization },
      method: 'POST',
      body: 'from the request',
    });
    const answers = await Promise.all([
      server.fetch('https://login.example:8443/api/1', { headers: { Authorization } }),
      server.fetch(new URL(`${server.apiUrl}/2`), { headers: { Authorization } }),
      server.fetch('/api/3', { headers: { Authorization } }),
      server.fetch(request.clone()),
      server.fetch(request, { method: 'PUT' }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(answers[2]?.url).toBe('https://login.example:8443/api/3');
    expect(await answers[3]?.json()).toMatchObject({ method: 'POST', body: 'from the request' });
    expect(await answers[4]?.json()).toMatchObject({ method: 'PUT' });
    expect(request.bodyUsed).toBe(true);
  });

  it('lets a fake clock know of every body that is being read, however it is read', async () => {
    const clock = fakeClock();
    let reading = 0;
    const track: typeof clock.track = (work) => {
      reading++;
      return clock.track(work);
    };
    const spied: FakeClock = { ...clock, track };
    const server = createAuthServer({ clock: spied });
    const ask = async () => {
      const response = await server.fetch(server.tokenUrl, trade('x'));
      reading = 0;
      return response;
    };
    await server.fetch(server.tokenUrl, trade('x'));
    expect(reading).toBe(1); // the request's own body
    await (await ask()).json();
    await (await ask()).text();
    await (await ask()).clone().arrayBuffer();
    expect(reading).toBe(1);
    const response = await ask();
    const copy = response.clone();
    expect([await response.json(), await copy.clone().json()]).toEqual(Array(2).fill(expect.anything()));
    expect(reading).toBe(2);
    await expect((await ask()).formData()).rejects.toThrow();
  });

  it('is a network error for any other origin', async () => {
    const server = createAuthServer();
    await expect(server.fetch('https://auth.test.evil.example/token')).rejects.toThrow(
      'expected a URL of https://auth.test, got one of https://auth.test.evil.example',
    );
    await expect(server.fetch('http://auth.test/token')).rejects.toThrow(TypeError);
  });

  it('sends streams', async () => {
    const server = createAuthServer();
    const body = new Blob(['a stream']).stream();
    await server.fetch(server.apiUrl, { method: 'POST', body, duplex: 'half' } as RequestInit);
    expect(Buffer.from(server.apiRequests[0]?.body ?? []).toString()).toBe('a stream');
  });

  it('keeps the refresh token in a cookie that script never sees, like one browser', async () => {
    const server = createAuthServer({ refreshTokenIn: 'cookie' });
    const nothing = await server.fetch(server.tokenUrl, trade());
    expect(await nothing.json()).toMatchObject({ error: 'invalid_grant' });
    expect(server.signIn()).not.toHaveProperty('refresh_token');
    const first = await server.fetch(server.tokenUrl, trade());
    expect(await first.json()).not.toHaveProperty('refresh_token');
    expect(first.headers.has('set-cookie')).toBe(false);
    expect((await server.fetch(server.tokenUrl, trade())).status).toBe(200);
    expect((await server.fetch(server.tokenUrl, { ...trade(), credentials: 'omit' })).status).toBe(400);
    const presented = server.tokenRequests.map(({ refreshToken }) => refreshToken);
    expect(new Set(presented.slice(1, 3)).size).toBe(2);
    expect(presented[3]).toBeUndefined();
    expect((await server.fetch(server.revokeUrl, form({}))).status).toBe(200);
    expect((await server.fetch(server.tokenUrl, trade())).status).toBe(400);
    expect(server.tokenRequests.at(-1)?.refreshToken).toBeUndefined();
  });

  it('keeps the cookie when the server omits a new refresh token', async () => {
    const server = createAuthServer({ refreshTokenIn: 'cookie', omit: ['refresh_token'] });
    server.signIn();
    for (let round = 0; round < 2; round++) {
      expect((await server.fetch(server.tokenUrl, trade())).status).toBe(200);
    }
  });

  it('forgets the cookie when its session is refused', async () => {
    const server = createAuthServer({ refreshTokenIn: 'cookie' });
    server.signIn();
    server.revokeFamily();
    await server.fetch(server.tokenUrl, trade());
    await server.fetch(server.tokenUrl, trade());
    expect(server.tokenRequests.map(({ refreshToken }) => typeof refreshToken)).toEqual(['string', 'undefined']);
  });
});

describe('signing in over HTTP', () => {
  it.each([
    ['a form', form({ user: 'grace', scope: 'read', client_id: 'spa' })],
    ['JSON', { method: 'POST', body: '{"user":"grace","scope":"read","client_id":"spa"}' }],
  ])('works with %s', async (_, init) => {
    const server = createAuthServer();
    const tokens = await (await server.fetch(server.signInUrl, init)).json();
    expect(server.inspect(tokens.refresh_token)).toMatchObject({ user: 'grace', scope: 'read', clientId: 'spa' });
  });

  it('takes somebody when nobody is named, and refuses what it cannot read', async () => {
    const server = createAuthServer();
    const tokens = await (await server.fetch(server.signInUrl, { method: 'POST' })).json();
    expect(server.inspect(tokens.access_token)?.user).toBe('ada');
    expect((await server.fetch(server.signInUrl, { method: 'POST', body: '{' })).status).toBe(400);
    expect((await server.fetch(server.signInUrl, { method: 'POST', body: '1' })).status).toBe(400);
    expect((await server.fetch(server.signInUrl)).status).toBe(405);
  });
});

describe('listening on a port', () => {
  let listening: ListeningServer | undefined;
  afterEach(async () => {
    vi.unstubAllGlobals();
    await listening?.close();
  });

  it('answers as server.fetch does, with the same lists', async () => {
    const server = createAuthServer();
    listening = await server.listen();
    expect(listening.origin).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const { refresh_token } = server.signIn();
    const tokens = await (await fetch(listening.tokenUrl, trade(refresh_token))).json();
    const headers = { Authorization: `Bearer ${tokens.access_token}`, 'Content-Type': 'text/plain' };
    const echo = await fetch(`${listening.apiUrl}/x`, { method: 'POST', body: 'grüß'.repeat(50_000), headers });
    expect(await echo.json()).toMatchObject({ url: `${listening.apiUrl}/x`, body: 'grüß'.repeat(50_000) });
    expect(server.apiRequests[0]).toMatchObject({ accessToken: tokens.access_token, status: 200 });
    expect(server.tokenRequests).toHaveLength(1);
  });

  it('breaks real connections, before and after acting', async () => {
    const server = createAuthServer();
    listening = await server.listen();
    const { refresh_token } = server.signIn();
    server.next({ drop: true });
    await expect(fetch(listening.tokenUrl, trade(refresh_token))).rejects.toThrow('fetch failed');
    server.next({ acts: true, drop: true });
    await expect(fetch(listening.tokenUrl, trade(refresh_token))).rejects.toThrow('fetch failed');
    expect(server.tokenRequests.map(({ granted }) => granted)).toEqual([false, true]);
  });

  it('ends a hanging request when its client goes away', async () => {
    const server = createAuthServer();
    listening = await server.listen();
    const abort = new AbortController();
    server.next(() => {
      setImmediate(() => abort.abort('enough'));
      return { hang: true };
    });
    await expect(fetch(listening.tokenUrl, { ...trade('x'), signal: abort.signal })).rejects.toBe('enough');
    await fetch(listening.tokenUrl, trade('x'));
    expect(server.counts.mostTokenRequestsAtOnce).toBe(1);
  });

  it('sets an HttpOnly cookie and reads it back', async () => {
    const server = createAuthServer({ refreshTokenIn: 'cookie' });
    listening = await server.listen();
    const signedIn = await fetch(listening.signInUrl, { method: 'POST' });
    const [cookie = ''] = signedIn.headers.getSetCookie();
    expect(cookie).toMatch(/^refresh_token=[^;]+; Path=\/; HttpOnly; SameSite=Strict$/);
    const Cookie = `theme=dark; ${cookie.split(';')[0]}`;
    const refreshed = await fetch(listening.tokenUrl, { ...trade(), headers: { Cookie } });
    expect(refreshed.status).toBe(200);
    expect(refreshed.headers.getSetCookie()[0]).not.toBe(cookie);
    const reused = await fetch(listening.tokenUrl, { ...trade(), headers: { Cookie } });
    expect(reused.headers.getSetCookie()[0]).toContain('refresh_token=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0');
  });

  it('sets no cookie where none is used', async () => {
    const server = createAuthServer();
    listening = await server.listen();
    const { refresh_token = '' } = server.signIn();
    const answers = [await fetch(listening.tokenUrl, trade(refresh_token))];
    answers.push(await fetch(listening.revokeUrl, form({ token: refresh_token })));
    expect(answers.map(({ headers }) => headers.getSetCookie())).toEqual([[], []]);
  });

  it('lets pages of other origins in', async () => {
    const server = createAuthServer();
    listening = await server.listen();
    const preflight = await fetch(listening.apiUrl, {
      method: 'OPTIONS',
      headers: {
        Origin: 'http://127.0.0.1:1',
        'Access-Control-Request-Method': 'PUT',
        'Access-Control-Request-Headers': 'authorization, x-trace',
      },
    });
    expect(preflight.status).toBe(204);
    expect(Object.fromEntries(preflight.headers)).toMatchObject({
      'access-control-allow-origin': 'http://127.0.0.1:1',
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'PUT',
      'access-control-allow-headers': 'authorization, x-trace',
    });
    expect(server.apiRequests).toEqual([]);
    const answer = await fetch(listening.apiUrl, { headers: { Origin: 'http://127.0.0.1:1' } });
    expect(answer.headers.get('access-control-expose-headers')).toContain('WWW-Authenticate');
  });

  it('says what it needs where there is no Node', async () => {
    vi.stubGlobal('process', undefined);
    await expect(createAuthServer().listen()).rejects.toMatchObject({ code: 'ERR_OPTIONS' });
  });

  it('refuses a port that is taken', async () => {
    const server = createAuthServer();
    listening = await server.listen();
    await expect(server.listen(Number(new URL(listening.origin).port))).rejects.toThrow('EADDRINUSE');
  });
});
