import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createTokenManager, inProcess, type TokenSource } from '../../src/index.js';
import { oauthClient, refreshWith } from '../../src/integrations/oauth.js';
import { type StepUpNeed, stepUpFetch } from '../../src/integrations/step-up.js';
import { type AuthServer, createAuthServer, fakeClock } from '../../src/testing.js';

/** A session that goes on when its user has proved more, as a source of tokens. */
function session(server: AuthServer) {
  const held = { token: server.signIn({ scope: 'orders' }).access_token, replaced: 0 };
  const source: TokenSource = {
    getAccessToken: async () => held.token,
    replaceAccessToken: async (rejected) => {
      if (rejected !== held.token) return held.token;
      held.replaced++;
      throw new Error('there is no other one');
    },
  };
  return { held, source };
}

async function stronger(server: AuthServer, more: Record<string, string>): Promise<string> {
  const parameters = {
    client_id: 'app',
    response_type: 'code',
    redirect_uri: 'https://app.test/callback',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
    scope: 'openid',
    ...more,
  };
  const back = new URL(await server.authorize(`${server.authorizeUrl}?${new URLSearchParams(parameters)}`));
  const body = new URLSearchParams({
    grant_type: 'authorization_code',
    code: back.searchParams.get('code') ?? '',
    client_id: 'app',
    redirect_uri: parameters.redirect_uri,
    code_verifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
  });
  return (await (await server.fetch(server.tokenUrl, { method: 'POST', body })).json()).access_token;
}

function on(stepUp: (need: StepUpNeed, world: { server: AuthServer; held: { token: string } }) => Promise<boolean>) {
  const clock = fakeClock();
  const server = createAuthServer({ clock });
  const { held, source } = session(server);
  const asked = vi.fn((need: StepUpNeed) => stepUp(need, { server, held }));
  const api = stepUpFetch(source, { origins: [server.origin], fetch: server.fetch, stepUp: asked });
  const statuses = () => server.apiRequests.map(({ status }) => status);
  return { clock, server, held, source, asked, api, statuses };
}

const yes = async ({ challenge }: StepUpNeed, { server, held }: { server: AuthServer; held: { token: string } }) => {
  held.token = await stronger(server, {
    ...challenge.parameters,
    scope: `openid orders ${challenge.parameters.scope ?? ''}`,
  });
  return true;
};

