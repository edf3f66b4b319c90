import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { createTokenManager, tokenEndpoint } from '../../src/index.js';

test.each([301, 302, 303, 307, 308])(
  'a token endpoint that redirects (%i) sees the refresh token go nowhere else, and the session is kept',
  async (status) => {
    const seen: string[] = [];
    const other = createServer((_, res) => {
      seen.push('other');
      res.end('{}');
    });
    await new Promise<void>((r) => other.listen(0, '127.0.0.1', r));
    const here = createServer((req, res) => {
      seen.push(`${req.method}`);
      res.writeHead(status, { Location: `http://127.0.0.1:${(other.address() as AddressInfo).port}/` }).end();
    });
    await new Promise<void>((r) => here.listen(0, '127.0.0.1', r));
    const tokens = createTokenManager({
      refresh: tokenEndpoint({
        url: `http://127.0.0.1:${(here.address() as AddressInfo).port}/token`,
        clientId: 'app',
      }),
      retry: { attempts: 1 } as never,
    });
    await tokens.startSession({
      access_token: 'a-access-token',
      refresh_token: 'a-refresh-token',
      token_type: 'Bearer',
      expires_in: 3600,
    });
    const error = await tokens.refresh().catch((e) => e);
    expect(error.name).toBe('RefreshError');
    expect(seen).toEqual(['POST']);
    expect(tokens.getSnapshot().status).toBe('active');
    tokens.dispose();
    other.closeAllConnections();
    here.closeAllConnections();
    other.close();
    here.close();
  },
);

test('parameters and headers of the caller cannot displace its own, and an Accept in any case is the caller’s', async () => {
  for (const accept of ['accept', 'Accept', 'ACCEPT']) {
    const sent: Request[] = [];
    const refresh = tokenEndpoint({
      url: 'https://auth.example/token?tenant=1',
      clientId: 'app',
      clientSecret: 'secret',
      authentication: 'post',
      parameters: {
        grant_type: 'password',
        refresh_token: 'other',
        client_id: 'other',
        client_secret: 'other',
        scope: 'a b',
      },
      headers: { 'CONTENT-TYPE': 'text/plain', [accept]: 'application/x-own' },
      fetch: async (...args) => {
        sent.push(new Request(...args));
        return new Response('{}');
      },
    });
    const { signal } = new AbortController();
    const rest = { accessToken: undefined, scopes: [], reason: 'due', attempt: 1, attemptId: 'x', signal } as const;
    await refresh({ refreshToken: 'r&=+ %', ...rest });
    const [request] = sent;
    expect(request?.url).toBe('https://auth.example/token?tenant=1');
    expect(Object.fromEntries(new URLSearchParams(await request?.text()))).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'r&=+ %',
      client_id: 'app',
      client_secret: 'secret',
      scope: 'a b',
    });
    expect(request?.headers.get('content-type')).toBe('application/x-www-form-urlencoded');
    expect(request?.headers.get('accept')).toBe('application/x-own');
  }
});
