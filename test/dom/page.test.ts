import { HttpResponse } from 'msw';
import { http } from 'msw/http';
import { setupServer } from 'msw/node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  createFetch,
  createTokenManager,
  inProcess,
  type SessionSnapshot,
  type TokenManager,
  tokenEndpoint,
} from '../../src/index.js';
import { createAuthServer, fakeClock } from '../../src/testing.js';

const LIFETIME = 600_000;
const clock = fakeClock();
const server = createAuthServer({ clock, accessTokenLifetimeMs: LIFETIME });
const elsewhere: (string | null)[] = [];
const network = setupServer(
  ...server.handlers,
  http.get('https://elsewhere.test/', ({ request }) => {
    elsewhere.push(request.headers.get('authorization'));
    return HttpResponse.text('elsewhere');
  }),
);

beforeAll(() => network.listen({ onUnhandledFrame: 'error' }));
afterEach(() => {
  network.resetHandlers();
  server.reset();
});
afterAll(() => network.close());

/** A page: it signs in over HTTP, and calls its API with the wrapped global fetch. */
let tokens: TokenManager;
let api: typeof fetch;
beforeEach(() => {
  const refresh = tokenEndpoint({ url: server.tokenUrl, clientId: 'page' });
  const revoke = ({ refreshToken = '' }) =>
    fetch(server.revokeUrl, { method: 'POST', body: new URLSearchParams({ token: refreshToken, client_id: 'page' }) });
  tokens = createTokenManager({ refresh, revoke, platform: { ...inProcess(), clock }, proactive: false });
  api = createFetch(tokens, { origins: [server.origin] });
});
afterEach(() => tokens.dispose());

async function signIn(user = 'ada'): Promise<void> {
  const response = await fetch(server.signInUrl, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ user, scope: 'openid', client_id: 'page' }),
  });
  await tokens.startSession(await response.json());
}

/** What React does with an external store: reads while rendering, and renders again when told. */
function render() {
  const seen: SessionSnapshot[] = [tokens.getSnapshot()];
  const unsubscribe = tokens.subscribe(() => {
    const snapshot = tokens.getSnapshot();
    if (snapshot !== tokens.getSnapshot()) throw new Error('the snapshot changes while it is read');
    if (!Object.is(snapshot, seen.at(-1))) seen.push(snapshot);
  });
  return { seen, unsubscribe };
}

