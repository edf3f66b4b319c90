import { expect, onTestFinished, test, vi } from 'vitest';
import { cookie, createTokens, type SessionRoute, sessionRoute } from '../../examples/frameworks/next.js';
import { createAuthServer } from '../../src/testing.js';

/** What Next 16 asks of the exports of a route file; Next itself is too large for the tests of a small library. */
type RouteHandler = (request: Request, context: { params: Promise<object> }) => Promise<Response> | Response;
const isRoute = (route: SessionRoute): Record<'POST' | 'DELETE', RouteHandler> => route;

/** The server of Next with its route, and a browser that keeps its cookie. */
function prepare() {
  const server = createAuthServer({ clients: [{ clientId: 'shop', clientSecret: 'secret' }] });
  const { tokenUrl, revokeUrl, fetch } = server;
  const route = isRoute(sessionRoute({ tokenUrl, revokeUrl, clientId: 'shop', clientSecret: 'secret', fetch }));
  const jar = { cookie: '' };
  const seen: string[] = [];
  const ask = async (path: string | URL | Request, { method = 'GET' }: RequestInit = {}, site = 'same-origin') => {
    const headers = { cookie: jar.cookie, 'sec-fetch-site': site };
    const request = new Request(new URL(String(path), 'https://shop.example'), { method, headers });
    const response = await route[method as 'POST'](request, { params: Promise.resolve({}) });
    jar.cookie = response.headers.get('set-cookie')?.split(';')[0] ?? jar.cookie;
    seen.push(await response.clone().text());
    return response;
  };
  const signIn = () => {
    const { refresh_token = '' } = server.signIn({ clientId: 'shop' });
    jar.cookie = cookie(refresh_token).split(';')[0] ?? '';
  };
  return { server, jar, seen, ask, signIn };
}

test('S5: in Next a route keeps the refresh token in a cookie, and the page gets access tokens alone', async () => {
  const { server, jar, seen, ask, signIn } = prepare();
  signIn();
  const first = jar.cookie;
  vi.stubGlobal('fetch', ask);
  onTestFinished(() => void vi.unstubAllGlobals());
  const tokens = createTokens();
  const errors = vi.fn();
  tokens.on('storageFailed', errors);
  onTestFinished(tokens.dispose);
  const before = await tokens.getAccessToken();
  await tokens.refresh();
  expect(server.inspect(await tokens.getAccessToken())?.active).toBe(true);
  expect(await tokens.getAccessToken()).not.toBe(before);
  expect([server.counts.refreshesGranted, server.counts.reusesDetected]).toEqual([2, 0]);
  expect(jar.cookie).not.toBe(first); // rotated, where the next request finds it
  expect(seen.join()).not.toMatch(/refresh\.|refresh_token/);
  await tokens.endSession();
  await tokens.settled();
  expect([server.counts.familiesRevoked, jar.cookie]).toEqual([1, '__Host-refresh=']);
});

test('S5: without the cookie nobody is signed in, and the token endpoint is not asked', async () => {
  const { server, ask } = prepare();
  const answer = await ask('/api/session', { method: 'POST' });
  expect([answer.status, await answer.json(), server.tokenRequests.length]).toEqual([
    400,
    { error: 'invalid_grant' },
    0,
  ]);
});

test.each(['cross-site', 'same-site'])('S5: a page of another origin gets nothing from the route: %s', async (site) => {
  const { server, ask, signIn, jar } = prepare();
  signIn();
  const before = jar.cookie;
  for (const method of ['POST', 'DELETE']) expect((await ask('/api/session', { method }, site)).status).toBe(403);
  expect([server.tokenRequests.length, server.counts.familiesRevoked, jar.cookie]).toEqual([0, 0, before]);
});

test('S5: the cookie is out of reach of scripts, other sites and plain http', () => {
  expect(cookie('a b')).toBe('__Host-refresh=a%20b; Path=/; HttpOnly; Secure; SameSite=Strict');
});
