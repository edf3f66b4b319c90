import { expect, test } from 'vitest';
import { createTokenManager, inProcess } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

async function home(storingMs: number, answeringMs: number) {
  const clock = fakeClock();
  const platform = { ...inProcess(), clock };
  const { storage } = platform;
  const pass = (ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve));
  const state = { requests: 0, storingMs: 0 };
  const setItem = async (key: string, value: string) => {
    if (state.storingMs > 0) await pass(state.storingMs);
    return storage.setItem(key, value);
  };
  const tokens = createTokenManager({
    refresh: async () => {
      await pass(answeringMs);
      return { access_token: `access-${++state.requests}`, expires_in: 4 };
    },
    platform: { ...platform, storage: { ...storage, setItem } },
    proactive: false,
  });
  await tokens.startSession({ access_token: 'access-0', refresh_token: 'refresh', expires_in: 4 });
  state.storingMs = storingMs;
  await clock.advance(4_000);
  return { clock, state, tokens };
}

test('a token that expired while a slow storage took it is not served: another refresh brings a fresh one', async () => {
  const { clock, state, tokens } = await home(4_500, 10);
  const token = tokens.getAccessToken();
  await clock.advance(11_000); // the mark and the tokens, and the mark of the second attempt
  state.storingMs = 0;
  expect(await clock.runUntil(token)).toBe('access-2');
  expect(state.requests).toBe(2);
});

test('of a server whose tokens have expired when they come, callers get what there is, without another request', async () => {
  const { clock, state, tokens } = await home(0, 5_000);
  expect(await clock.runUntil(tokens.getAccessToken())).toBe('access-1');
  expect(state.requests).toBe(1);
});
