import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { hooks } from '../../src/core/hooks.js';
import { inProcess, type RefreshTokens, type TokenManagerOptions } from '../../src/index.js';
import { readOptions } from '../../src/manager/options.js';
import { startTokenManager } from '../../src/manager/start-token-manager.js';
import { fakeClock } from '../../src/testing.js';

const tokens = { access_token: 'first-access', refresh_token: 'first-refresh', expires_in: 600 };

/** What users hold, with everything that it asks of the storage and of its peers. */
function started(
  refresh: RefreshTokens = async () => ({ ...tokens, access_token: 'new-access' }),
  options: Partial<TokenManagerOptions> = {},
) {
  const clock = fakeClock();
  const used: string[] = [];
  const items = new Map<string, string>();
  const platform = {
    ...inProcess(),
    clock,
    storage: {
      getItem: (key: string) => {
        used.push('read');
        return items.get(key) ?? null;
      },
      setItem: (key: string, value: string) => void items.set(key, value),
      removeItem: (key: string) => void items.delete(key),
    },
    channel: {
      announce: () => undefined,
      subscribe: () => {
        used.push('subscribe');
        return () => undefined;
      },
    },
  };
  const manager = startTokenManager(readOptions({ refresh, platform, proactive: false, ...options }, inProcess));
  return { clock, used, manager };
}

describe('what users hold', () => {
  test('shows its methods and nothing else, and touches nothing when it is made', () => {
    const { manager, used } = started();
    expect(Object.keys(manager)).toEqual([
      'getAccessToken',
      'replaceAccessToken',
      'refresh',
      'startSession',
      'endSession',
      'getSnapshot',
      'ready',
      'settled',
      'subscribe',
      'on',
      'dispose',
    ]);
    manager.on('refreshed', () => undefined);
    manager.getSnapshot();
    expect(used).toEqual([]);
  });

  test('works through methods that are passed on alone, from sign-in to sign-out', async () => {
    const { clock, manager } = started();
    const { startSession, getAccessToken, replaceAccessToken, refresh, getSnapshot, ready, endSession } = manager;
    await clock.runUntil(startSession(tokens));
    expect(await getAccessToken()).toBe('first-access');
    expect(await clock.runUntil(replaceAccessToken('first-access'))).toBe('new-access');
    await clock.advance(1);
    expect(await clock.runUntil(refresh())).toBe(undefined);
    expect(await ready()).toBe(getSnapshot());
    expect(getSnapshot().status).toBe('active');
    await clock.runUntil(endSession());
    expect(getSnapshot().status).toBe('none');
  });

  test('is printed as its snapshot without the claims', async () => {
    const { clock, manager } = started();
    const idToken = `${btoa('{"alg":"none"}')}.${btoa('{"sub":"alice"}')}.c2ln`;
    await clock.runUntil(manager.startSession({ ...tokens, id_token: idToken }));
    const shown = { ...manager.getSnapshot(), claims: undefined };
    expect(manager.getSnapshot().claims).toEqual({ sub: 'alice' });
    expect(JSON.parse(JSON.stringify(manager))).toEqual(JSON.parse(JSON.stringify(shown)));
    expect(inspect(manager)).toBe(inspect(shown));
  });

  test('is disposed of by `using`', () => {
    const { manager } = started();
    expect(manager[Symbol.dispose]).toBe(manager.dispose);
  });
});

