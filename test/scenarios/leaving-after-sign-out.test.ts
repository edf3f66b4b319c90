import { describe, expect, test } from 'vitest';
import {
  createTokenManager,
  type Platform,
  type RevokeRequest,
  type TokenManager,
  type TokenManagerOptions,
  tokenEndpoint,
} from '../../src/index.js';
import { createAuthServer, type FakeClock, fakeClock, type Peer, peers } from '../../src/testing.js';

const LIFETIME = 600_000;

/** Pages of one browser, and a server to which a revocation gets through wherever the page goes. */
function home(count: 1 | 2 = 1, options: Partial<TokenManagerOptions> = {}) {
  const clock = fakeClock();
  const server = createAuthServer({ clock, accessTokenLifetimeMs: LIFETIME, answerDelayMs: 40 });
  const tabs: Peer[] = peers(count, { clock });
  const revoked: RevokeRequest[] = [];
  const manager = (tab: Peer, platform: Platform = tab.platform): TokenManager =>
    createTokenManager({
      refresh: (request) =>
        tab.through(() =>
          tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: (input, init) => server.fetch(input, init) })(
            request,
          ),
        ),
      revoke: async (request) => {
        revoked.push(request);
        if (request.refreshToken) server.revokeFamily(request.refreshToken);
        return new Response(null, { status: 200 });
      },
      proactive: false,
      ...options,
      platform,
    });
  return { clock, server, tabs, revoked, manager };
}

/** A moment after a call: so many promise jobs, then so many milliseconds. */
async function wait(clock: FakeClock, jobs: number, delayMs: number): Promise<void> {
  for (let job = 0; job < jobs; job++) await undefined;
  if (delayMs > 0) await clock.advance(delayMs);
}

const MOMENTS = [0, 1, 2, 3, 4, 6, 8, 10, 13, 16, 20, 25, 30, 40].map((jobs): [number, number] => [jobs, 0]);
MOMENTS.push([0, 1], [0, 2], [0, 5], [0, 20], [0, 60], [0, 1_000]);

