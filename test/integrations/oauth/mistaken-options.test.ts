import { describe, expect, onTestFinished, test } from 'vitest';
import { createTokenManager, inProcess } from '../../../src/index.js';
import {
  type BeginOptions,
  createSignIn,
  type DiscoverResourceOptions,
  type DiscoverServerOptions,
  discoverResource,
  discoverServer,
  forResource,
  type OAuthClientOptions,
  oauthClient,
  type RegistrationOptions,
  refreshWith,
  registerClient,
  type SignIn,
  type SignInOptions,
  type Target,
} from '../../../src/integrations/oauth.js';

const ISSUER = 'https://auth.test';
const RESOURCE = 'https://api.test';

/** Everything that takes options, and how often anything was sent. */
function world() {
  const sent: string[] = [];
  const send: typeof fetch = async (input) => {
    sent.push(String(input));
    return new Response('', { status: 404 });
  };
  const given = { issuer: ISSUER, clientId: 'app', redirectUri: 'https://app.test/callback', fetch: send };
  const client = oauthClient(given);
  const platform = inProcess();
  const tokens = createTokenManager({ refresh: refreshWith(client), platform, proactive: false });
  onTestFinished(() => tokens.dispose());
  const signIn = createSignIn({ client, tokens, platform });
  const files = forResource(tokens, { resource: RESOURCE });
  const calls = {
    oauthClient: (wrong: object) => oauthClient({ ...given, ...wrong }),
    'oauthClient: authentication': (wrong: object) =>
      oauthClient({ ...given, authentication: { secret: 's', ...wrong } }),
    createSignIn: (wrong: object) => createSignIn({ client, tokens, platform, ...wrong }),
    begin: (wrong: object) => signIn.begin(wrong),
    finish: (wrong: object) => signIn.finish('https://app.test/callback?code=c&state=s', wrong),
    end: (wrong: object) => signIn.end(wrong),
    discoverServer: (wrong: object) => discoverServer(ISSUER, { fetch: send, ...wrong }),
    discoverResource: (wrong: object) => discoverResource(RESOURCE, { fetch: send, ...wrong }),
    registerClient: (wrong: object) => registerClient(ISSUER, {}, { fetch: send, ...wrong }),
    forResource: (wrong: object) => forResource(tokens, { resource: RESOURCE, ...wrong }),
    'forResource: getAccessToken': (wrong: object) => files.getAccessToken(wrong),
    'forResource: replaceAccessToken': (wrong: object) => files.replaceAccessToken('rejected', wrong),
  };
  return { sent, calls };
}

/** What each takes, by its type: nothing that is declared may be refused. */
const takes = {
  oauthClient: {
    issuer: 0,
    clientId: 0,
    authentication: 0,
    redirectUri: 0,
    scopes: 0,
    resource: 0,
    parameters: 0,
    dpop: 0,
    fetch: 0,
    allowInsecure: 0,
  } satisfies Record<keyof OAuthClientOptions, 0>,
  'oauthClient: authentication': { secret: 0, method: 0 },
  createSignIn: { client: 0, tokens: 0, platform: 0, key: 0, crypto: 0 } satisfies Record<keyof SignInOptions, 0>,
  begin: {
    returnTo: 0,
    redirectUri: 0,
    scopes: 0,
    loginHint: 0,
    prompt: 0,
    acrValues: 0,
    maxAgeMs: 0,
    challenge: 0,
    parameters: 0,
  } satisfies Record<keyof BeginOptions, 0>,
  finish: { signal: 0 } satisfies Record<keyof NonNullable<Parameters<SignIn['finish']>[1]>, 0>,
  end: { returnTo: 0 } satisfies Record<keyof NonNullable<Parameters<SignIn['end']>[0]>, 0>,
  discoverServer: { fetch: 0, allowInsecure: 0 } satisfies Record<keyof DiscoverServerOptions, 0>,
  discoverResource: { challenge: 0, fetch: 0, allowInsecure: 0 } satisfies Record<keyof DiscoverResourceOptions, 0>,
  registerClient: { initialAccessToken: 0, fetch: 0, allowInsecure: 0 } satisfies Record<keyof RegistrationOptions, 0>,
  forResource: { resource: 0, audience: 0, scopes: 0 } satisfies Record<keyof Target, 0>,
  'forResource: getAccessToken': { signal: 0, minValidityMs: 0 },
  'forResource: replaceAccessToken': { signal: 0, challenge: 0 },
};

