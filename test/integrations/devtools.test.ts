import { join } from 'node:path';
import { build } from 'esbuild';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createTokenManager, StorageError, type TokenManagerOptions, tokenEndpoint } from '../../src/index.js';
import { keepJournal } from '../../src/integrations/devtools/journal.js';
import { lifeOf } from '../../src/integrations/devtools/life.js';
import { reportOf } from '../../src/integrations/devtools/report.js';
import { simulationOf, withDevtools } from '../../src/integrations/devtools/with-devtools.js';
import { showDevtools } from '../../src/integrations/devtools.js';
import { createWorld, EVENT_TYPES, type Seen } from '../support/world.js';

const create = withDevtools(createTokenManager);

/** Somebody is signed in at a manager that was made for the devtools. */
async function signedIn(options: Partial<TokenManagerOptions> = {}) {
  const world = createWorld();
  const tokens = create({
    refresh: world.refresh,
    platform: world.platform,
    proactive: false,
    retry: { attempts: 1 },
    ...options,
  });
  onTestFinished(tokens.dispose);
  const events: Seen[] = [];
  for (const type of EVENT_TYPES) tokens.on(type, (event) => void events.push({ type, ...event } as Seen));
  await world.run(tokens.startSession(world.server.signIn({ scope: 'openid' })));
  const { faults } = simulationOf(tokens) ?? expect.fail('a manager made for the devtools has switches');
  const code = async (call: Promise<unknown>) => (await world.failure(call)).code;
  const types = () => events.map(({ type }) => type);
  return { ...world, tokens, faults, events, code, types };
}

describe('R5: what they simulate the manager really meets', () => {
  test('offline: no request leaves, the session is kept, and coming back is a wake-up', async () => {
    const { tokens, faults, server, code, run, events } = await signedIn();
    faults.set('network', 'offline');
    expect(await code(tokens.refresh())).toBe('ERR_REFRESH_NETWORK');
    expect(server.tokenRequests).toHaveLength(0);
    expect(events.at(-1)).toMatchObject({ type: 'refreshFailed' });
    faults.set('network', undefined);
    await run(tokens.refresh());
    expect(server.tokenRequests).toHaveLength(1);
    expect(tokens.getSnapshot().status).toBe('active');
  });

  test('offline: the server cannot be told of a sign-out, which is one all the same', async () => {
    const revoke = vi.fn();
    const { tokens, faults, run, types } = await signedIn({ revoke });
    faults.set('network', 'offline');
    await run(tokens.endSession());
    await run(tokens.settled());
    expect(revoke).not.toHaveBeenCalled();
    expect(types()).toContain('revokeFailed');
    expect(tokens.getSnapshot().status).toBe('none');
  });

  test.each([
    ['503', 'ERR_REFRESH_UNAVAILABLE', 0],
    ['429', 'ERR_REFRESH_UNAVAILABLE', 0],
    ['dead', 'ERR_SESSION_REJECTED', 0],
    ['lost', 'ERR_REFRESH_NETWORK', 1],
  ] as const)('the next answer is %s, once: %s', async (answer, expected, granted) => {
    const { tokens, faults, server, code } = await signedIn();
    faults.set('answer', answer);
    expect(await code(tokens.refresh())).toBe(expected);
    expect(server.counts.refreshesGranted).toBe(granted);
    expect(faults.broken.answer).toBeUndefined();
    expect(tokens.getSnapshot().status).toBe(answer === 'dead' ? 'none' : 'active');
  });

  test('a lost answer that a strict server does not forgive ends the session as lost', async () => {
    const { tokens, faults, code, events, clock } = await signedIn();
    faults.set('answer', 'lost');
    await code(tokens.refresh());
    await clock.advance(120_000);
    await code(tokens.refresh());
    expect(events.at(-1)).toMatchObject({ type: 'sessionEnded', reason: 'lost' });
  });

  test('an answer that is five seconds late is waited for', async () => {
    const { tokens, faults, run, clock } = await signedIn();
    const began = clock.now();
    faults.set('answer', 'slow');
    await run(tokens.refresh());
    expect(clock.now() - began).toBe(5_000);
  });

  test('a storage that fails while somebody needs it is told, and the session is kept', async () => {
    const { tokens, faults, run, types, code } = await signedIn();
    faults.set('storage', 'fails');
    expect(await code(tokens.refresh())).toBe('ERR_STORAGE_READ');
    expect(types()).toContain('storageFailed');
    faults.set('storage', undefined);
    await run(tokens.refresh());
    expect(tokens.getSnapshot().status).toBe('active');
  });

  test('a storage that is full is told, and written when there is room again', async () => {
    const { tokens, faults, run, types, stored, clock } = await signedIn();
    const [before] = stored.values();
    faults.set('storage', 'full');
    await run(tokens.refresh());
    expect(types()).toContain('storageFailed');
    expect([...stored.values()]).toEqual([before]);
    faults.set('storage', undefined);
    await clock.advance(120_000);
    expect([...stored.values()]).not.toEqual([before]);
    expect(tokens.getSnapshot().status).toBe('active');
  });

  test('a storage that hangs holds nobody up for ever, and does late what it was asked', async () => {
    const { tokens, faults, run, types, stored, clock, server } = await signedIn();
    const [before] = stored.values();
    faults.set('storage', 'hangs');
    await run(tokens.startSession(server.signIn()));
    expect(types()).toContain('storageFailed');
    expect([...stored.values()]).toEqual([before]);
    faults.set('storage', undefined);
    await clock.settle();
    expect([...stored.values()]).not.toEqual([before]);
  });

  test('a lock that another holds is waited for, and let go in time', async () => {
    const { tokens, faults, run, code, server } = await signedIn();
    faults.set('lock', 'held');
    expect(await code(tokens.refresh())).toBe('ERR_LOCK_TIMEOUT');
    expect(server.tokenRequests).toHaveLength(0);
    const waiting = tokens.refresh();
    faults.set('lock', undefined);
    await run(waiting);
    expect(faults.uses.lock).toBe('free');
  });

  test('a lock that is taken away fails the refresh and not the session', async () => {
    const { tokens, faults, code, run } = await signedIn();
    faults.set('lock', 'lost');
    expect(await code(tokens.refresh())).toBe('ERR_LOCK_LOST');
    faults.set('lock', undefined);
    await run(tokens.refresh());
    expect(tokens.getSnapshot().status).toBe('active');
  });

  test('the clock jumps as in a sleep: the access token has expired, and the next caller waits for another', async () => {
    const { tokens, faults, run, server } = await signedIn();
    const before = await tokens.getAccessToken();
    faults.jump(8 * 3_600_000);
    expect(await run(tokens.getAccessToken())).not.toBe(before);
    expect(server.tokenRequests).toHaveLength(1);
    faults.jump(-faults.clockOffsetMs);
    await run(tokens.getAccessToken());
    expect(server.tokenRequests.length).toBeLessThanOrEqual(2);
  });

  test('a jump of the clock wakes the manager, which refreshes ahead as after a sleep', async () => {
    const { tokens, faults, clock, server } = await signedIn({ proactive: true });
    tokens.subscribe(() => undefined);
    faults.jump(9 * 60_000);
    await clock.settle();
    expect(server.tokenRequests).toHaveLength(1);
  });
});

