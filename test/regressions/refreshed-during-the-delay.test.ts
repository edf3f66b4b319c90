import { expect, test } from 'vitest';
import { createWorld } from '../support/world.js';

test('a peer that refreshes while another waits for its next attempt makes that attempt needless', async () => {
  const world = createWorld({ server: { accessTokenLifetimeMs: 600_000 } });
  const first = world.manager();
  const second = world.manager();
  await world.run(first.tokens.startSession(world.server.signIn()));
  await world.run(second.tokens.getAccessToken());
  await world.clock.advance(2 * 600_000);
  world.server.next({ status: 503 });
  const asked = first.tokens.getAccessToken();
  while (!first.events.some(({ type }) => type === 'refreshFailed')) await world.clock.advance(1);
  const token = world.run(Promise.all([asked, second.tokens.refresh()])).then(([got]) => got);
  expect(await token).toBe(await second.tokens.getAccessToken());
  await world.clock.advance(60_000);
  expect(world.server.counts.refreshesGranted).toBe(1);
  expect(first.tokens.getSnapshot()).toMatchObject({ status: 'active', refreshing: false, error: undefined });
  expect(await first.tokens.getAccessToken()).toBe(await token);
});
