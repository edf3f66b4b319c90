import { expect, test } from 'vitest';
import { createTokenManager, inProcess, tokenEndpoint } from '../../src/index.js';
import { createAuthServer, fakeClock } from '../../src/testing.js';

const MINUTE = 60_000;

test('a clock that is set back after a refresh does not keep a token in use until the clock has caught up', async () => {
  for (const backMs of [2 * MINUTE, 60 * MINUTE, 60 * 24 * 60 * MINUTE]) {
    const clock = fakeClock();
    const server = createAuthServer({ clock, accessTokenLifetimeMs: 10 * MINUTE });
    const tokens = createTokenManager({
      refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
      platform: { ...inProcess(), clock },
      proactive: false,
    });
    await tokens.startSession(server.signIn());
    await clock.advance(11 * MINUTE);
    await clock.runUntil(tokens.getAccessToken());
    expect(server.tokenRequests).toHaveLength(1);

    clock.set(clock.now() - backMs);
    for (let second = 0; second < 10; second++) {
      await clock.runUntil(tokens.getAccessToken());
      await clock.advance(1_000);
    }

    // one refresh tells anew how long a token lives, and no other follows it
    expect(server.tokenRequests, `${backMs} ms back`).toHaveLength(2);
    expect(tokens.getSnapshot().issuedAt).toBeLessThanOrEqual(clock.now());
    tokens.dispose();
  }
});