describe('a page', () => {
  test('signs in, and calls its API as that user', async () => {
    await signIn();
    const response = await api(`${server.apiUrl}/me`);
    expect(await response.json()).toMatchObject({ user: 'ada' });
    expect(tokens.getSnapshot()).toMatchObject({ status: 'active', claims: { sub: 'ada' } });
    expect(server.tokenRequests).toHaveLength(0);
  });

  test('is refused without a session, and makes no request', async () => {
    await expect(api(`${server.apiUrl}/me`)).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
    expect(server.apiRequests).toHaveLength(0);
  });

  test('makes a burst of requests on an expired token for one refresh', async () => {
    await signIn();
    await clock.advance(LIFETIME);
    const responses = await Promise.all(Array.from({ length: 25 }, (_, one) => api(`${server.apiUrl}/${one}`)));
    expect(responses.map(({ status }) => status)).toEqual(Array(25).fill(200));
    expect(server.tokenRequests).toHaveLength(1);
    expect(server.tokenRequests[0]?.headers.authorization).toBeUndefined();
  });

  test('has a POST replayed with its body after a 401', async () => {
    await signIn();
    server.revokeAccessTokens();
    const body = JSON.stringify({ greeting: 'grüß dich' });
    const response = await api(`${server.apiUrl}/notes`, { method: 'POST', body, headers: { 'X-Note': '1' } });
    const echo = await response.json();
    expect(echo).toMatchObject({ method: 'POST', body });
    expect(new Headers(echo.headers).get('x-note')).toBe('1');
    expect(server.apiRequests.map(({ status }) => status)).toEqual([401, 200]);
    expect(server.tokenRequests).toHaveLength(1);
  });

  test('sees the second 401 as it is, and stays signed in', async () => {
    await signIn();
    server.always({ status: 401, body: { mine: true } }, { endpoint: 'api' });
    const response = await api(`${server.apiUrl}/me`);
    expect(response.status).toBe(401);
    expect(await response.json()).toEqual({ mine: true });
    expect(server.apiRequests).toHaveLength(2);
    expect(tokens.getSnapshot().status).toBe('active');
  });

  test('gives no token to anybody else', async () => {
    await signIn();
    expect(await (await api('https://elsewhere.test/')).text()).toBe('elsewhere');
    expect(elsewhere.splice(0)).toEqual([null]);
  });

  test('signs out: the session is revoked at the server, and requests are refused', async () => {
    await signIn();
    const token = await tokens.getAccessToken();
    await tokens.endSession();
    await tokens.settled();
    expect(server.inspect(token)?.active).toBe(false);
    expect(tokens.getSnapshot()).toMatchObject({ status: 'none', claims: undefined });
    await expect(api(`${server.apiUrl}/me`)).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
  });

  test('signs out while requests wait for a refresh: they are refused, and nobody is signed in afterwards', async () => {
    await signIn();
    await clock.advance(LIFETIME);
    server.set({ answerDelayMs: 5_000 });
    const waiting = Promise.allSettled([api(`${server.apiUrl}/1`), api(`${server.apiUrl}/2`)]);
    await clock.advance(1_000);
    const ended = tokens.endSession();
    for (const { reason } of (await waiting) as PromiseRejectedResult[]) expect(reason.code).toBe('ERR_NO_SESSION');
    await clock.advance(5_000);
    await ended;
    expect(server.counts.familiesRevoked).toBe(1);
    expect(tokens.getSnapshot().status).toBe('none');
  });

  test('keeps its session through an outage, and says when it tries again', async () => {
    await signIn();
    await clock.advance(LIFETIME);
    server.always({ status: 503, headers: { 'Retry-After': '30' } });
    await expect(api(`${server.apiUrl}/me`)).rejects.toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE' });
    const { status, retryAt = 0, error } = tokens.getSnapshot();
    expect({ status, code: error?.code }).toEqual({ status: 'active', code: 'ERR_REFRESH_UNAVAILABLE' });
    expect(retryAt - clock.now()).toBeGreaterThan(0);
    server.always(undefined);
    await clock.advanceTo(Math.max(retryAt, clock.now() + 30_000));
    expect((await api(`${server.apiUrl}/me`)).status).toBe(200);
    expect(tokens.getSnapshot()).toMatchObject({ retryAt: undefined, error: undefined });
  });

  test('aborts a request of its own, and no other', async () => {
    await signIn();
    await clock.advance(LIFETIME);
    const abort = new AbortController();
    const mine = api(`${server.apiUrl}/mine`, { signal: abort.signal });
    const other = api(`${server.apiUrl}/other`);
    abort.abort(new Error('navigated away'));
    await expect(mine).rejects.toThrow('navigated away');
    expect((await other).status).toBe(200);
  });
});

describe('a component that shows the session', () => {
  test('sees the same object until something changes', async () => {
    await signIn();
    const first = tokens.getSnapshot();
    for (let time = 0; time < 10; time++) {
      await api(`${server.apiUrl}/me`);
      await clock.advance(1_000);
      expect(tokens.getSnapshot()).toBe(first);
    }
    await tokens.refresh();
    expect(tokens.getSnapshot()).not.toBe(first);
  });

  test('sees loading, none, active, refreshing and none in order, each once', async () => {
    const { seen, unsubscribe } = render();
    await clock.settle();
    await signIn();
    await tokens.refresh();
    await tokens.endSession();
    unsubscribe();
    const shown = seen.map(({ status, refreshing }) => (refreshing ? `${status}, refreshing` : status));
    expect(shown).toEqual(['loading', 'none', 'active', 'active, refreshing', 'active', 'none']);
    expect(new Set(seen).size).toBe(seen.length);
    for (const snapshot of seen) expect(Object.isFrozen(snapshot)).toBe(true);
  });

  test('hears of nothing after it is gone', async () => {
    const { seen, unsubscribe } = render();
    unsubscribe();
    unsubscribe();
    await signIn();
    expect(seen).toHaveLength(1);
  });

  test('and one that is mounted twice hears of each change once per subscription', async () => {
    let calls = 0;
    const listener = () => {
      calls++;
    };
    const [one, two] = [tokens.subscribe(listener), tokens.subscribe(listener)];
    await clock.settle();
    calls = 0;
    await signIn();
    const both = calls;
    one();
    await tokens.endSession();
    expect(both % 2).toBe(0);
    expect(calls).toBe(both + 1);
    two();
  });
});