describe('wherever the page goes after endSession(), the next page finds nobody signed in, and the server has been told', () => {
  test.each(MOMENTS)('%d jobs and %d ms later, with a slow storage', async (jobs, delayMs) => {
    const { clock, server, tabs, manager } = home();
    const [tab] = tabs as [Peer];
    const first = server.signIn();
    const tokens = manager(tab);
    await clock.runUntil(tokens.startSession(first));
    tab.storageFault = { delayMs: 3 };
    tokens.endSession().catch(() => undefined);
    await wait(clock, jobs, delayMs);
    const next = manager(tab, tab.reload());
    expect((await clock.runUntil(next.ready())).status).toBe('none');
    await expect(clock.runUntil(next.getAccessToken())).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
    await clock.runUntil(next.settled());
    expect(server.inspect(first.refresh_token ?? '')?.active).toBe(false);
    expect([...tab.items.keys()]).toEqual([]);
    expect(tab.platform.marks?.get('evertoken:session:ended')).toBeNull();
  });

  test.each(MOMENTS)('%d jobs and %d ms later, while another tab refreshes', async (jobs, delayMs) => {
    const { clock, server, tabs, manager } = home(2);
    const [tab, other] = tabs as [Peer, Peer];
    const first = server.signIn();
    const tokens = manager(tab);
    await clock.runUntil(tokens.startSession(first));
    const beside = manager(other);
    await clock.runUntil(beside.ready());
    const refreshing = beside.refresh().catch(() => undefined);
    await clock.advance(10);
    tokens.endSession().catch(() => undefined);
    await wait(clock, jobs, delayMs);
    const next = manager(tab, tab.reload());
    expect((await clock.runUntil(next.ready())).status).toBe('none');
    await clock.runUntil(refreshing);
    await clock.advance(120_000);
    expect(next.getSnapshot().status).toBe('none');
    expect(beside.getSnapshot().status).toBe('none');
    expect(server.inspect(first.refresh_token ?? '')?.active).toBe(false);
  });

  test.each(MOMENTS)('%d jobs and %d ms later, an idle tab beside is told as well', async (jobs, delayMs) => {
    const { clock, server, tabs, manager } = home(2);
    const [tab, other] = tabs as [Peer, Peer];
    const tokens = manager(tab);
    await clock.runUntil(tokens.startSession(server.signIn()));
    const beside = manager(other);
    await clock.runUntil(beside.ready());
    tab.storageFault = { delayMs: 3 };
    tokens.endSession().catch(() => undefined);
    await wait(clock, jobs, delayMs);
    const next = manager(tab, tab.reload());
    expect((await clock.runUntil(next.ready())).status).toBe('none');
    await clock.runUntil(next.settled());
    await clock.advance(1_000);
    expect(beside.getSnapshot().status).toBe('none');
  });

  test.each(MOMENTS)('%d jobs and %d ms later, before it was known who is signed in', async (jobs, delayMs) => {
    const { clock, server, tabs, manager } = home();
    const [tab] = tabs as [Peer];
    const first = server.signIn();
    await clock.runUntil(manager(tab).startSession(first));
    const loading = manager(tab, tab.reload());
    tab.storageFault = { delayMs: 3 };
    loading.endSession().catch(() => undefined);
    await wait(clock, jobs, delayMs);
    const next = manager(tab, tab.reload());
    expect((await clock.runUntil(next.ready())).status).toBe('none');
    await clock.runUntil(next.settled());
    expect(server.inspect(first.refresh_token ?? '')?.active).toBe(false);
    expect([...tab.items.keys()]).toEqual([]);
  });

  test('with a cookie, the endpoint is asked again only when the server has been told', async () => {
    const { clock, tabs, manager, revoked } = home(1, {
      refreshTokenIn: 'cookie',
      refresh: async () => {
        asked.push(revoked.length);
        return revoked.length > 0
          ? new Response(null, { status: 401 })
          : Response.json({ access_token: 'at', expires_in: 600 });
      },
    });
    const asked: number[] = [];
    const [tab] = tabs as [Peer];
    const tokens = manager(tab);
    expect((await clock.runUntil(tokens.ready())).status).toBe('active');
    expect(asked).toEqual([0]);
    tab.storageFault = { delayMs: 1_000 };
    tokens.endSession().catch(() => undefined);
    revoked.length = 0; // it got lost on the way
    const next = manager(tab, tab.reload());
    expect((await clock.runUntil(next.ready())).status).toBe('none');
    expect(asked.slice(1).every((told) => told > 0)).toBe(true);
  });

  test('a new sign-in after that is not taken for the session that was left', async () => {
    const { clock, server, tabs, manager } = home();
    const [tab] = tabs as [Peer];
    const tokens = manager(tab);
    await clock.runUntil(tokens.startSession(server.signIn()));
    tab.storageFault = { delayMs: 1_000 };
    tokens.endSession().catch(() => undefined);
    const next = manager(tab, tab.reload());
    tab.storageFault = undefined;
    await clock.runUntil(next.startSession(server.signIn({ user: 'bob' })));
    const last = manager(tab, tab.reload());
    expect((await clock.runUntil(last.ready())).status).toBe('active');
  });
});

/** A tab that has been signing out for 10 ms, on a slow storage, beside another one. */
async function signingOut() {
  const { clock, server, tabs, manager } = home(2);
  const [tab, other] = tabs as [Peer, Peer];
  const tokens = manager(tab);
  await clock.runUntil(tokens.startSession(server.signIn()));
  const beside = manager(other);
  await clock.runUntil(beside.ready());
  tab.storageFault = { delayMs: 1_000 };
  tokens.endSession().catch(() => undefined);
  await clock.advance(10);
  return { clock, tab, beside, manager };
}

test('a sign-out that the next page finishes reaches the other tabs', async () => {
  const { clock, tab, beside, manager } = await signingOut();
  const platform = tab.reload();
  tab.storageFault = undefined;
  const next = manager(tab, platform);
  expect((await clock.runUntil(next.ready())).status).toBe('none');
  await clock.advance(100);
  expect(beside.getSnapshot().status).toBe('none');
});

test('a tab that is told of a sign-out finishes it where the page that signed out is gone', async () => {
  const { clock, tab, beside } = await signingOut();
  tab.crash();
  await clock.advance(100);
  expect(beside.getSnapshot().status).toBe('none');
});