describe('while nothing is broken', () => {
  test('a manager is what it would be: one refresh for all, the same session, the same key', async () => {
    const world = createWorld();
    const refresh = tokenEndpoint({ url: world.server.tokenUrl, clientId: 'shop', fetch: world.server.fetch });
    const here = create({ refresh, platform: world.platform, proactive: false });
    const there = createTokenManager({ refresh, platform: world.platform, proactive: false });
    await world.run(here.startSession(world.server.signIn({ clientId: 'shop' })));
    expect([...world.stored.keys()]).toEqual([`evertoken:shop@${world.server.tokenUrl}`]);
    expect(await world.run(there.getAccessToken())).toBe(await here.getAccessToken());
    await world.clock.advance(700_000);
    const held = await world.run(Promise.all(Array.from({ length: 20 }, () => here.getAccessToken())));
    expect([new Set(held).size, world.server.tokenRequests.length]).toEqual([1, 1]);
  });

  test('without a platform it has the default one', async () => {
    const { run, server, refresh } = createWorld();
    const tokens = create({ refresh });
    await run(tokens.startSession(server.signIn()));
    expect(tokens.getSnapshot().status).toBe('active');
    tokens.dispose();
  });

  test('serving a fresh access token gives the promise of the manager itself', async () => {
    const { tokens, faults } = await signedIn();
    const first = tokens.getAccessToken();
    expect(tokens.getAccessToken()).toBe(first);
    await first;
    await Promise.resolve();
    expect(faults.uses.callers).toBe(0);
  });

  test.each([
    [undefined],
    [{}],
    [{ refresh: fetch, platform: { storage: {} } }],
    [{ refresh: fetch, platform: null }],
    [{ refresh: fetch, platform: undefined, leeway: 1 }],
  ])('a mistake in the options is told as without them: %o', (options) => {
    const message = (make: typeof createTokenManager): unknown => {
      try {
        return make(options as never);
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(message(create)).toBe(message(createTokenManager));
  });

  test('the fault of a storage that fell back to memory is still seen', async () => {
    const world = createWorld();
    const fault = new StorageError('ERR_STORAGE_READ', 'There is no database.');
    world.platform.storage = Object.assign(world.platform.storage, { fault });
    const tokens = create({ refresh: world.refresh, platform: world.platform });
    const failed = vi.fn();
    tokens.on('storageFailed', failed);
    await world.run(tokens.ready());
    expect(failed).toHaveBeenCalledTimes(1);
    tokens.dispose();
  });
});

describe('R4: closed or hidden they cost nothing but a ring of events', () => {
  test('the ring keeps 200 events, and only its last keeper lets the manager go', async () => {
    const { tokens, run, server } = createWorldWithManager();
    const on = vi.spyOn(tokens, 'on');
    const { journal, release } = keepJournal(tokens);
    const again = keepJournal(tokens);
    expect([on.mock.calls.length, again.journal]).toEqual([EVENT_TYPES.length, journal]);
    for (let count = 0; count < 70; count++) await run(tokens.startSession(server.signIn()));
    for (let count = 0; count < 70; count++) await run(tokens.refresh());
    expect([journal.entries.length, journal.count > 200]).toEqual([200, true]);
    expect(journal.entries.at(-1)?.number).toBe(journal.count);
    const { count } = journal;
    release();
    await run(tokens.refresh());
    expect(journal.count).toBeGreaterThan(count);
    again.release();
    const last = journal.count;
    await run(tokens.refresh());
    expect(journal.count).toBe(last);
  });
});

function createWorldWithManager() {
  const world = createWorld();
  return { ...world, ...world.manager() };
}

describe('R1: they show no token', () => {
  test('the report is free of tokens, ids, scopes and claims, and says what is broken', async () => {
    const { tokens, faults, run, watch, server } = await signedIn();
    watch.learn(await tokens.getAccessToken());
    faults.set('answer', '503');
    await tokens.refresh().catch(() => undefined);
    await run(tokens.refresh());
    faults.set('storage', 'fails');
    faults.jump(1_000);
    const { journal } = keepJournal(tokens);
    const report = reportOf(tokens.getSnapshot(), journal, faults);
    watch.see('report', report);
    expect(watch.leaks()).toEqual([]);
    expect(report).toContain('Broken by the devtools: storage: fails, clock: 1000 ms.');
    expect(report).toMatch(/refreshFailed: Attempt 1 of a refresh failed/);
    expect(report).not.toContain(tokens.getSnapshot().sessionId);
    expect(report).not.toMatch(/openid|ada/);
    expect(server.tokenRequests).toHaveLength(1);
  });
});

test.each([
  [0, 'fresh', 0, 'Fresh: due in 8 min, expires in 10 min.'],
  [500, 'stale', 500 / 600, 'Stale: a refresh is due; expires in 100 s.'],
  [700, 'expired', 1, 'Expired 100 s ago.'],
])('after %i s of ten minutes the access token is %s', async (seconds, word, over, text) => {
  const { tokens, clock } = await signedIn();
  const life = lifeOf(tokens.getSnapshot(), undefined, clock.now() + seconds * 1_000);
  expect(life).toEqual({ word, over, staleFrom: 0.8, text });
});

test('R3: a production build without the import has not a byte of them', async () => {
  const source = (path: string) => JSON.stringify(join(import.meta.dirname, '../../src', path));
  const contents = `
    import { createFetch, createTokenManager } from ${source('index.ts')};
    export const tokens = createTokenManager({ refresh: fetch });
    export const api = createFetch(tokens, { origins: [] });
    if (process.env.NODE_ENV !== 'production') import(${source('integrations/devtools.ts')}).then((devtools) => devtools.showDevtools(tokens));`;
  const bytes: Record<string, number> = {};
  for (const mode of ['development', 'production']) {
    const { metafile } = await build({
      stdin: { contents, resolveDir: import.meta.dirname },
      bundle: true,
      format: 'esm',
      splitting: true,
      outdir: 'out',
      write: false,
      metafile: true,
      minify: true,
      define: { 'process.env.NODE_ENV': JSON.stringify(mode) },
      logLevel: 'error',
    });
    const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs));
    bytes[mode] = inputs
      .filter(([name]) => /integrations\/(devtools|event-sentences)/.test(name))
      .reduce((sum, [, { bytesInOutput }]) => sum + bytesInOutput, 0);
  }
  expect(bytes.production).toBe(0);
  expect(bytes.development).toBeGreaterThan(5_000);
});

test('on a server importing and showing do nothing', () => {
  const { tokens } = createWorldWithManager();
  const on = vi.spyOn(tokens, 'on');
  showDevtools(tokens)();
  expect(on).not.toHaveBeenCalled();
});
