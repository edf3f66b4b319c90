import { describe, expect, test } from 'vitest';
import type { RevokeRequest } from '../../src/index.js';
import { type Struck, sweep } from '../support/sweep.js';
import { createWorld, type World } from '../support/world.js';

const typesAfter = ({ events, before }: Struck) => events.slice(before.length).map(({ type }) => type);
const wasRefreshed = ({ before }: Struck) => before.some(({ type }) => type === 'refreshed');

function expectSignedOut(struck: Struck): void {
  const { world, tokens, events, callers, where } = struck;
  expect([...world.stored], where).toEqual([]);
  expect(tokens.getSnapshot(), where).toMatchObject({ status: 'none', sessionId: undefined, refreshing: false });
  const types = events.map(({ type }) => type);
  expect(types.slice(types.indexOf('sessionEnded')), where).not.toContain('refreshed');
  expect(typesAfter(struck), where).not.toContain('sessionStarted');
  const started = events.filter(({ type }) => type === 'sessionStarted').length;
  expect(events.filter(({ type }) => type === 'sessionEnded').length, where).toBe(started);
  for (const { error, wasSettled } of callers) {
    // tokens that were there before the end may still be on their way to whoever asked for them
    if (!wasSettled && !wasRefreshed(struck)) {
      expect(error, where).toMatchObject({ name: 'SessionError', code: 'ERR_NO_SESSION' });
    }
  }
  expect(world.server.tokenRequests.length, where).toBeLessThanOrEqual(1);
  expect(world.clock.pending, where).toBe(0);
}

test('signing out wins, at every moment of a refresh: storage is empty, callers are refused, nothing is refreshed afterwards', async () => {
  const met = await sweep(
    (_world, tokens) => {
      const ended = tokens.endSession();
      expect(tokens.getSnapshot().status).toBe('none');
      return ended;
    },
    async (struck) => {
      expectSignedOut(struck);
      const error = await struck.world.failure(struck.tokens.getAccessToken());
      expect(error, struck.where).toMatchObject({ code: 'ERR_NO_SESSION' });
      struck.tokens.dispose();
    },
  );
  expect(met.size).toBeGreaterThanOrEqual(3 * 12);
}, 120_000);

test('revoke is called in the turn of the call, after the local end, and again where there turn out to have been newer tokens, at every moment of a refresh', async () => {
  const calls = new WeakMap<World, (RevokeRequest & { wasInTurn: boolean; status: string })[]>();
  const isKnown = new WeakMap<World, boolean>();
  const inTurn = new WeakSet<World>();
  const managers = new WeakMap<World, { getSnapshot(): { status: string } }>();
  await sweep(
    (world, tokens) => {
      managers.set(world, tokens);
      isKnown.set(world, tokens.getSnapshot().status === 'active');
      inTurn.add(world);
      const ended = tokens.endSession();
      inTurn.delete(world);
      return ended;
    },
    (struck) => {
      const { world, where, tokens } = struck;
      expectSignedOut(struck);
      const made = calls.get(world) ?? [];
      const told = made.map(({ refreshToken }) => refreshToken);
      expect(new Set(told).size, where).toBe(told.length);
      expect(told.length, where).toBeLessThanOrEqual(2);
      // whatever the server has handed out last is among what it was told
      expect(world.server.inspect(told.at(-1) ?? '')?.active, where).toBe(true);
      for (const { status, accessToken = '', refreshToken = '', wasInTurn } of made) {
        expect(status, where).toBe('none');
        expect(world.server.inspect(accessToken)?.familyId, where).toBe(world.server.inspect(refreshToken)?.familyId);
        if (isKnown.get(world)) expect(made[0]?.wasInTurn, where).toBe(true);
        else expect(wasInTurn, where).toBe(false);
      }
      tokens.dispose();
    },
    (world) => ({
      revoke: async (request) => {
        const made = calls.get(world) ?? [];
        calls.set(world, made);
        made.push({
          ...request,
          wasInTurn: inTurn.has(world),
          status: managers.get(world)?.getSnapshot().status ?? '',
        });
      },
    }),
  );
}, 120_000);

test('signing out while the token endpoint hangs empties the storage at once, and does not wait for the answer', async () => {
  const world = createWorld({ storage: 'fast' });
  const { tokens } = world.manager();
  await world.run(tokens.startSession(world.server.signIn()));
  world.server.always({ hang: true });
  const refreshing = tokens.refresh().catch((error) => error);
  await world.clock.advance(1_000);
  expect(world.server.tokenRequests).toHaveLength(1);
  const ended = tokens.endSession();
  await world.clock.advance(0);
  expect(world.stored.size).toBe(0);
  expect(await refreshing).toMatchObject({ code: 'ERR_NO_SESSION' });
  await world.run(ended);
  await world.run(tokens.settled());
  expect(world.clock.pending).toBe(0);
});

describe('revoking', () => {
  const outcomes: [string, () => Promise<unknown>, number][] = [
    ['that fails', async () => Promise.reject(new Error('no route to host')), 0],
    [
      'that throws',
      () => {
        throw new Error('thrown');
      },
      0,
    ],
    ['that never ends', () => new Promise(() => undefined), 10_000],
  ];
  for (const [name, revoke, boundMs] of outcomes) {
    test(`${name} is bounded and changes nothing but an event`, async () => {
      const world = createWorld();
      const { tokens, events } = world.manager({ revoke });
      await world.run(tokens.startSession(world.server.signIn()));
      const startAt = world.clock.now();
      await world.run(tokens.endSession());
      expect(world.clock.now() - startAt).toBeLessThanOrEqual(boundMs);
      await world.clock.advance(10_000);
      expect(events.map(({ type }) => type).sort()).toEqual(['revokeFailed', 'sessionEnded', 'sessionStarted']);
      expect(world.stored.size).toBe(0);
      expect(world.clock.pending).toBe(0);
      expect(tokens.getSnapshot().status).toBe('none');
    });
  }

  test('a signal tells the revoke function when its time is over', async () => {
    const world = createWorld();
    let signal: AbortSignal | undefined;
    const revoke = (request: RevokeRequest) => {
      signal = request.signal;
      return new Promise(() => undefined);
    };
    const { tokens } = world.manager({ revoke, timeoutMs: 3_000 });
    await world.run(tokens.startSession(world.server.signIn()));
    void tokens.endSession();
    await world.clock.advance(2_999);
    expect(signal?.aborted).toBe(false);
    await world.clock.advance(1);
    expect(signal?.aborted).toBe(true);
  });

  test('happens once, also when two sign out at the same time', async () => {
    const world = createWorld({ storage: 'slow' });
    let calls = 0;
    const { tokens, events } = world.manager({
      revoke: async () => {
        calls++;
      },
    });
    await world.run(tokens.startSession(world.server.signIn()));
    await world.run(Promise.all([tokens.endSession(), tokens.endSession()]));
    await world.run(tokens.endSession());
    expect(calls).toBe(1);
    expect(events.filter(({ type }) => type === 'sessionEnded')).toHaveLength(1);
  });

  test('does not happen where there is no session', async () => {
    const world = createWorld();
    let calls = 0;
    const { tokens, events } = world.manager({
      revoke: async () => {
        calls++;
      },
    });
    await world.run(tokens.endSession());
    expect(calls).toBe(0);
    expect(events).toEqual([]);
  });
});