type Taker = keyof typeof takes;

describe('a mistaken name is refused before anything is sent: the error has it, and every name that there is', () => {
  test.each<[Taker, string, unknown]>([
    ['oauthClient', 'scope', 'openid'],
    ['oauthClient', 'redirect_uri', 'https://app.test/callback'],
    ['oauthClient', 'client_id', 'app'],
    ['oauthClient', 'clientID', 'app'],
    ['oauthClient', 'clientSecret', 'hidden-secret'],
    ['oauthClient', 'resources', [RESOURCE]],
    ['oauthClient: authentication', 'clientSecret', 'hidden-secret'],
    ['oauthClient: authentication', 'methods', 'post'],
    ['createSignIn', 'issuer', ISSUER],
    ['createSignIn', 'redirectUri', 'https://app.test/callback'],
    ['createSignIn', 'scopes', ['openid']],
    ['begin', 'scope', 'openid'],
    ['begin', 'returnUrl', '/orders'],
    ['begin', 'redirectUrl', 'https://app.test/callback'],
    ['begin', 'login_hint', 'ada@app.test'],
    ['begin', 'maxAge', 60],
    ['begin', 'resource', RESOURCE],
    ['begin', 'state', 'mine'],
    ['finish', 'Signal', new AbortController().signal],
    ['end', 'returnUrl', 'https://app.test/'],
    ['end', 'post_logout_redirect_uri', 'https://app.test/'],
    ['discoverServer', 'issuer', ISSUER],
    ['discoverServer', 'allowInsecureRequests', true],
    ['discoverResource', 'resource', RESOURCE],
    ['discoverResource', 'challenges', []],
    ['registerClient', 'initial_access_token', 'hidden-secret'],
    ['registerClient', 'redirect_uris', []],
    ['forResource', 'resources', [RESOURCE]],
    ['forResource', 'scope', 'read'],
    ['forResource', 'origins', [RESOURCE]],
    ['forResource: getAccessToken', 'minValidity', 60],
    ['forResource: replaceAccessToken', 'reason', 'rejected'],
  ])('%s: %s', async (taker, name, value) => {
    const { sent, calls } = world();
    const failure = await (async () => calls[taker]({ [name]: value }))().catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: 'OptionsError', code: 'ERR_OPTIONS' });
    const { message } = failure as Error;
    const [, named, known = ''] = /^Option (\S+): expected one of (.+), but .+ came\.$/.exec(message) ?? [];
    expect(named).toBe(name);
    expect(known.split(', ').sort()).toEqual(Object.keys(takes[taker]).sort());
    expect(message).not.toContain('hidden-secret');
    expect(sent).toEqual([]);
  });
});

test('what others may add to is not checked by name: metadata, and parameters of a request', async () => {
  const { calls, sent } = world();
  const about = { issuer: ISSUER, authorization_endpoint: `${ISSUER}/authorize`, token_endpoint: ISSUER, one_more: 1 };
  expect(calls.oauthClient({ issuer: about, parameters: { one_more: '1' } })).toMatchObject({ issuer: ISSUER });
  const signIn = calls.createSignIn({ client: calls.oauthClient({ issuer: about }) });
  expect(await signIn.begin({ parameters: { one_more: '1' } })).toContain('one_more=1');
  expect(sent).toEqual([]);
});

test('a name that may be a secret is not shown', () => {
  const secret = 'eyJhbGciOi.J9-secret_token-1234567890.abcdefghijklmnopqrstuvwxyz';
  const mistake = () => oauthClient({ issuer: 'https://auth.test', clientId: 'app', [secret]: 1 } as never);
  expect(mistake).toThrow('Option (a name): expected one of');
});
