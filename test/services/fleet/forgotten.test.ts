import { describe, expect, test } from 'vitest';
import { memoryDueIndex } from '../../../src/services/fleet.js';
import { fleetWorld, heldQueue } from './fleet-world.js';

const HOUR = 3_600_000;
const idle = { feed: false, work: false };

describe('sessions that must not be forgotten', () => {
  test('FL16 reindex() says so where a record cannot be read, and leaves no session out in silence', async () => {
    const world = fleetWorld();
    const { fleet } = world.process(
      {
        open: (key, guard) => {
          const tokens = world.open(key, guard);
          const loading = async () => ({ ...tokens.getSnapshot(), status: 'loading' as const });
          return key === 'b' ? { ...tokens, ready: loading } : tokens;
        },
      },
      idle,
    );
    await world.signIn('a', 'b');
    await expect(world.clock.runUntil(fleet.reindex(['a', 'b']))).rejects.toMatchObject({ code: 'ERR_STORAGE_READ' });
  });

  test('FL11 reindex() does not hide a refresh under way from those who are to take it over', async () => {
    const world = fleetWorld({ server: { delayMs: 2_000 } });
    const { fleet } = world.process({}, idle);
    await world.signIn('a');
    const refreshed = fleet.refresh('a');
    await world.clock.advance(100);
    expect(await world.due.get('a')).toMatchObject({ urgent: true });
    await world.clock.runUntil(fleet.reindex(['a']), { withinMs: 1_000 });
    expect(await world.due.get('a')).toMatchObject({ urgent: true });
    await world.clock.runUntil(refreshed);
  });

  test.each([
    ['is listed although the index could not be written then', false],
    ['is not taken out of the index late, once the customer has connected again', true],
  ])('FL12 a session that its provider ended %s', async (_, isBack) => {
    let isDown = false;
    const world = fleetWorld({
      due: (clock) => {
        const due = memoryDueIndex({ clock });
        return {
          ...due,
          remove: (key, ended) => {
            if (isDown) throw new Error('down');
            return due.remove(key, ended);
          },
        };
      },
    });
    const { fleet } = world.process({}, idle);
    await world.signIn('a');
    world.server.revokeFamily();
    isDown = true;
    await expect(world.clock.runUntil(fleet.refresh('a'))).rejects.toThrow('refused the refresh');
    await world.clock.advance(2_500);
    if (isBack) await world.signIn('a');
    isDown = false;
    await world.clock.advance(2_500);
    expect((await fleet.ended()).map(({ key, reason }) => `${key} ${reason}`)).toEqual(isBack ? [] : ['a rejected']);
    expect(await world.due.get('a')).toEqual(isBack ? expect.objectContaining({ key: 'a' }) : undefined);
  });

  test('a customer who connects again while a worker clears away what was left stays in the index', async () => {
    let reconnect: (() => Promise<void>) | undefined;
    const world = fleetWorld({
      due: (clock) => {
        const due = memoryDueIndex({ clock });
        return {
          ...due,
          // the worker has seen that there is no record, and asks for the entry
          get: async (key) => {
            const again = reconnect;
            reconnect = undefined;
            await again?.();
            return due.get(key);
          },
        };
      },
    });
    const now = world.clock.now();
    await world.due.put('a', { lane: 'default', at: now, expiresAt: now, keepAliveAt: now });
    reconnect = async () => {
      const response = world.server.signIn({ user: 'a' });
      await world.open('a', { endsSession: () => true, proactive: false }).startSession(response);
    };
    world.process();
    await world.pass(2_000);
    expect(reconnect).toBeUndefined();
    expect(await world.due.get('a')).toMatchObject({ expiresAt: world.expiresAt('a') });
  });

  test('a customer who connects again while the end of the last session is being listed stays in the index', async () => {
    let reconnect: (() => Promise<void>) | undefined;
    const world = fleetWorld({
      due: (clock) => {
        const due = memoryDueIndex({ clock });
        return {
          ...due,
          remove: async (key, ended) => {
            const again = ended && (await world.due.get(key)) === undefined ? reconnect : undefined;
            if (again) reconnect = undefined;
            await again?.();
            return due.remove(key, ended);
          },
        };
      },
    });
    await world.signIn('a');
    reconnect = async () => {
      const response = world.server.signIn({ user: 'a' });
      await world.open('a', { endsSession: () => true, proactive: false }).startSession(response);
    };
    const { fleet } = world.process({}, idle);
    world.server.revokeFamily();
    await world.clock.runUntil(fleet.refresh('a').catch(() => undefined));
    await world.pass(3_000);
    expect(reconnect).toBeUndefined();
    expect(await world.due.get('a')).toMatchObject({ expiresAt: world.expiresAt('a') });
    expect(await fleet.ended(), 'who is back need not be asked to come back').toEqual([]);
  });

  test('FL2 a session without a known expiry is refreshed once by two jobs at the same time', async () => {
    const world = fleetWorld({ lanes: { default: { keepAliveMs: HOUR } } });
    const { queue, work } = heldQueue();
    world.process({ queue });
    const { expires_in, ...response } = world.server.signIn({ user: 'a' });
    const tokens = world.open('a', { endsSession: () => true, proactive: false });
    await world.clock.runUntil(tokens.startSession(response));
    tokens.dispose();
    world.clock.sleep(1.1 * HOUR);
    await world.clock.advance(1_000);
    await world.clock.runUntil(Promise.all([work('a'), work('a')]));
    expect(world.server.tokenRequests).toHaveLength(1);
  });
});
