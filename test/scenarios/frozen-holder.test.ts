import { expect, test } from 'vitest';
import { createTokenManager, tokenEndpoint } from '../../src/index.js';
import { createAuthServer, fakeClock, peers } from '../../src/testing.js';

const timeoutMs = 10_000;
/** How long a caller waits for the lock at most. */
const waitMs = timeoutMs + 5_000;

test('tabs that ask just when another freezes with the lock get their token within the bound, from one request', async () => {
  const clock = fakeClock();
  const server = createAuthServer({ clock, reuseWindowMs: 60_000 });
  const tabs = peers(5, { clock });
  const endpoint = tokenEndpoint({ url: server.tokenUrl, clientId: 'spa', fetch: server.fetch });
  const managers = tabs.map((tab) =>
    createTokenManager({
      refresh: (request) => tab.through(() => endpoint(request)),
      platform: tab.platform,
      proactive: false,
      timeoutMs,
    }),
  );
  await clock.runUntil(managers[0]?.startSession(server.signIn()) as Promise<void>);
  for (const manager of managers) manager.subscribe(() => undefined);
  await clock.advance(2 * 3_600_000);
  server.set({ delayMs: 1_000 });
  const answers = managers.map((manager) => manager.getAccessToken().catch((error: unknown) => error));
  await clock.advance(500);
  expect(server.tokenRequests).toHaveLength(1);
  tabs[0]?.freeze(); // it was the first to ask
  const others = Promise.all(answers.slice(1));
  const frozenAt = clock.now();
  const tokens = await clock.runUntil(others);
  expect(new Set(tokens).size).toBe(1);
  expect(server.inspect(String(tokens[0]))?.active).toBe(true);
  expect(clock.now() - frozenAt).toBeLessThanOrEqual(waitMs + 1_000);
  expect(server.tokenRequests).toHaveLength(2);
  tabs[0]?.thaw();
  expect(await clock.runUntil(answers[0] as Promise<unknown>)).toBe(tokens[0]);
});