describe('an API that wants more of the user', () => {
  test('J39: fifty requests with the same challenge: one question, fifty sent once more', async () => {
    const { server, api, asked, statuses } = on(yes);
    const responses = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        api(`${server.apiUrl}/acr/mfa`, { method: 'POST', body: `order ${index}` }),
      ),
    );
    expect(responses.map(({ status }) => status)).toEqual(Array(50).fill(200));
    expect(asked).toHaveBeenCalledTimes(1);
    expect(asked.mock.calls[0]?.[0]).toMatchObject({
      kind: 'authentication',
      origin: server.origin,
      challenge: { parameters: { acr_values: 'mfa' } },
    });
    expect(statuses().filter((status) => status === 401)).toHaveLength(50);
    expect(statuses()).toHaveLength(100);
    const bodies = await Promise.all(responses.map(async (response) => (await response.json()).body));
    expect(bodies).toEqual(Array.from({ length: 50 }, (_, index) => `order ${index}`));
  });

  test('every kind of body is sent again as it was', async () => {
    const form = new FormData();
    form.set('file', new Blob(['bytes']), 'a.txt');
    const bodies: [BodyInit | Request, RegExp][] = [
      ['text', /^text$/],
      [new URLSearchParams({ a: '1' }), /^a=1$/],
      [new TextEncoder().encode('bytes'), /^bytes$/],
      [new Blob(['blob']), /^blob$/],
      [form, /bytes/],
    ];
    for (const [body, expected] of bodies) {
      const { server, api } = on(yes);
      const response = await api(`${server.apiUrl}/acr/mfa`, { method: 'POST', body: body as BodyInit });
      expect((await response.json()).body).toMatch(expected);
    }
    const { server, api } = on(yes);
    const response = await api(new Request(`${server.apiUrl}/acr/mfa`, { method: 'POST', body: 'of a request' }));
    expect((await response.json()).body).toBe('of a request');
  });

  test.each<[string, (need: StepUpNeed) => Promise<boolean>]>([
    ['refused', async () => false],
    ['failed', () => Promise.reject(new Error('popup blocked'))],
    ['answered with something else than true', async () => 'yes' as never],
    ['answered with yes, but nothing came of it', async () => true],
  ])('J40: %s: each caller gets its original answer, unread', async (_, stepUp) => {
    const { server, api, asked, held, statuses } = on(stepUp);
    const { token } = held;
    const responses = await Promise.all([api(`${server.apiUrl}/acr/mfa`), api(`${server.apiUrl}/acr/mfa`)]);
    for (const response of responses) {
      expect([response.status, response.bodyUsed]).toEqual([401, false]);
      expect(await response.json()).toMatchObject({ error: 'insufficient_user_authentication' });
    }
    expect(asked).toHaveBeenCalledTimes(1);
    expect([held.token, held.replaced, statuses()]).toEqual([token, 0, [401, 401]]);
  });

  test('J41: the same challenge after a step-up is returned as it is: no loop', async () => {
    const { server, api, asked, statuses } = on(async (_, { server, held }) => {
      held.token = await stronger(server, { acr_values: 'otp' });
      return true;
    });
    const response = await api(`${server.apiUrl}/acr/mfa`);
    expect([response.status, response.bodyUsed, statuses()]).toEqual([401, false, [401, 401]]);
    expect(await response.json()).toMatchObject({ error: 'insufficient_user_authentication' });
    expect(asked).toHaveBeenCalledTimes(1);
  });

  test('J42: insufficient_scope never refreshes', async () => {
    const { server, api, asked, held } = on(yes);
    expect((await api(`${server.apiUrl}/scope/admin`)).status).toBe(200);
    expect(asked.mock.calls[0]?.[0]).toMatchObject({ kind: 'scope', challenge: { parameters: { scope: 'admin' } } });
    expect(held.replaced).toBe(0);
    expect(server.counts.refreshesGranted).toBe(0);
  });

  test('J43: a claims challenge is tried by one refresh with the claims; the user is asked only if that was not enough', async () => {
    const clock = fakeClock();
    const server = createAuthServer({ clock });
    const client = oauthClient({ issuer: server.origin, clientId: 'app', fetch: server.fetch });
    const tokens = createTokenManager({
      refresh: refreshWith(client),
      platform: { ...inProcess(), clock },
      proactive: false,
    });
    onTestFinished(() => tokens.dispose());
    await tokens.startSession(server.signIn({ clientId: 'app' }));
    const stepUp = vi.fn(async () => false);
    const api = stepUpFetch(tokens, { origins: [server.origin], fetch: server.fetch, stepUp });
    expect((await clock.runUntil(api(`${server.apiUrl}/claims/cae`))).status).toBe(200);
    expect(stepUp).not.toHaveBeenCalled();
    server.always(
      { status: 401, headers: { 'WWW-Authenticate': 'Bearer error="insufficient_claims", claims="e30="' } },
      { endpoint: 'api' },
    );
    expect((await clock.runUntil(api(`${server.apiUrl}/claims/cae`))).status).toBe(401);
    expect(stepUp).toHaveBeenCalledTimes(1);
    expect(server.apiRequests, 'two sendings each').toHaveLength(4);
  });

  test('J44: a challenge that was refused is asked anew for a later request, and shared by an earlier one', async () => {
    const { clock, server, api, asked } = on(async () => false);
    server.next({ acts: true, answerDelayMs: 30 }, { endpoint: 'api' });
    const slow = api(`${server.apiUrl}/acr/mfa`);
    await api(`${server.apiUrl}/acr/mfa`);
    expect((await clock.runUntil(slow)).status).toBe(401);
    expect(asked).toHaveBeenCalledTimes(1);
    await api(`${server.apiUrl}/acr/mfa`);
    expect(asked).toHaveBeenCalledTimes(2);
  });

  test('a refusal for a token that was replaced meanwhile is sent again without asking', async () => {
    const { clock, server, api, asked } = on(yes);
    server.next({ acts: true, answerDelayMs: 30 }, { endpoint: 'api' });
    const slow = api(`${server.apiUrl}/acr/mfa`);
    expect((await api(`${server.apiUrl}/acr/mfa`)).status).toBe(200);
    expect((await clock.runUntil(slow)).status).toBe(200);
    expect(asked).toHaveBeenCalledTimes(1);
  });

  test('each waits with its own signal, and the question is withdrawn when all have left', async () => {
    let withdrawn: AbortSignal | undefined;
    const { server, api, asked } = on(({ signal }) => {
      withdrawn = signal;
      return new Promise(() => undefined);
    });
    const [one, two] = [new AbortController(), new AbortController()];
    const reasons = [one, two].map(({ signal }) =>
      api(`${server.apiUrl}/acr/mfa`, { signal }).catch((error) => error.message),
    );
    await expect.poll(() => asked).toHaveBeenCalled();
    one.abort(new Error('one left'));
    expect(await reasons[0]).toBe('one left');
    expect(withdrawn?.aborted).toBe(false);
    two.abort(new Error('two left'));
    expect(await reasons[1]).toBe('two left');
    expect(withdrawn?.aborted).toBe(true);
  });

  test('where another session came of it, the request is not sent again', async () => {
    const server = createAuthServer();
    const client = oauthClient({ issuer: server.origin, clientId: 'app', fetch: server.fetch });
    const tokens = createTokenManager({ refresh: refreshWith(client), platform: inProcess(), proactive: false });
    onTestFinished(() => tokens.dispose());
    await tokens.startSession(server.signIn({ user: 'ada' }));
    const stepUp = async () => {
      await tokens.startSession({
        access_token: await stronger(server, { acr_values: 'mfa', login_hint: 'grace' }),
        expires_in: 3_600,
      });
      return true;
    };
    const api = stepUpFetch(tokens, { origins: [server.origin], fetch: server.fetch, stepUp });
    const response = await api(`${server.apiUrl}/acr/mfa`, { method: 'POST', body: 'pay as ada' });
    expect([response.status, server.apiRequests.length]).toEqual([401, 1]);
  });

  test('an upload from a stream asks nobody', async () => {
    const { server, api, asked } = on(yes);
    const body = new Blob(['stream']).stream();
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit;
    expect((await api(`${server.apiUrl}/acr/mfa`, init)).status).toBe(401);
    expect(asked).not.toHaveBeenCalled();
  });

  test('what carries no token of ours asks nobody: another origin, a header of its own', async () => {
    const stepUp = vi.fn(async () => true);
    const challenge = { status: 401, headers: { 'WWW-Authenticate': 'Bearer error="insufficient_scope"' } };
    const send = vi.fn(async () => new Response('', challenge));
    const { source } = session(createAuthServer());
    const api = stepUpFetch(source, { origins: ['https://api.test'], fetch: send, stepUp });
    await api('https://other.test/x');
    await api('https://api.test/x', { headers: { authorization: 'Bearer own' } });
    expect(stepUp).not.toHaveBeenCalled();
    expect(send).toHaveBeenCalledTimes(2);
  });

  test.each<[string, unknown]>([
    ['origin', 'https://api.test'],
    ['scopes', ['orders']],
    ['clientId', 'app'],
    ['onStepUp', () => undefined],
    ['timeoutMs', 1_000],
  ])('a mistaken name is refused, and the error has it: %s', (name, value) => {
    const { source } = session(createAuthServer());
    const options = { origins: ['https://api.test'], stepUp: async () => true, [name]: value };
    const message = expect.stringMatching(`^Option ${name}: expected one of .*origins, .*but `);
    expect(() => stepUpFetch(source, options)).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS', message }));
  });

  test('wrong options are refused', () => {
    const { source } = session(createAuthServer());
    expect(() => stepUpFetch(source, { origins: ['https://api.test'] } as never)).toThrow(/stepUp/);
    expect(() => stepUpFetch(source, { stepUp: yes } as never)).toThrow(/origins/);
    expect(() => stepUpFetch({} as never, { origins: ['https://api.test'], stepUp: yes as never })).toThrow(/tokens/);
  });
});
