import { expect, test } from 'vitest';
import { createMeter, watchTokens } from '../examples/demonstration/meter.js';
import { readSettings } from '../examples/demonstration/settings.js';
import type { TokenManager } from '../src/index.js';
import { createWorld } from './support/world.js';

async function watched() {
  const world = createWorld();
  const { tokens } = world.manager({ retry: { attempts: 1 } });
  await tokens.startSession(world.server.signIn());
  const meter = createMeter();
  const source = watchTokens(tokens, meter, world.clock.now);
  const call = { via: 'ky' as const, waited: false, networkMs: 0 };
  return { ...world, tokens, meter, source, call, ask: () => meter.calls.run(call, () => source.getAccessToken()) };
}

test('the demonstration counts nobody who is served at once, be the access token fresh or stale', async () => {
  const { ask, call, clock, meter, server } = await watched();

  await ask();
  await clock.advance(599_000);
  await ask();
  await clock.settle();

  expect(server.tokenRequests).toHaveLength(1);
  expect(call.waited).toBe(false);
  expect(meter).toMatchObject({ waitingPeak: 0, waiting: 0, refusedInVain: 0 });
});

test('the demonstration counts whoever waits for a refresh, while it lasts and afterwards', async () => {
  const { ask, call, clock, meter, server } = await watched();
  server.next({ answerDelayMs: 250 });
  await clock.advance(601_000);

  const waiting = ask();
  await clock.settle();
  expect(meter).toMatchObject({ waiting: 1, waitingPeak: 1 });
  await clock.advance(250);
  await waiting;

  expect(call.waited).toBe(true);
  expect(meter.waiting).toBe(0);
});

test('the demonstration tells who is refused in vain from who is refused for good reason', async () => {
  const { ask, clock, failure, meter, server, tokens } = await watched();
  server.always({ status: 503 });
  await clock.advance(601_000);
  await failure(ask());
  expect(meter.refusedInVain).toBe(0);

  // a manager that refuses although its snapshot shows a usable access token
  const snapshot = { ...tokens.getSnapshot(), expiresAt: clock.now() + 1 };
  const broken = { ...tokens, getSnapshot: () => snapshot };
  await failure(watchTokens(broken as TokenManager, meter, clock.now).getAccessToken());
  expect(meter.refusedInVain).toBe(1);
});

test.each(['0', '1001', '5.5', 'many', ''])('the demonstration refuses %j callers and says what it expects', (text) => {
  expect(() => readSettings(['--callers', text])).toThrow(
    `Expected --callers to be a whole number from 1 to 1000, got ${text}.`,
  );
});
