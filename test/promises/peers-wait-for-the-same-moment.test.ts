import { expect, test } from 'vitest';
import { createTokenManager, tokenEndpoint } from '../../src/index.js';
import { peers } from '../../src/testing.js';
import { createWorld, MINUTE, outcome } from '../support/promise-world.js';

test('peers, and a page that reloads, see the same retryAt, and ask nobody before it', async () => {
  const world = createWorld();
  const [first, second] = peers(2, { clock: world.clock });
  const make = (platform: typeof first.platform) =>
    createTokenManager({
      refresh: tokenEndpoint({ url: world.server.tokenUrl, clientId: 'app', fetch: world.server.fetch }),
      platform,
      proactive: false,
      retry: { attempts: 1, minDelayMs: 20_000, maxDelayMs: 60_000 },
    });
  const one = make(first.platform);
  await one.startSession(world.server.signIn());
  const two = make(second.platform);
  await outcome(world.clock, two.getAccessToken());
  await world.clock.advance(11 * MINUTE);
  world.server.always({ status: 500 });
  const { error } = await outcome(world.clock, one.getAccessToken());
  const { retryAt } = error as { retryAt: number };
  const three = make(second.open().platform);
  for (const other of [two, three]) {
    const got = await outcome(world.clock, other.getAccessToken());
    expect(got).toMatchObject({ ok: false, error: { code: 'ERR_REFRESH_UNAVAILABLE', retryAt } });
    expect(other.getSnapshot()).toMatchObject({ status: 'active', retryAt, error: { retryAt } });
  }
  expect(world.server.tokenRequests).toHaveLength(1);
  for (const manager of [one, two, three]) manager.dispose();
});
