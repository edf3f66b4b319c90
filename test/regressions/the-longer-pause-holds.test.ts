import { expect, test } from 'vitest';
import { createTokenManager, inProcess, type TokenManager, type TokenManagerOptions } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

const LIFETIME_S = 60;
const granted = { access_token: 'access-2', expires_in: LIFETIME_S };

/** A server that does not rotate, and tabs whose storage can be full or unreadable. */
function home() {
  const clock = fakeClock();
  const platform = { ...inProcess(), clock, channel: { announce: () => undefined, subscribe: () => () => undefined } };
  const { storage } = platform;
  const server = { requests: 0, answer: (): unknown => granted };
  const tab = (options: Partial<TokenManagerOptions> = {}) => {
    const state = { isFull: false, isLocked: false };
    const own = {
      ...storage,
      getItem: (key: string) => {
        if (state.isLocked) throw new Error('locked');
        return storage.getItem(key);
      },
      setItem: (key: string, value: string) => {
        if (state.isFull) throw new Error('full');
        return storage.setItem(key, value);
      },
    };
    const tokens: TokenManager = createTokenManager({
      refresh: async () => {
        server.requests++;
        return server.answer() as Response;
      },
      platform: { ...platform, storage: own },
      proactive: false,
      retry: { attempts: 1 },
      ...options,
    });
    return { tokens, state };
  };
  const start = async (tokens: TokenManager) =>
    tokens.startSession({ access_token: 'access-0', refresh_token: 'refresh', expires_in: LIFETIME_S });
  return { clock, server, tab, start };
}

const busy = (retryAfterS?: number): Response =>
  new Response('', { status: 503, headers: retryAfterS === undefined ? {} : { 'Retry-After': String(retryAfterS) } });
const quietly = (work: Promise<unknown>): Promise<unknown> => work.catch(() => undefined);

test('a storage that fails in a probe does not shorten the pause after an answer of the server', async () => {
  const { clock, server, tab, start } = home();
  const { tokens, state } = tab({ retry: { attempts: 1, minDelayMs: 10_000, maxDelayMs: 10_000 } });
  await start(tokens);
  await clock.advance(LIFETIME_S * 1_000);
  server.answer = () => busy();
  await quietly(clock.runUntil(tokens.getAccessToken()));
  const { retryAt } = tokens.getSnapshot();
  state.isLocked = true;
  await expect(clock.runUntil(tokens.refresh())).rejects.toMatchObject({ code: 'ERR_STORAGE_READ' });
  state.isLocked = false;
  await expect(clock.runUntil(tokens.getAccessToken())).rejects.toMatchObject({
    code: 'ERR_REFRESH_UNAVAILABLE',
    retryAt,
  });
  expect(server.requests).toBe(1);
  server.answer = () => granted;
  await clock.advance(10_000);
  expect(await clock.runUntil(tokens.getAccessToken())).toBe('access-2');
});

test('failures that a full storage did not take are not stored over a later one of another tab', async () => {
  const { clock, server, tab, start } = home();
  const retry = { attempts: 1, minDelayMs: 2_000, maxDelayMs: 4_000 };
  const [ours, other, third] = [tab({ retry }), tab({ retry }), tab({ retry })];
  await start(ours.tokens);
  await clock.runUntil(other.tokens.getAccessToken());
  await clock.advance(LIFETIME_S * 1_000);
  server.answer = () => busy();
  ours.state.isFull = true;
  await quietly(clock.runUntil(ours.tokens.getAccessToken()));
  await quietly(clock.runUntil(ours.tokens.refresh())); // its second failure, and none is stored
  server.answer = () => busy(30);
  await quietly(clock.runUntil(other.tokens.getAccessToken()));
  const { retryAt } = other.tokens.getSnapshot();
  ours.state.isFull = false;
  await clock.advance(10_000); // ours tries again to store what it knows
  await expect(clock.runUntil(third.tokens.getAccessToken())).rejects.toMatchObject({ retryAt });
  expect(server.requests).toBe(3);
});

test('what the server has named to another tab outlasts newer tokens that could be stored only after that', async () => {
  const { clock, server, tab, start } = home();
  const [ours, other, third] = [tab(), tab(), tab()];
  await start(ours.tokens);
  await clock.runUntil(other.tokens.getAccessToken());
  ours.state.isFull = true;
  await clock.runUntil(ours.tokens.refresh());
  server.answer = () => busy(300);
  await quietly(clock.runUntil(other.tokens.refresh()));
  const retryAt = clock.now() + 300_000;
  ours.state.isFull = false;
  await clock.advance(LIFETIME_S * 1_000); // the newer tokens are stored, and expire
  await expect(clock.runUntil(third.tokens.getAccessToken())).rejects.toMatchObject({ retryAt });
  expect(server.requests).toBe(2);
});

test('a clock that is set back puts off neither a refresh ahead of expiry nor the end of a pause', async () => {
  const { clock, server, tab, start } = home();
  const { tokens } = tab({ proactive: true });
  await start(tokens);
  await clock.advance(1_000);
  clock.set(clock.now() - 1_800_000);
  server.answer = () => busy(300);
  await clock.advance(LIFETIME_S * 1_000);
  expect(server.requests).toBe(1);
  clock.set(clock.now() - 1_800_000);
  server.answer = () => granted;
  await clock.advance(240_000);
  expect(server.requests).toBe(1);
  await clock.advance(61_000);
  expect(server.requests).toBe(2);
  expect(await clock.runUntil(tokens.getAccessToken())).toBe('access-2');
});
