import { expect, test } from 'vitest';
import { createTokenManager, inProcess, tokenEndpoint } from '../../src/index.js';
import { createAuthServer, fakeClock } from '../../src/testing.js';
import { atOnce, createWorld, MINUTE, outcome } from '../support/promise-world.js';

test('create, dispose, create in one tick: one request, nothing left behind', async () => {
  const clock = fakeClock();
  const server = createAuthServer({ clock, accessTokenLifetimeMs: 10 * MINUTE, delayMs: 200 });
  const platform = { ...inProcess(), clock };
  const make = () =>
    createTokenManager({
      refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
      platform,
    });
  const seed = make();
  await seed.startSession(server.signIn());
  seed.dispose();
  await clock.advance(11 * MINUTE);
  const first = make();
  first.subscribe(() => undefined);
  const lost = first.getAccessToken();
  first.dispose();
  const second = make();
  second.subscribe(() => undefined);
  const results = await outcome(clock, Promise.allSettled([lost, second.getAccessToken(), first.getAccessToken()]));
  expect(results.value).toMatchObject([
    { status: 'rejected', reason: { code: 'ERR_DISPOSED' } },
    { status: 'fulfilled' },
    { status: 'rejected', reason: { code: 'ERR_DISPOSED' } },
  ]);
  expect(server.tokenRequests).toHaveLength(1);
  second.dispose();
  await clock.settle();
  expect(clock.pending).toBe(0);
});

test('dispose at every moment of a refresh: every pending call is refused, a successor needs no second exchange of the same token', async () => {
  for (let at = 0; at <= 1_200; at += 75) {
    const inner = inProcess();
    const { clock, server, tokens, platform } = createWorld({
      server: { delayMs: 300, answerDelayMs: 300 },
      parts: {
        storage: {
          getItem: (key) => slow(() => inner.storage.getItem(key)) as never,
          setItem: (key, value) => slow(() => inner.storage.setItem(key, value)),
          removeItem: (key) => slow(() => inner.storage.removeItem(key)),
        },
      },
    });
    const slow = (act: () => unknown) => new Promise((resolve) => clock.after(100, () => resolve(act())));
    await outcome(clock, tokens.startSession(server.signIn()));
    await clock.advance(11 * MINUTE);
    const calls = [tokens.getAccessToken(), tokens.refresh(), tokens.replaceAccessToken('x')];
    for (const call of calls) (call as Promise<unknown>).catch(() => undefined);
    await clock.advance(at);
    tokens.dispose();
    const settled = await atOnce(clock, Promise.allSettled(calls));
    expect(settled, `at ${at}`).not.toBe('waits');
    if (settled !== 'waits') {
      for (const one of settled.value ?? []) {
        if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'ERR_DISPOSED' });
      }
    }
    const next = createTokenManager({
      refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
      platform,
      proactive: false,
    });
    expect((await outcome(clock, next.getAccessToken())).ok, `at ${at}`).toBe(true);
    expect(server.counts.reusesDetected).toBe(0);
    next.dispose();
    await clock.advance(MINUTE);
    expect(clock.pending).toBe(0);
  }
});
