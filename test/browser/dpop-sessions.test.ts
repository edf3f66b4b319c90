import { afterEach, expect, it } from 'vitest';
import { browserKeys, dpop } from '../../src/dpop.js';
import { createFetch, createTokenManager, type TokenManager, tokenEndpoint } from '../../src/index.js';
import { browser } from '../../src/presets/browser.js';
import { createAuthServer } from '../../src/testing.js';

const managers: TokenManager[] = [];
afterEach(async () => {
  await managers[0]?.endSession();
  for (const tokens of managers.splice(0)) tokens.dispose();
});

it('J32, J33: five managers of one origin, as five tabs, share the key of the session: 50 callers, one refresh', async () => {
  const server = createAuthServer({ dpop: 'accepted', dpopNonceUses: 1_000 });
  const key = `bound-${Math.random()}`;
  const tabs = Array.from({ length: 5 }, () => {
    const own = dpop({ keys: browserKeys({ database: 'bound-sessions' }) });
    const refresh = tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch, dpop: own });
    const tokens = createTokenManager({ refresh, platform: browser(), key, proactive: false });
    managers.push(tokens);
    const api = createFetch(tokens, { origins: [server.origin], fetch: own.fetch(tokens, server.fetch) });
    return { own, tokens, api };
  });
  const [first] = tabs;
  if (!first) throw new Error('no tab');
  const { binding } = await first.own.keys.create();
  const { refresh_token = '' } = server.signIn({ clientId: 'app' });
  const response = await first.own.endpoint(binding, server.fetch)(server.tokenUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token, client_id: 'app' }).toString(),
  });
  await first.tokens.startSession(await response.json(), { binding });
  for (const { api } of tabs) expect((await api(server.apiUrl)).status).toBe(200);
  server.revokeAccessTokens();
  const before = server.counts.refreshesGranted;
  const requests = server.tokenRequests.length;
  const calls = tabs.flatMap(({ api }) =>
    Array.from({ length: 10 }, () => api(server.apiUrl, { method: 'POST', body: 'x' })),
  );
  const answers = await Promise.all(calls);
  expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200));
  expect(server.counts.refreshesGranted - before).toBe(1);
  expect(server.tokenRequests.length - requests).toBeLessThanOrEqual(2);
  expect(server.counts.reusesDetected).toBe(0);
  for (const { accessToken = '', status } of server.apiRequests)
    if (status === 200) expect(server.inspect(accessToken)?.jkt ?? binding).toBe(binding);
  await first.own.keys.remove(binding);
});
