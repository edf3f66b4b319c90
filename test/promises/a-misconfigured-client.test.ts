import { expect, test } from 'vitest';
import { createWorld, MINUTE, outcome } from '../support/promise-world.js';

test.each(['invalid_client', 'unauthorized_client', 'invalid_scope'])(
  '%s is reported as such, not hammered, and signs nobody out',
  async (code) => {
    const { clock, server, tokens } = createWorld({ proactive: true });
    await tokens.startSession(server.signIn());
    server.always({ status: 401, body: { error: code } });
    clock.sleep(11 * MINUTE);
    const got = await outcome(clock, tokens.getAccessToken());
    expect(got).toMatchObject({
      ok: false,
      error: { code: 'ERR_REFRESH_CONFIG', oauthError: code, status: 401, attempts: 1 },
    });
    for (let minute = 0; minute < 60; minute++) {
      await clock.advance(MINUTE);
      tokens.getAccessToken().catch(() => undefined);
    }
    expect(server.tokenRequests.length).toBeLessThanOrEqual(62);
    expect(tokens.getSnapshot().status).toBe('active');
    tokens.dispose();
  },
);
