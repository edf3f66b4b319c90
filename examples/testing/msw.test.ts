import { createFetch, createTokenManager, tokenEndpoint } from 'evertoken';
import { createAuthServer } from 'evertoken/testing';
import { setupServer } from 'msw/node';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

const server = createAuthServer();
const network = setupServer(...server.handlers);

beforeAll(() => network.listen({ onUnhandledFrame: 'error' }));
afterEach(() => server.reset());
afterAll(() => network.close());

test('a rejected access token is replaced, and the request replayed byte by byte', async () => {
  const tokens = createTokenManager({ refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app' }) });
  const api = createFetch(tokens, { origins: [server.origin] }); // the global fetch, which msw answers
  await tokens.startSession(server.signIn());
  server.revokeAccessTokens();

  const response = await api(`${server.apiUrl}/things`, { method: 'POST', body: 'grüß dich' });

  expect(await response.json()).toMatchObject({ method: 'POST', body: 'grüß dich' });
  expect(server.apiRequests.map(({ status }) => status)).toEqual([401, 200]);
  expect(server.apiRequests[1]?.body).toEqual(server.apiRequests[0]?.body);
  tokens.dispose();
});
