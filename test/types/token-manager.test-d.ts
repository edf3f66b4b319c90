import { describe, expectTypeOf, test } from 'vitest';
import {
  type AnyTokenError,
  createFetch,
  createTokenManager,
  inProcess,
  type Platform,
  type SessionSnapshot,
  type TokenManager,
  type TokenManagerOptions,
  type TokenSource,
  tokenEndpoint,
} from '../../src/index.js';

const refresh = tokenEndpoint({ url: 'https://auth.example/token', clientId: 'app' });
declare const tokens: TokenManager;

describe('options', () => {
  test('refresh is all that is required', () => {
    expectTypeOf(createTokenManager({ refresh })).toEqualTypeOf<TokenManager>();
    // @ts-expect-error refresh is missing
    createTokenManager({});
    // @ts-expect-error no options at all
    createTokenManager();
  });

  test('there are at most a dozen', () => {
    type Options = Required<TokenManagerOptions>;
    expectTypeOf<keyof Options>().toEqualTypeOf<
      | 'refresh'
      | 'revoke'
      | 'key'
      | 'refreshTokenIn'
      | 'accessTokenIn'
      | 'leewayMs'
      | 'timeoutMs'
      | 'retry'
      | 'endsSession'
      | 'proactive'
      | 'platform'
    >();
  });

  test('one that does not exist, or has another unit or word, does not compile', () => {
    // @ts-expect-error milliseconds, and the name says so
    createTokenManager({ refresh, timeout: 10 });
    // @ts-expect-error 'response' or 'cookie'
    createTokenManager({ refresh, refreshTokenIn: 'localStorage' });
    // @ts-expect-error a number
    createTokenManager({ refresh, leewayMs: '5m' });
  });

  test('one that is undefined is as one that is left out', () => {
    createTokenManager({ refresh, key: undefined, platform: undefined });
  });

  test('a part of the retry policy may be left out', () => {
    createTokenManager({ refresh, retry: { attempts: 5 } });
    // @ts-expect-error no such part
    createTokenManager({ refresh, retry: { times: 5 } });
  });

  test('a platform is a preset that is spread', () => {
    expectTypeOf({ ...inProcess(), random: () => 0.5 }).toExtend<Platform>();
    createTokenManager({ refresh, platform: { ...inProcess(), random: () => 0.5 } });
    // @ts-expect-error a platform has all of its parts
    createTokenManager({ refresh, platform: { random: () => 0.5 } });
  });

  test('endsSession is told the kind of a refusal, from a closed list', () => {
    createTokenManager({
      refresh,
      endsSession: (failure) => {
        expectTypeOf(failure.kind).toEqualTypeOf<'dead' | 'transient' | 'interaction' | 'config' | 'unknown'>();
        expectTypeOf(failure.body).toBeUnknown();
        return failure.status === 401;
      },
    });
  });
});

describe('the manager', () => {
  test('gives an access token as a string, and takes a signal', () => {
    expectTypeOf(tokens.getAccessToken({ signal: new AbortController().signal })).resolves.toBeString();
    expectTypeOf(tokens.replaceAccessToken('refused')).resolves.toBeString();
    // @ts-expect-error which one was refused?
    tokens.replaceAccessToken();
  });

  test('starts with a token response, and with nothing less', () => {
    tokens.startSession({ access_token: 'a', refresh_token: 'r', expires_in: 3600 });
    // @ts-expect-error not the response of a token endpoint
    tokens.startSession({ accessToken: 'a' });
  });

  test('hands its snapshot and its changes to useSyncExternalStore as they are', () => {
    type UseSyncExternalStore = <T>(subscribe: (change: () => void) => () => void, getSnapshot: () => T) => T;
    const use = {} as UseSyncExternalStore;
    const read = () => use(tokens.subscribe, tokens.getSnapshot);
    expectTypeOf(read).returns.toEqualTypeOf<SessionSnapshot>();
  });

  test('shows a snapshot that cannot be changed', () => {
    const change = (snapshot: SessionSnapshot): void => {
      // @ts-expect-error read-only
      snapshot.status = 'none';
    };
    expectTypeOf(change).toBeFunction();
    expectTypeOf<SessionSnapshot['status']>().toEqualTypeOf<'loading' | 'none' | 'active'>();
    expectTypeOf<SessionSnapshot['error']>().toEqualTypeOf<AnyTokenError | undefined>();
  });

  test('tells each event with what belongs to it', () => {
    const stop = tokens.on('refreshed', (event) => {
      expectTypeOf(event.rotated).toBeBoolean();
      expectTypeOf(event.at).toBeNumber();
      // @ts-expect-error an event holds no token
      event.accessToken;
    });
    expectTypeOf(stop).toEqualTypeOf<() => void>();
    tokens.on('sessionEnded', ({ reason }) => {
      expectTypeOf(reason).toEqualTypeOf<'ended' | 'rejected' | 'lost' | 'expired' | 'peer' | 'replaced'>();
    });
    // @ts-expect-error no such event
    tokens.on('refresh', () => undefined);
  });
});

describe('createFetch', () => {
  test('is a fetch, and fits wherever a fetch is taken', () => {
    expectTypeOf(createFetch(tokens, { origins: ['https://api.example'] })).toEqualTypeOf<typeof fetch>();
  });

  test('takes any source of tokens, also one of two methods', () => {
    const source: TokenSource = { getAccessToken: async () => 'a', replaceAccessToken: async () => 'b' };
    createFetch(source, { origins: ['https://api.example'] });
  });

  test('does not compile without the origins that may have the token', () => {
    // @ts-expect-error origins is missing
    createFetch(tokens, {});
    // @ts-expect-error 'reject' or 'send'
    createFetch(tokens, { origins: ['https://api.example'], withoutSession: 'ignore' });
  });
});

describe('tokenEndpoint', () => {
  test('needs a URL and a client, and knows three ways of client authentication', () => {
    // @ts-expect-error clientId is missing
    tokenEndpoint({ url: 'https://auth.example/token' });
    // @ts-expect-error 'none', 'basic' or 'post'
    tokenEndpoint({ url: 'https://auth.example/token', clientId: 'app', authentication: 'jwt' });
    expectTypeOf(refresh).toExtend<TokenManagerOptions['refresh']>();
  });
});
