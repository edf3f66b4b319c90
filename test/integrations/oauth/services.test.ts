import { describe, expect, onTestFinished, test } from 'vitest';
import { createTokenManager, inProcess, type Platform } from '../../../src/index.js';
import { grant, oauthClient } from '../../../src/integrations/oauth.js';
import { createAuthServer, fakeClock } from '../../../src/testing.js';

const MINUTE = 60_000;

/** Processes of one service, which share a storage and a lock. */
function service() {
  const clock = fakeClock(Date.UTC(2026, 5, 1, 12));
  const server = createAuthServer({ clock, clients: [{ clientId: 'service', clientSecret: 'secret of the service' }] });
  const platform: Platform = { ...inProcess(), clock };
  const process = () => {
    const client = oauthClient({
      issuer: server.origin,
      clientId: 'service',
      authentication: { secret: 'secret of the service' },
      fetch: server.fetch,
    });
    const refresh = grant(client, 'client_credentials', { scope: 'orders.read' });
    const tokens = createTokenManager({ refresh, platform, refreshTokenIn: 'none', proactive: false });
    onTestFinished(() => tokens.dispose());
    return tokens;
  };
  return { clock, server, process };
}

describe('J25: client credentials', () => {
  test('any number of callers and processes cost one request, and so after every expiry', async () => {
    const { clock, server, process } = service();
    const processes = [process(), process(), process()];
    for (let round = 1; round <= 3; round++) {
      const calls = processes.flatMap((tokens) => Array.from({ length: 20 }, () => tokens.getAccessToken()));
      const held = await clock.runUntil(Promise.all(calls));
      expect(new Set(held).size).toBe(1);
      expect(server.tokenRequests).toHaveLength(round);
      await clock.advance(3_600_000);
    }
  });

  test('a refusal signs nobody out and is not hammered', async () => {
    const { clock, server, process } = service();
    const processes = [process(), process()];
    const ask = () =>
      clock.runUntil(Promise.all(processes.map((tokens) => tokens.getAccessToken().catch(({ name }) => name))));
    server.always({ status: 401, body: JSON.stringify({ error: 'invalid_client' }) });
    for (let call = 0; call < 50; call++) expect(await ask()).toEqual(['RefreshError', 'RefreshError']);
    expect(server.tokenRequests.length).toBeLessThanOrEqual(2);
    await clock.advance(10 * MINUTE);
    server.always(undefined);
    const [one, two] = await ask();
    expect(server.inspect(one)?.active).toBe(true);
    expect(two).toBe(one);
  });
});
