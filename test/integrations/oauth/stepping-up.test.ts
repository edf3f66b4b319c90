import { describe, expect, test, vi } from 'vitest';
import { createTokenManager } from '../../../src/index.js';
import { createSignIn, oauthClient, refreshWith, revokeWith } from '../../../src/integrations/oauth.js';
import { type StepUpNeed, stepUpFetch } from '../../../src/integrations/step-up.js';
import { type Page, type SignInWorld, signInWorld } from '../../support/sign-in-world.js';

/** Somebody is signed in; a popup, which is one more tab, can prove more. */
async function signedIn() {
  const world = signInWorld();
  const page = world.page();
  const done = page.signIn.finish(await world.visit(await world.run(page.signIn.begin())));
  await world.run(done);
  const popup = world.page(world.first.open());
  const { sessionId } = page.tokens.getSnapshot();
  const kinds: string[] = [];
  for (const type of ['sessionStarted', 'sessionEnded', 'refreshed'] as const)
    page.tokens.on(type, () => kinds.push(type));
  return { world, page, popup, sessionId, kinds };
}

/** What an application does: begins in the page, ends in the popup. */
function asks({ world, page, popup, user = 'ada' }: { world: SignInWorld; page: Page; popup: Page; user?: string }) {
  return vi.fn(async ({ challenge }: StepUpNeed) => {
    const url = new URL(await page.signIn.begin({ challenge, loginHint: user, prompt: 'login' }));
    await popup.signIn.finish(await world.visit(url.href));
    return true;
  });
}

function apiOf({
  world,
  page,
  stepUp,
}: {
  world: SignInWorld;
  page: Page;
  stepUp(need: StepUpNeed): Promise<boolean>;
}) {
  return stepUpFetch(page.tokens, { origins: [world.server.origin], fetch: world.server.fetch, stepUp });
}

describe('J20: signing in again with a challenge', () => {
  test('as the same user keeps the session: fifty requests are sent once more, and no tab sees a start or an end', async () => {
    const { world, page, popup, sessionId, kinds } = await signedIn();
    const stepUp = asks({ world, page, popup });
    const api = apiOf({ world, page, stepUp });
    const url = `${world.server.apiUrl}/acr/mfa`;
    const send = (index: number) => api(url, { method: 'POST', body: `order ${index}` });
    const responses = await world.run(Promise.all(Array.from({ length: 50 }, (_, index) => send(index))));
    expect(responses.map(({ status }) => status)).toEqual(Array(50).fill(200));
    expect(stepUp).toHaveBeenCalledTimes(1);
    for (const { tokens } of [page, popup]) expect(tokens.getSnapshot()).toMatchObject({ sessionId, status: 'active' });
    expect(kinds).toEqual(['refreshed']);
    expect(
      world.requests.filter((one) => one === 'POST /revoke'),
      'the old grant lives on',
    ).toEqual([]);
    await world.clock.advance(3_600_000);
    expect(await world.run(page.tokens.getAccessToken())).toBe(await world.run(popup.tokens.getAccessToken()));
  });

  test('as another user is another session, and no waiting caller gets its token', async () => {
    const { world, page, popup, sessionId } = await signedIn();
    const stepUp = asks({ world, page, popup, user: 'grace' });
    const api = apiOf({ world, page, stepUp });
    const before = world.server.apiRequests.length;
    const response = await world.run(api(`${world.server.apiUrl}/acr/mfa`, { method: 'POST', body: 'pay as ada' }));
    expect([response.status, response.bodyUsed, world.server.apiRequests.length - before]).toEqual([401, false, 1]);
    await world.clock.settle();
    expect(page.tokens.getSnapshot()).toMatchObject({ claims: { sub: 'grace' } });
    expect(page.tokens.getSnapshot().sessionId).not.toBe(sessionId);
  });

  test('after the page has left for the server and come back, the session is the same', async () => {
    const { world, page, sessionId } = await signedIn();
    const challenge = { scheme: 'bearer', parameters: { acr_values: 'mfa' } };
    const url = await world.run(page.signIn.begin({ challenge }));
    page.tokens.dispose();
    const back = world.page();
    await world.run(back.signIn.finish(await world.visit(url)));
    expect(back.tokens.getSnapshot()).toMatchObject({ sessionId, status: 'active' });
  });

  test('of a session that was signed out of meanwhile is a session of its own', async () => {
    const { world, page, sessionId } = await signedIn();
    const challenge = { scheme: 'bearer', parameters: { acr_values: 'mfa' } };
    await world.run(page.tokens.endSession()); // leaves sign-ins under way alone
    const url = await world.run(page.signIn.begin({ challenge }));
    await world.run(page.signIn.finish(await world.visit(url)));
    expect(page.tokens.getSnapshot().status).toBe('active');
    expect(page.tokens.getSnapshot().sessionId).not.toBe(sessionId);
  });
});

test('J42: insufficient_scope asks for the union of what was granted and what is needed', async () => {
  const { world, page, popup } = await signedIn();
  const stepUp = asks({ world, page, popup });
  const api = apiOf({ world, page, stepUp });
  const before = new Set(page.tokens.getSnapshot().scopes);
  expect((await world.run(api(`${world.server.apiUrl}/scope/admin`))).status).toBe(200);
  expect(new Set(page.tokens.getSnapshot().scopes)).toEqual(before.add('admin'));
  expect(world.server.counts.refreshesGranted).toBe(0);
});

