import { expect, test } from 'vitest';
import { createTokenManager, inProcess, tokenEndpoint } from '../../src/index.js';
import { fakeClock, peers } from '../../src/testing.js';
import { createWorld, HOUR, MINUTE, outcome, record } from '../support/promise-world.js';

test('a lock that never grants is ERR_LOCK_TIMEOUT after timeoutMs + 5 s, and says when', async () => {
  const { clock, server, tokens } = createWorld({ timeoutMs: 3_000 });
  await tokens.startSession(server.signIn());
  tokens.dispose();
  const inner = inProcess();
  let stuck = false;
  const two = createTokenManager({
    refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
    timeoutMs: 3_000,
    proactive: false,
    platform: {
      ...inner,
      clock,
      lock: { run: (...args) => (stuck ? new Promise<never>(() => undefined) : inner.lock.run(...args)) },
    },
  });
  const events = record(two);
  await two.startSession(server.signIn());
  await clock.advance(11 * MINUTE);
  stuck = true;
  const got = await outcome(clock, two.getAccessToken());
  expect(got).toMatchObject({ ok: false, afterMs: 8_000, error: { code: 'ERR_LOCK_TIMEOUT', name: 'LockError' } });
  expect((got.error as { retryAt?: number }).retryAt).toBeDefined();
  expect(events.filter(({ type }) => type === 'refreshFailed')).toHaveLength(1);
  stuck = false;
  expect((await outcome(clock, two.getAccessToken())).ok).toBe(true);
  two.dispose();
});

test('a read that never settles at start is ERR_STORAGE_READ after 5 s, deletes nothing, and the next call after it recovers succeeds', async () => {
  const clock = fakeClock();
  const [peer, seed] = peers(2, { clock });
  const world = createWorld();
  const make = (platform: typeof peer.platform) =>
    createTokenManager({ platform, proactive: false, refresh: async () => ({ access_token: 'b' }) });
  const first = make(seed.platform);
  await first.startSession(world.server.signIn());
  const item = [...seed.items];
  peer.storageFault = { hang: true };
  const tokens = make(peer.platform);
  const events = record(tokens);
  const got = await outcome(clock, tokens.getAccessToken());
  expect(got).toMatchObject({ ok: false, afterMs: 5_000, error: { code: 'ERR_STORAGE_READ', name: 'StorageError' } });
  expect((got.error as { retryAt?: number }).retryAt).toBeDefined();
  expect(events.map(({ type }) => type)).toEqual(['storageFailed']);
  peer.storageFault = undefined;
  expect((await outcome(clock, tokens.getAccessToken())).ok).toBe(true);
  expect([...seed.items]).toEqual(item);
  for (const manager of [first, tokens, world.tokens]) manager.dispose();
  await clock.advance(HOUR);
});
