import { expect, test } from 'vitest';
import { createTokenManager, type RefreshRequest, type TokenManager } from '../../src/index.js';
import { fakeClock, peers } from '../../src/testing.js';

/** Tabs on a storage that takes 20 ms a call, and a server that answers after 100 ms with the role of when it was asked. */
async function tabs(count: number, attempts = 3) {
  const clock = fakeClock();
  const all = peers(count, { clock });
  const state = { role: 'reader', requests: 0, failures: 0 };
  const after = (ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve));
  const refresh = async (_: RefreshRequest) => {
    const role = state.role;
    const number = ++state.requests;
    await after(100);
    if (state.failures-- > 0) return new Response('', { status: 503 });
    return { access_token: `${role}-${number}`, refresh_token: `refresh-${number}`, expires_in: 600 };
  };
  const managers = all.map(({ platform }) =>
    createTokenManager({ refresh, platform, proactive: false, retry: { attempts, minDelayMs: 50, maxDelayMs: 50 } }),
  );
  const [first] = managers as [TokenManager];
  await first.startSession({ access_token: 'reader-0', refresh_token: 'refresh-0', expires_in: 600 });
  for (const manager of managers) await manager.getAccessToken();
  for (const peer of all) peer.storageFault = { delayMs: 20 };
  await clock.advance(1_000);
  const dispose = () => {
    for (const manager of managers) manager.dispose();
  };
  return { clock, state, managers, dispose, first, last: managers.at(-1) as TokenManager };
}

for (const [where, count] of [
  ['here', 1],
  ['in another tab', 2],
] as const) {
  test(`at whatever moment of a refresh ${where} refresh() is called, it gives what holds since before the call`, async () => {
    for (const failures of [0, 1]) {
      for (let at = 0; at <= 400; at += 10) {
        const { clock, state, first, last, dispose } = await tabs(count);
        state.failures = failures;
        const early = first.refresh();
        await clock.advance(at);
        state.role = 'admin';
        await clock.runUntil(last.refresh());
        expect(await last.getAccessToken(), `at ${at}`).toMatch('admin');
        await clock.runUntil(early);
        expect(state.requests, `requests, at ${at}`).toBeLessThanOrEqual(2 + failures);
        dispose();
      }
    }
  });
}

test('any number of calls of refresh() share one request that begins after all of them', async () => {
  const { clock, state, first, last, dispose } = await tabs(2);
  const early = first.refresh();
  await clock.advance(70); // its request is under way
  const calls: Promise<void>[] = [];
  for (let call = 0; call < 20; call++) {
    calls.push(first.refresh(), last.refresh());
    await clock.advance(1);
  }
  state.role = 'admin';
  calls.push(first.refresh(), last.refresh());
  await clock.runUntil(Promise.all([early, ...calls]));
  expect(state.requests).toBe(2);
  expect([await first.getAccessToken(), await last.getAccessToken()]).toEqual(['admin-2', 'admin-2']);
  dispose();
});

test('callers beside a refresh() that waits for its own request are served as ever', async () => {
  const { clock, state, first, dispose } = await tabs(1);
  await clock.advance(600_000); // expired
  const expired = first.getAccessToken();
  await clock.advance(70);
  state.role = 'admin';
  const asked = first.refresh();
  expect(await clock.runUntil(expired)).toBe('reader-1');
  expect(await first.getAccessToken()).toBe('reader-1');
  await clock.runUntil(asked);
  expect(await first.getAccessToken()).toBe('admin-2');
  dispose();
});

test('the failure of a refresh that had begun is told to a refresh() that was called since, and nothing more is asked', async () => {
  const { clock, state, first, dispose } = await tabs(1, 1);
  state.failures = 1;
  const early = first.refresh().catch((error: unknown) => error);
  await clock.advance(70);
  const asked = first.refresh().catch((error: unknown) => error);
  expect(await clock.runUntil(asked)).toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE' });
  expect(await clock.runUntil(early)).toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE' });
  expect(state.requests).toBe(1);
  dispose();
});

test('a clock that is an hour ahead, or is set back, neither deceives refresh() nor keeps it waiting', async () => {
  for (const jumpMs of [-3_600_000, 3_600_000]) {
    const { clock, state, first, last, dispose } = await tabs(2);
    const early = first.refresh();
    await clock.advance(70);
    clock.set(clock.now() + jumpMs);
    state.role = 'admin';
    await clock.runUntil(last.refresh());
    expect(await last.getAccessToken()).toMatch('admin');
    await clock.runUntil(early);
    expect(state.requests).toBeLessThanOrEqual(3);
    dispose();
  }
});