test('J44: a challenge that was answered or refused is in no later request', async () => {
  const { world, page, popup } = await signedIn();
  let isWilling = false;
  const ask = asks({ world, page, popup });
  const api = apiOf({ world, page, stepUp: async (need) => isWilling && ask(need) });
  const url = `${world.server.apiUrl}/acr/mfa`;
  expect((await world.run(api(url))).status).toBe(401);
  isWilling = true;
  expect((await world.run(api(url))).status).toBe(200);
  await world.run(page.tokens.refresh());
  for (const { parameters } of world.server.tokenRequests) {
    for (const name of ['claims', 'acr_values', 'max_age']) expect(parameters).not.toHaveProperty(name);
  }
  const next = await world.run(page.signIn.begin());
  expect(next).not.toContain('acr_values');
  await world.run(popup.signIn.finish(await world.visit(next)));
  expect(page.tokens.getSnapshot().status).toBe('active');
});

test('J15: a popup whose login page cuts the opener signs all tabs in; nothing is asked of the window', async () => {
  const world = signInWorld();
  const [page, other] = [world.page(), world.page(world.first.open())];
  await world.run(Promise.all([page.tokens.ready(), other.tokens.ready()]));
  const back = await world.visit(await world.run(page.signIn.begin({ returnTo: '/orders' })));
  // all that the page knew of its window is gone: the callback is one more tab, with nothing but the storage
  const popup = world.page(world.first.open());
  expect(await world.run(popup.signIn.finish(back))).toEqual({ returnTo: '/orders' });
  popup.tokens.dispose();
  popup.peer.crash();
  await world.clock.settle();
  for (const { tokens } of [page, other])
    expect(tokens.getSnapshot()).toMatchObject({ status: 'active', claims: { sub: 'ada' } });
  const held = await world.run(Promise.all([page, other].map(({ tokens }) => tokens.getAccessToken())));
  expect(new Set(held).size).toBe(1);
});

describe('after a reload', () => {
  test('J24: a refresh costs no discovery; a server that has moved is found again by itself, once', async () => {
    const { world, page } = await signedIn();
    await world.run(page.tokens.refresh());
    page.tokens.dispose();
    const stored = JSON.parse(world.first.items.get('evertoken:session') ?? '{}');
    expect(stored.grant).toMatchObject({ issuer: world.server.origin, endpoints: { token: world.server.tokenUrl } });
    world.requests.length = 0;
    const reloaded = world.page();
    await world.run(reloaded.tokens.refresh());
    expect(world.requests).toEqual(['POST /token']);
    reloaded.tokens.dispose();
    const moved = { ...stored.grant.endpoints, token: `${world.server.origin}/old-token` };
    const now = JSON.parse(world.first.items.get('evertoken:session') ?? '{}');
    await world.first.platform.storage.setItem(
      'evertoken:session',
      JSON.stringify({ ...now, grant: { ...now.grant, endpoints: moved } }),
    );
    world.requests.length = 0;
    const later = world.page();
    await world.run(later.tokens.refresh());
    await world.run(later.tokens.refresh());
    expect(world.requests).toEqual([
      'POST /old-token',
      'GET /.well-known/oauth-authorization-server',
      'POST /token',
      'POST /token',
    ]);
  });

  test('revoking and signing out at the server cost no discovery either', async () => {
    const { world, page } = await signedIn();
    page.tokens.dispose();
    world.requests.length = 0;
    const reloaded = world.page();
    const out = new URL((await world.run(reloaded.signIn.end())) ?? '');
    expect(out.origin + out.pathname).toBe(`${world.server.origin}/logout`);
    expect(out.searchParams.get('id_token_hint')).toMatch(/^ey/);
    expect(world.requests).toEqual(['POST /revoke']);
  });

  test('J23: an application that has another issuer by now presents nothing there, and signs nobody out', async () => {
    const { world, page } = await signedIn();
    page.tokens.dispose();
    world.requests.length = 0;
    const send = vi.fn(world.server.fetch);
    const client = oauthClient({ issuer: 'https://other.test', clientId: 'app', fetch: send });
    const { platform } = world.page(world.first.open());
    const tokens = createTokenManager({
      refresh: refreshWith(client),
      revoke: revokeWith(client),
      platform,
      proactive: false,
    });
    await world.clock.advance(3_600_000);
    expect(await world.reason(tokens.getAccessToken())).toMatchObject({ code: 'ERR_REFRESH_CONFIG' });
    expect(tokens.getSnapshot().status).toBe('active');
    const signIn = createSignIn({ client, tokens, platform });
    const out = new URL((await world.run(signIn.end())) ?? '');
    expect(out.origin, 'the ID token is shown to its own server alone').toBe(world.server.origin);
    expect(out.searchParams.has('client_id')).toBe(false);
    await world.run(tokens.settled());
    expect(send).not.toHaveBeenCalled();
    tokens.dispose();
  });
});

test('end() in a tab that still believes that nobody is signed in ends the session', async () => {
  const { world, page } = await signedIn();
  const asleep = world.page(world.first.open());
  await world.run(asleep.tokens.ready());
  await world.run(asleep.tokens.endSession());
  expect(asleep.tokens.getSnapshot().status).toBe('none');
  world.first.platform.channel.announce = () => undefined;
  await world.run(page.signIn.finish(await world.visit(await world.run(page.signIn.begin()))));
  const out = await world.run(asleep.signIn.end());
  expect(out).toContain('id_token_hint=ey');
  expect(world.first.items.get('evertoken:session')).toBeUndefined();
});

test('createSignIn takes the key of its manager, and refuses another one', async () => {
  const { page } = await signedIn();
  const { client, platform } = page;
  const tokens = createTokenManager({ refresh: refreshWith(client), platform, key: 'shop' });
  expect(() => createSignIn({ client, tokens, platform })).not.toThrow();
  expect(() => createSignIn({ client, tokens, platform, key: 'shop' })).not.toThrow();
  expect(() => createSignIn({ client, tokens, platform, key: 'session' })).toThrow(/key/);
  tokens.dispose();
});
