import { expect, test } from 'vitest';
import { createFetch, createTokenManager, type Platform, type TokenManager } from '../../src/index.js';
import { fakeClock, peers } from '../../src/testing.js';

const outcome = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error: { code?: string }) => error.code,
  );

test('a rejected session is asked about no more, however long two tabs with slow storages go on asking', async () => {
  const clock = fakeClock();
  const [tab, other] = peers(2, { clock });
  let asked = 0;
  const manager = (platform: Platform): TokenManager =>
    createTokenManager({
      refresh: async () => {
        asked++;
        return Response.json({ error: 'invalid_grant' }, { status: 400 });
      },
      proactive: false,
      platform,
    });
  const tokens = manager(tab.platform);
  await clock.runUntil(tokens.startSession({ access_token: 'a', refresh_token: 'r', expires_in: 60 }));
  const beside = manager(other.platform);
  await clock.runUntil(beside.ready());
  const ended: string[] = [];
  for (const each of [tokens, beside]) each.on('sessionEnded', ({ reason }) => void ended.push(reason));
  await clock.advance(60_000);
  tab.storageFault = { delayMs: 300 };
  other.storageFault = { delayMs: 700 };
  const refusing = async () => new Response(null, { status: 401 });
  const outcomes: Promise<string | undefined>[] = [];
  for (let round = 0; round < 100; round++) {
    for (const each of [tokens, beside]) {
      const api = createFetch(each, { origins: ['https://api.test'], fetch: refusing });
      const calls = [api('https://api.test/'), each.getAccessToken(), each.refresh(), each.replaceAccessToken('a')];
      outcomes.push(...calls.map(outcome));
    }
    await clock.advance(97); // over nine seconds: "nobody is signed in" is looked at again and again
  }
  const seen = new Set(await clock.runUntil(Promise.all(outcomes)));
  expect([...seen].sort()).toEqual(['ERR_NO_SESSION', 'ERR_SESSION_REJECTED']);
  expect(asked).toBe(1);
  expect(ended.sort()).toEqual(['peer', 'rejected']);
});
