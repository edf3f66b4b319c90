import { expect, test } from 'vitest';
import { inProcess, type RevokeRequest, type TokenManagerOptions, type TokenStorage } from '../../src/index.js';
import { readOptions } from '../../src/manager/options.js';
import { revoke } from '../../src/manager/revoke.js';
import { fakeClock } from '../../src/testing.js';
import { recordWith } from '../support/session-records.js';
import { quietPeer, signedIn } from '../support/signed-in.js';
import { createWorld } from '../support/world.js';

/** Somebody signs out; what the revoke function was given, and what was told of its failure. */
async function signOut(call: (request: RevokeRequest) => unknown, options: Partial<TokenManagerOptions> = {}) {
  const home = await signedIn({ revoke: call as never, ...options });
  const { sessionId } = home.tokens.getSnapshot();
  await home.world.run(home.tokens.endSession());
  await home.world.run(home.tokens.settled());
  const [failed] = home.seen('revokeFailed');
  return { ...home, sessionId, failed, error: failed?.error as Error & { status?: number } };
}

const MESSAGE = 'Expected the revocation to succeed, but it failed; the session is over here all the same.';

test('the revoke function is given the tokens there are, a signal, and nothing else', async () => {
  const asked: RevokeRequest[] = [];
  const { first, seen } = await signOut((request) => asked.push(request));
  const { access_token: accessToken, refresh_token: refreshToken, id_token: idToken } = first;
  expect(idToken).toBeDefined();
  expect(asked).toStrictEqual([{ refreshToken, accessToken, idToken, signal: expect.any(AbortSignal) }]);
  expect(asked[0]?.signal.aborted).toBe(false);
  expect(seen('revokeFailed')).toEqual([]);
});

test('the revoke function is not given a refresh token where there is none', async () => {
  const world = createWorld();
  const asked: RevokeRequest[] = [];
  const { tokens } = world.manager({ revoke: async (request) => void asked.push(request) });
  await world.run(tokens.startSession({ access_token: 'access-token-alone', token_type: 'Bearer' }));
  await world.run(tokens.endSession());
  expect(asked.map((request) => Object.keys(request))).toEqual([['accessToken', 'signal']]);
});

test('with a cookie, the revoke function is called also where no tokens are known', async () => {
  const world = createWorld();
  const asked: RevokeRequest[] = [];
  const { tokens } = world.manager({ refreshTokenIn: 'cookie', revoke: async (request) => void asked.push(request) });
  await world.run(tokens.endSession());
  expect(asked.map((request) => Object.keys(request))).toEqual([['signal']]);
});

test('without a cookie, nothing is revoked where no tokens are known', async () => {
  const world = createWorld();
  const asked: RevokeRequest[] = [];
  const { tokens } = world.manager({ revoke: async (request) => void asked.push(request) });
  await world.run(tokens.endSession());
  expect(asked).toEqual([]);
});

test('a revocation that does not end is aborted, and told as a timeout without a cause', async () => {
  let signal: AbortSignal | undefined;
  const { failed, error, sessionId } = await signOut((request) => {
    signal = request.signal;
    return new Promise(() => undefined);
  });
  expect(signal?.aborted).toBe(true);
  expect(failed).toMatchObject({ sessionId, error: { code: 'ERR_REFRESH_TIMEOUT', message: MESSAGE, attempts: 1 } });
  expect(error.cause).toBeUndefined();
  expect(error.status).toBeUndefined();
});

test('a revocation that fails is told with its cause and status, without any part of a token', async () => {
  const { failed, error } = await signOut(({ refreshToken, accessToken }) =>
    Promise.reject(
      Object.assign(new Error(`refused: ${refreshToken?.slice(10, 20)} ${accessToken?.slice(10, 20)}`), {
        status: 502,
      }),
    ),
  );
  expect(failed).toMatchObject({ error: { code: 'ERR_REFRESH_NETWORK', message: MESSAGE, attempts: 1, status: 502 } });
  expect((error.cause as Error).message).toBe('refused: [redacted] [redacted]');
});

test('an answer that is not 2xx is a failure with its status; one that is, and none, are not', async () => {
  const refused = await signOut(async () => ({ ok: false, status: 503 }));
  expect(refused.error).toMatchObject({
    code: 'ERR_REFRESH_NETWORK',
    status: 503,
    cause: { message: 'an answer that is not 2xx' },
  });
  for (const answer of [{ ok: true, status: 200 }, undefined]) {
    expect((await signOut(async () => answer)).failed).toBeUndefined();
  }
});

test('a revocation keeps the process alive until it is over, and leaves no timer', async () => {
  const clock = fakeClock();
  let answer = (_?: unknown): void => undefined;
  const settings = readOptions(
    {
      refresh: () => Promise.reject(new Error('nobody expected a refresh')),
      revoke: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
      platform: { ...inProcess(), clock },
    },
    inProcess,
  );
  const revoked = revoke(settings, recordWith().tokens, undefined);
  await clock.settle();
  expect(clock.pendingKeepAlive).toBe(1);
  answer();
  expect(await revoked).toBe(undefined);
  await clock.settle();
  expect(clock.pending).toBe(0);
});

test('what is revoked is what is known here, and then the newest there is: what a peer has refreshed since', async () => {
  const asked: RevokeRequest[] = [];
  const home = await signedIn({ revoke: async (request) => void asked.push(request) });
  const peer = quietPeer(home.world);
  await home.world.run(peer.refresh());
  const newer = await home.world.run(peer.getAccessToken());
  await home.world.run(home.tokens.endSession());
  expect(asked.map(({ accessToken }) => accessToken)).toEqual([home.first.access_token, newer]);
});

test('what is revoked is the newest there is: what we could not store', async () => {
  const asked: RevokeRequest[] = [];
  const home = await signedIn({ revoke: async (request) => void asked.push(request) });
  const { setItem } = home.platform.storage as TokenStorage;
  Object.assign(home.platform.storage as TokenStorage, { setItem: () => Promise.reject(new Error('full')) });
  await home.world.run(home.tokens.refresh());
  Object.assign(home.platform.storage as TokenStorage, { setItem });
  const newer = await home.world.run(home.tokens.getAccessToken());
  await home.world.run(home.tokens.endSession());
  expect(asked.map(({ accessToken }) => accessToken)).toEqual([newer]);
});

test('what is revoked is ours where the storage cannot be read, and what is stored where nothing was known yet', async () => {
  const asked: RevokeRequest[] = [];
  const call = async (request: RevokeRequest) => void asked.push(request);
  const home = await signedIn({ revoke: call });
  const { access_token: accessToken } = home.first;
  const { getItem } = home.platform.storage as TokenStorage;
  const late = home.world.manager({
    revoke: call,
    platform: { ...home.platform, storage: { ...home.platform.storage } },
  });
  Object.assign(home.platform.storage as TokenStorage, { getItem: () => Promise.reject(new Error('locked')) });
  const kept = new Map(home.stored);
  await home.world.run(home.tokens.endSession());
  expect(asked.map((request) => request.accessToken)).toEqual([accessToken]);
  Object.assign(home.platform.storage as TokenStorage, { getItem });
  for (const [key, value] of kept) home.stored.set(key, value);
  await home.world.run(late.tokens.endSession());
  expect(asked.map((request) => request.accessToken)).toEqual([accessToken, accessToken]);
});