describe('the first use', () => {
  const uses: [string, (manager: ReturnType<typeof started>['manager']) => unknown][] = [
    ['getAccessToken()', (manager) => manager.getAccessToken()],
    ['replaceAccessToken()', (manager) => manager.replaceAccessToken('x')],
    ['refresh()', (manager) => manager.refresh()],
    ['startSession()', (manager) => manager.startSession(tokens)],
    ['endSession()', (manager) => manager.endSession()],
    ['ready()', (manager) => manager.ready()],
    ['subscribe()', (manager) => manager.subscribe(() => undefined)],
  ];

  test.each(uses)('is %s: peers are listened to and the storage is read', async (_, use) => {
    const { clock, manager, used } = started();
    Promise.resolve(use(manager)).catch(() => undefined);
    await clock.settle();
    expect(used).toContain('read');
    expect(used.filter((name) => name === 'subscribe')).toHaveLength(1);
  });

  test.each(uses)('is refused after the end: %s', async (_, use) => {
    const { manager } = started();
    manager.dispose();
    const disposed = expect.objectContaining({ code: 'ERR_DISPOSED' });
    await expect((async () => use(manager))()).rejects.toEqual(disposed);
    expect(() => manager.on('refreshed', () => undefined)).toThrow(disposed);
  });

  test('by who shows the session holds callers back until the storage was read', async () => {
    const { clock, manager } = started();
    manager.subscribe(() => undefined);
    let isServed = false;
    manager.getAccessToken().catch(() => {
      isServed = true;
    });
    await Promise.resolve();
    expect([isServed, manager.getSnapshot().status]).toEqual([false, 'loading']);
    await clock.settle();
    expect([isServed, manager.getSnapshot().status]).toEqual([true, 'none']);
  });
});

describe('listening', () => {
  test('is refused for what is no event or no function, and says which there are', () => {
    const { manager } = started();
    expect(() => manager.on('expired' as never, () => undefined)).toThrow(
      'Option type: expected one of sessionStarted, refreshStarted, refreshed, refreshFailed, requestRejected, requestPassedOver, storageFailed, revokeFailed, sessionEnded, but a value of type string came.',
    );
    const message = 'Option listener: expected a value of type function, but a value of type string came.';
    expect(() => manager.on('refreshed', 'x' as never)).toThrow(message);
    expect(() => manager.subscribe('x' as never)).toThrow(message);
  });

  test('hears of the session, until it is given up', async () => {
    const { clock, manager } = started();
    const heard: string[] = [];
    const off = manager.on('sessionStarted', ({ from }) => heard.push(from));
    const unsubscribe = manager.subscribe(() => heard.push(manager.getSnapshot().status));
    await clock.settle();
    await clock.runUntil(manager.startSession(tokens));
    expect(heard).toEqual(['none', 'active', 'sign-in']);
    off();
    unsubscribe();
    await clock.runUntil(manager.endSession());
    await clock.runUntil(manager.startSession(tokens));
    expect(heard).toHaveLength(3);
  });

  test('for integrations hears of everybody who waits', async () => {
    const { clock, manager } = started();
    const waits: Promise<unknown>[] = [];
    const heard = { event: () => undefined, settled: () => undefined, disposed: () => undefined };
    manager[hooks]?.watch?.({ ...heard, wait: (outcome) => void waits.push(outcome) });
    const all = [manager.getAccessToken(), manager.replaceAccessToken('x'), manager.refresh()];
    for (const one of all) one.catch(() => undefined);
    await clock.settle();
    expect(waits).toEqual(all);
    expect(waits.every((wait, index) => wait === all[index])).toBe(true);
  });
});

test('settled() waits for what is under way, for twice the time of a request and 15 s at most', async () => {
  const never: RefreshTokens = () => new Promise(() => undefined);
  const { clock, manager } = started(never, { timeoutMs: 1_000, retry: { attempts: 100, maxDelayMs: 1_000 } });
  await clock.runUntil(manager.startSession(tokens));
  await clock.settle();
  await manager.settled();
  manager.refresh().catch(() => undefined);
  await clock.settle();
  let isSettled = false;
  void manager.settled().then(() => {
    isSettled = true;
  });
  await clock.advance(16_999);
  expect(isSettled).toBe(false);
  await clock.advance(1);
  expect(isSettled).toBe(true);
  manager.dispose();
  await clock.advance(10_000);
});
