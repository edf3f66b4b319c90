import { expect, test, vi } from 'vitest';
import { createTokenManager, inProcess, type RefreshRequest, type TokenManagerOptions } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

type Answer = Awaited<ReturnType<TokenManagerOptions['refresh']>>;

function cookieManager(
  refresh: (request: RefreshRequest) => Promise<Answer>,
  platform = { ...inProcess(), clock: fakeClock() },
) {
  const asked = vi.fn(refresh);
  const tokens = createTokenManager({ refresh: asked, refreshTokenIn: 'cookie', platform });
  return { tokens, asked, clock: platform.clock as ReturnType<typeof fakeClock>, platform };
}

test('an empty storage is asked about once at the endpoint, and a session that the cookie knows goes on', async () => {
  const { tokens, asked } = cookieManager(async () => ({ access_token: 'from-cookie', expires_in: 60 }));
  const started = vi.fn();
  tokens.on('sessionStarted', started);
  expect(await Promise.all([tokens.getAccessToken(), tokens.getAccessToken()])).toEqual(['from-cookie', 'from-cookie']);
  expect(asked).toHaveBeenCalledTimes(1);
  expect(asked.mock.calls[0]?.[0]).toMatchObject({ reason: 'resume', accessToken: undefined });
  expect(asked.mock.calls[0]?.[0]).not.toHaveProperty('refreshToken');
  expect(started).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ from: 'cookie' }));
  tokens.dispose();
});

test('a cookie that is not there means that nobody is signed in, and nobody asks again', async () => {
  const { tokens, asked } = cookieManager(async () => new Response('', { status: 401 }));
  const ended = vi.fn();
  tokens.on('sessionEnded', ended);
  for (let call = 0; call < 5; call++) {
    await expect(tokens.getAccessToken()).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
  }
  expect(asked).toHaveBeenCalledTimes(1);
  expect(ended).not.toHaveBeenCalled();
  expect(tokens.getSnapshot().status).toBe('none');
  tokens.dispose();
});

test('an endpoint that cannot say leaves the question open, and a later call asks again', async () => {
  let isUp = false;
  const { tokens, clock } = cookieManager(async () =>
    isUp ? { access_token: 'later', expires_in: 60 } : new Response('', { status: 503 }),
  );
  const first = expect(tokens.getAccessToken()).rejects.toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE' });
  await clock.advance(10_000);
  await first;
  expect(tokens.getSnapshot()).toMatchObject({ status: 'loading', error: { code: 'ERR_REFRESH_UNAVAILABLE' } });
  isUp = true;
  await clock.advance(60_000);
  await expect(tokens.getAccessToken()).resolves.toBe('later');
  tokens.dispose();
});

test('signing in while the cookie is being asked about serves those who wait', async () => {
  const { tokens, clock } = cookieManager(() => new Promise(() => undefined));
  const waiting = tokens.getAccessToken();
  await clock.advance(10);
  await tokens.startSession({ access_token: 'signed-in', expires_in: 60 });
  await expect(waiting).resolves.toBe('signed-in');
  tokens.dispose();
});

test('signing out while the cookie is being asked about refuses those who wait, and its answer starts nothing', async () => {
  let answer: (tokens: { access_token: string }) => void = () => undefined;
  const { tokens, clock } = cookieManager(
    () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  );
  const waiting = expect(tokens.getAccessToken()).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
  await clock.advance(10);
  const ending = tokens.endSession();
  await waiting;
  answer({ access_token: 'too-late' });
  await clock.advance(20_000);
  await ending;
  expect(tokens.getSnapshot().status).toBe('none');
  await expect(tokens.getAccessToken()).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
  tokens.dispose();
});

test('two managers on one platform ask about the cookie once', async () => {
  const first = cookieManager(async () => ({ access_token: 'shared', expires_in: 60 }));
  const second = cookieManager(async () => ({ access_token: 'second', expires_in: 60 }), first.platform);
  expect(await Promise.all([first.tokens.getAccessToken(), second.tokens.getAccessToken()])).toEqual([
    'shared',
    'shared',
  ]);
  expect(second.asked).not.toHaveBeenCalled();
  first.tokens.dispose();
  second.tokens.dispose();
});
