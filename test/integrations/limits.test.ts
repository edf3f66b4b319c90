import { describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  createFetch,
  createTokenManager,
  inProcess,
  type TokenManagerOptions,
  tokenEndpoint,
} from '../../src/index.js';
import { type LimitEvents, type LimitOptions, limitSession } from '../../src/integrations/limits.js';
import { createAuthServer, fakeClock, type Peer, peers } from '../../src/testing.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const ITEM = /:limits$/;

/** As many tabs as asked for, on one server. */
function createWorld() {
  const clock = fakeClock();
  const server = createAuthServer({ clock, accessTokenLifetimeMs: 10 * MINUTE });
  const [one, two] = peers(2, { clock });

  function open(peer: Peer, options: Partial<LimitOptions> = {}, manager: Partial<TokenManagerOptions> = {}) {
    const endpoint = tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch });
    const { platform } = peer;
    const tokens = createTokenManager({
      refresh: (request) => peer.through(() => endpoint(request)),
      revoke: async ({ refreshToken }) => {
        const body = new URLSearchParams({ token: refreshToken ?? '', client_id: 'app' });
        await server.fetch(server.revokeUrl, { method: 'POST', body });
      },
      platform,
      proactive: false,
      ...manager,
    });
    const { storage } = platform;
    const limited = limitSession(tokens, { idleMs: 15 * MINUTE, storage, clock: platform.clock, ...options });
    const told: string[] = [];
    for (const type of ['warned', 'warningLifted', 'limitReached'] as const) {
      limited.on(type, ({ because }) => void told.push(`${type} ${because}`));
    }
    tokens.on('sessionEnded', ({ reason }) => void told.push(`sessionEnded ${reason}`));
    onTestFinished(() => {
      limited.dispose();
      tokens.dispose();
    });
    const api = createFetch(limited, { origins: [server.origin], fetch: server.fetch });
    const poll = createFetch(limited.background, { origins: [server.origin], fetch: server.fetch });
    return { tokens, limited, told, api, poll };
  }

  type Tab = ReturnType<typeof open>;
  const signIn = async (tab: Tab) => {
    await clock.runUntil(tab.tokens.startSession(server.signIn({ user: 'ada' })));
    await clock.settle();
  };
  const ready = async (tab: Tab) => {
    await clock.runUntil(tab.tokens.ready());
    await clock.settle();
  };
  /** What a call gets: the status, or the code of the error. */
  const call = (tab: Tab, by: 'api' | 'poll' = 'api') =>
    clock.runUntil(
      tab[by](server.apiUrl).then(
        ({ status }) => status,
        (error: { code?: string }) => error.code,
      ),
    );
  /** Lets time pass, with a use of the tab every so often. */
  const keepUsing = async (tab: Tab, ms: number, everyMs: number) => {
    for (let passed = 0; passed < ms; passed += everyMs) {
      await clock.advance(everyMs);
      tab.limited.used();
      await clock.settle();
    }
  };
  return { clock, server, one, two, open, signIn, ready, call, keepUsing };
}

type World = ReturnType<typeof createWorld>;

/** Two tabs of one session. */
async function twoTabs(world: World, options: Partial<LimitOptions> = {}) {
  const a = world.open(world.one, options);
  await world.signIn(a);
  const b = world.open(world.two, options);
  await world.ready(b);
  return { a, b };
}

const itemOf = (items: ReadonlyMap<string, string>) => {
  const [, text] = [...items].find(([name]) => ITEM.test(name)) ?? [];
  return text === undefined ? undefined : (JSON.parse(text) as { idleMs?: number; endsAt?: number });
};

describe('LI1: after the limit no peer serves a token, the storage is empty, the tokens are revoked, and it is told once', () => {
  test.each([
    ['idle', { idleMs: 15 * MINUTE }, 15 * MINUTE],
    ['absolute', { idleMs: undefined, absoluteMs: HOUR }, HOUR],
  ])('%s', async (because, options, ms) => {
    const world = createWorld();
    const { clock, server, one } = world;
    const { a, b } = await twoTabs(world, options);
    await clock.advance(ms - 1);
    expect(a.tokens.getSnapshot().status).toBe('active');
    expect(b.limited.getSnapshot()).toMatchObject({ status: 'active', because, endsAt: clock.now() + 1 });
    await clock.advance(1);
    await clock.advance(MINUTE);
    expect(await world.call(a)).toBe('ERR_NO_SESSION');
    expect(await world.call(b)).toBe('ERR_NO_SESSION');
    expect([...one.items.keys()]).toEqual([]);
    expect(server.counts.familiesRevoked).toBe(1);
    for (const { told } of [a, b]) expect(told.filter((what) => what === `limitReached ${because}`)).toHaveLength(1);
    for (const { told } of [a, b]) expect(told.filter((what) => what.startsWith('sessionEnded'))).toHaveLength(1);
    await clock.advance(HOUR);
    for (const { told } of [a, b]) expect(told).toHaveLength(2);
    expect([...one.items.keys()]).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  test('the absolute limit counts from the sign-in, through reloads, refreshes and use', async () => {
    const world = createWorld();
    const { clock, one } = world;
    const options = { idleMs: undefined, absoluteMs: 3 * HOUR };
    let tab = world.open(one, options);
    await world.signIn(tab);
    const startedAt = clock.now();
    for (let round = 0; round < 5; round++) {
      await clock.advance(30 * MINUTE);
      expect(await world.call(tab)).toBe(200);
      one.reload();
      tab = world.open(one, options);
      await world.ready(tab);
    }
    expect(tab.limited.getSnapshot()).toMatchObject({ endsAt: startedAt + 3 * HOUR, because: 'absolute' });
    await clock.advance(30 * MINUTE);
    expect(tab.told).toEqual(['limitReached absolute', 'sessionEnded ended']);
  });

  test('a session of before, that was never measured, gets the limits from now on', async () => {
    const world = createWorld();
    const { clock, one } = world;
    const platform = one.platform;
    const before = createTokenManager({ refresh: async () => Response.error(), platform, proactive: false });
    await clock.runUntil(before.startSession({ access_token: 'at', refresh_token: 'rt', expires_in: 86_400 }));
    await clock.advance(HOUR);
    const limited = limitSession(before, { idleMs: MINUTE, storage: platform.storage, clock: platform.clock });
    await clock.settle();
    expect(limited.getSnapshot().endsAt).toBe(clock.now() + MINUTE);
    await clock.advance(MINUTE);
    expect(before.getSnapshot().status).toBe('none');
    limited.dispose();
    before.dispose();
  });

  test('a sign-out in another tab is no limit', async () => {
    const world = createWorld();
    const { a, b } = await twoTabs(world);
    await world.clock.runUntil(a.tokens.endSession());
    await world.clock.settle();
    expect([a.told, b.told]).toEqual([['sessionEnded ended'], ['sessionEnded peer']]);
    expect(world.one.items.size).toBe(0);
  });

  test('the next session has limits of its own', async () => {
    const world = createWorld();
    const { clock, one } = world;
    const options = { absoluteMs: HOUR };
    const { a, b } = await twoTabs(world, options);
    await clock.runUntil(a.limited.tighten({ idleMs: MINUTE }));
    await world.signIn(a);
    await clock.settle();
    expect(itemOf(one.items)?.idleMs).toBeUndefined();
    await world.keepUsing(b, 50 * MINUTE, 10 * MINUTE);
    expect(a.told).toEqual(['sessionEnded replaced']);
    expect(a.tokens.getSnapshot().status).toBe('active');
  });
});

describe('LI2: use in one tab keeps all', () => {
  test.each([10_000, MINUTE, 14 * MINUTE])('every %i ms', async (everyMs) => {
    const world = createWorld();
    const { a, b } = await twoTabs(world);
    await world.keepUsing(a, 4 * HOUR, everyMs);
    expect([a.told, b.told]).toEqual([[], []]);
    expect(await world.call(b)).toBe(200);
  });

  test('the very last use counts in a peer, although uses are written once in a tenth of idleMs', async () => {
    const world = createWorld();
    const { clock } = world;
    const { a, b } = await twoTabs(world);
    await clock.advance(89_000); // within the tenth that began with the sign-in
    a.limited.used();
    await clock.advance(15 * MINUTE - 1);
    expect([a.told, b.told]).toEqual([[], []]);
    await clock.advance(1);
    expect(b.tokens.getSnapshot().status).toBe('none');
  });

  test('a use just before its end counts, where a tenth of idleMs is a few seconds', async () => {
    const world = createWorld();
    const { clock } = world;
    const { a, b } = await twoTabs(world, { idleMs: MINUTE });
    await clock.advance(5_000);
    a.limited.used();
    await clock.advance(MINUTE - 1);
    expect([a.told, b.told]).toEqual([[], []]);
    expect(b.limited.getSnapshot().endsAt).toBe(clock.now() + 1);
  });

  test('a use is written at most once in a tenth of idleMs', async () => {
    const world = createWorld();
    const { one } = world;
    const a = world.open(one);
    await world.signIn(a);
    let writes = 0;
    one.storageFault = (operation, key) => {
      if (operation === 'setItem' && key.endsWith(':used')) writes++;
      return undefined;
    };
    await world.keepUsing(a, 15 * MINUTE, 1_000);
    expect(writes).toBeGreaterThanOrEqual(9);
    expect(writes).toBeLessThanOrEqual(11);
  });

  test('a tab that was frozen meanwhile learns of the use before it ends anything', async () => {
    const world = createWorld();
    const { clock, two } = world;
    const { a, b } = await twoTabs(world);
    two.freeze();
    await world.keepUsing(a, HOUR, 5 * MINUTE);
    two.thaw();
    await clock.settle();
    b.limited.used();
    await clock.advance(MINUTE);
    expect(b.told).toEqual([]);
    expect(await world.call(b)).toBe(200);
  });
});

describe('LI3: refreshes, polls that are marked, and wake-ups never count', () => {
  test('a refresh', async () => {
    const world = createWorld();
    const a = world.open(world.one);
    await world.signIn(a);
    await world.clock.advance(14 * MINUTE);
    await world.clock.runUntil(a.tokens.refresh());
    await world.clock.advance(MINUTE);
    expect(a.told).toEqual(['limitReached idle', 'sessionEnded ended']);
  });

  test('refreshes ahead of expiry', async () => {
    const world = createWorld();
    const a = world.open(world.one, {}, { proactive: true });
    await world.signIn(a);
    await world.clock.advance(15 * MINUTE);
    expect(world.server.counts.refreshesGranted).toBeGreaterThan(0);
    expect(a.told).toEqual(['limitReached idle', 'sessionEnded ended']);
  });

  test('a poll by `background`, while the same request by the session itself does count', async () => {
    const world = createWorld();
    const a = world.open(world.one);
    await world.signIn(a);
    await world.clock.advance(14 * MINUTE);
    expect(await world.call(a)).toBe(200);
    for (let round = 0; round < 14; round++) {
      await world.clock.advance(MINUTE);
      expect(await world.call(a, 'poll')).toBe(200);
    }
    expect(a.told).toEqual([]);
    await world.clock.advance(MINUTE);
    expect(a.told).toEqual(['limitReached idle', 'sessionEnded ended']);
    expect(await world.call(a, 'poll')).toBe('ERR_NO_SESSION');
  });

  test('a wake-up, a reload, a look at the snapshot', async () => {
    const world = createWorld();
    const { clock, one } = world;
    let a = world.open(one);
    await world.signIn(a);
    await clock.advance(14 * MINUTE);
    one.wake();
    one.reload();
    a = world.open(one);
    await world.ready(a);
    a.limited.getSnapshot();
    await clock.advance(MINUTE);
    expect(a.told).toEqual(['limitReached idle', 'sessionEnded ended']);
  });
});

describe('LI4: a sleep over the limit ends the session at the first call, before any request', () => {
  test.each(['getAccessToken', 'replaceAccessToken', 'api', 'poll'] as const)('%s', async (by) => {
    const world = createWorld();
    const { clock, server } = world;
    const a = world.open(world.one);
    await world.signIn(a);
    const accessToken = await clock.runUntil(a.limited.getAccessToken());
    const before = [server.tokenRequests.length, server.apiRequests.length];
    clock.set(clock.now() + HOUR); // a machine whose timers stand still while it sleeps
    const ask = ({ getAccessToken, replaceAccessToken }: typeof a.limited) =>
      by === 'getAccessToken' ? getAccessToken() : replaceAccessToken(accessToken);
    const outcome =
      by === 'api' || by === 'poll' ? world.call(a, by) : clock.runUntil(ask(a.limited).catch(({ code }) => code));
    expect(await outcome).toBe('ERR_NO_SESSION');
    expect([server.tokenRequests.length, server.apiRequests.length]).toEqual(before);
    await clock.settle();
    expect(a.told).toEqual(['limitReached idle', 'sessionEnded ended']);
  });

  test('`used()` after it is too late, and a timer that was overdue ends it as well', async () => {
    const world = createWorld();
    const { clock } = world;
    const a = world.open(world.one);
    await world.signIn(a);
    clock.sleep(HOUR);
    a.limited.used();
    await clock.settle();
    expect(a.told).toEqual(['limitReached idle', 'sessionEnded ended']);
    await world.signIn(a);
    clock.sleep(HOUR);
    await clock.advance(0);
    expect(a.tokens.getSnapshot().status).toBe('none');
  });

  test('a call within a second of the last look is refused as well, once the limit is there', async () => {
    const world = createWorld();
    const { clock, server } = world;
    const a = world.open(world.one);
    await world.signIn(a);
    await clock.advance(15 * MINUTE - 500);
    expect(await world.call(a, 'poll')).toBe(200);
    const before = server.apiRequests.length;
    clock.set(clock.now() + 500);
    a.limited.used();
    expect(await world.call(a)).toBe('ERR_NO_SESSION');
    expect(server.apiRequests.length).toBe(before);
  });

  test('a page that is opened after it', async () => {
    const world = createWorld();
    const { clock, one, server } = world;
    await world.signIn(world.open(one));
    one.crash();
    await clock.advance(HOUR);
    one.reload();
    const a = world.open(one);
    const before = server.tokenRequests.length;
    expect(await world.call(a)).toBe('ERR_NO_SESSION');
    expect([server.tokenRequests.length, server.apiRequests.length]).toEqual([before, 0]);
  });
});

describe('LI5: `warned` comes warnMs before, and use takes it back', () => {
  test('in every tab, also by use in another one', async () => {
    const world = createWorld();
    const { clock } = world;
    const { a, b } = await twoTabs(world, { warnMs: 2 * MINUTE });
    const events: LimitEvents['warned'][] = [];
    b.limited.on('warned', (event) => void events.push(event));
    await clock.advance(13 * MINUTE - 1);
    expect([a.told, b.told]).toEqual([[], []]);
    await clock.advance(1);
    expect([a.told, b.told]).toEqual([['warned idle'], ['warned idle']]);
    const { sessionId } = b.tokens.getSnapshot();
    expect(events).toEqual([{ at: clock.now(), sessionId, endsAt: clock.now() + 2 * MINUTE, because: 'idle' }]);
    a.limited.used();
    expect(a.told.at(-1)).toBe('warningLifted idle');
    await clock.advance(1_000);
    expect(b.told).toEqual(['warned idle', 'warningLifted idle']);
    await clock.advance(15 * MINUTE);
    expect(a.told).toEqual([
      'warned idle',
      'warningLifted idle',
      'warned idle',
      'limitReached idle',
      expect.stringMatching(/^sessionEnded/),
    ]);
  });

  test('at that very moment, in the midst of a minute', async () => {
    const world = createWorld();
    const { clock } = world;
    const a = world.open(world.one, { warnMs: 90_000 });
    await world.signIn(a);
    await clock.advance(13 * MINUTE + 30_000);
    expect(a.told).toEqual(['warned idle']);
  });

  test('of the end of the refresh token as well, which ends nothing here', async () => {
    const world = createWorld();
    const { clock } = world;
    const a = world.open(world.one, { idleMs: undefined, warnMs: MINUTE });
    const granted = { ...world.server.signIn({ user: 'ada' }), refresh_token_expires_in: 600, expires_in: 3_600 };
    await clock.runUntil(a.tokens.startSession(granted));
    await clock.settle();
    expect(a.limited.getSnapshot()).toMatchObject({ because: 'refresh-token', endsAt: clock.now() + 10 * MINUTE });
    await clock.advance(20 * MINUTE);
    expect(a.told).toEqual(['warned refresh-token']);
  });
});

describe('LI6: `tighten` reaches every peer, and nothing loosens', () => {
  test('a tighter idle limit counts in both tabs, from then on', async () => {
    const world = createWorld();
    const { clock } = world;
    const { a, b } = await twoTabs(world);
    await clock.advance(10 * MINUTE);
    await clock.runUntil(a.limited.tighten({ idleMs: 3 * MINUTE }));
    b.limited.used();
    await clock.advance(MINUTE);
    expect(b.limited.getSnapshot().endsAt).toBe(clock.now() + 2 * MINUTE);
    await clock.advance(2 * MINUTE);
    expect([a, b].map(({ tokens }) => tokens.getSnapshot().status)).toEqual(['none', 'none']);
  });

  test('an end that is past ends it at once', async () => {
    const world = createWorld();
    const { a, b } = await twoTabs(world);
    await world.clock.runUntil(a.limited.tighten({ endsAt: world.clock.now() }));
    expect([await world.call(a), await world.call(b)]).toEqual(['ERR_NO_SESSION', 'ERR_NO_SESSION']);
    expect(a.told).toEqual(['limitReached absolute', 'sessionEnded ended']);
  });

  test('a peer keeps to it at its next call although the tab that tightened it is gone, and after a reload', async () => {
    const world = createWorld();
    const { clock, one, two } = world;
    const { a, b } = await twoTabs(world);
    const endsAt = clock.now() + 5 * MINUTE;
    await clock.runUntil(a.limited.tighten({ endsAt }));
    one.crash();
    await clock.advance(1_000);
    expect(await world.call(b)).toBe(200);
    expect(b.limited.getSnapshot()).toMatchObject({ endsAt, because: 'absolute' });
    two.reload();
    const again = world.open(two);
    await world.ready(again);
    expect(again.limited.getSnapshot()).toMatchObject({ endsAt, because: 'absolute' });
    await clock.advanceTo(endsAt);
    expect(await world.call(again)).toBe('ERR_NO_SESSION');
  });

  test('wider limits, and any order of several, change nothing', async () => {
    const world = createWorld();
    const { clock, one } = world;
    const { a, b } = await twoTabs(world);
    const endsAt = clock.now() + 10 * MINUTE;
    await clock.runUntil(a.limited.tighten({ idleMs: 5 * MINUTE, endsAt }));
    await clock.advance(MINUTE);
    for (const tab of [a, b]) await clock.runUntil(tab.limited.tighten({ idleMs: 6 * MINUTE, endsAt: endsAt + 1 }));
    for (const tab of [a, b]) await clock.runUntil(tab.limited.tighten({ idleMs: 5 * MINUTE }));
    expect(itemOf(one.items)).toMatchObject({ idleMs: 5 * MINUTE, endsAt });
    expect(a.limited.getSnapshot().endsAt).toBe(clock.now() + 4 * MINUTE);
  });

  test('two tabs that tighten at the same moment, at any speed of the storage, both count', async () => {
    for (let delayMs = 0; delayMs < 30; delayMs += 3) {
      const world = createWorld();
      const { clock, one, two } = world;
      const { a, b } = await twoTabs(world);
      const endsAt = clock.now() + 10 * MINUTE;
      one.storageFault = { delayMs: 10 };
      two.storageFault = { delayMs };
      const both = [a.limited.tighten({ idleMs: 5 * MINUTE }), b.limited.tighten({ endsAt })];
      await clock.runUntil(Promise.all(both));
      await clock.advance(2_000);
      expect(itemOf(one.items), `${delayMs} ms`).toMatchObject({ idleMs: 5 * MINUTE, endsAt });
    }
  });

  test('use that a peer stores at the same moment undoes nothing', async () => {
    const world = createWorld();
    const { clock, one, two } = world;
    const { a, b } = await twoTabs(world);
    await clock.advance(10 * MINUTE);
    two.storageFault = { delayMs: 300 };
    b.limited.used();
    await clock.runUntil(a.limited.tighten({ idleMs: 5 * MINUTE }));
    one.crash();
    await clock.advance(MINUTE + 2_000);
    expect(itemOf(one.items)).toMatchObject({ idleMs: 5 * MINUTE });
    expect(b.limited.getSnapshot().endsAt).toBe(clock.now() + 4 * MINUTE - 2_000);
  });

  test('a storage that fails is told; the tighter limit holds here, and is stored as soon as that works', async () => {
    const world = createWorld();
    const { clock, one } = world;
    const { a } = await twoTabs(world);
    one.storageFault = (operation) => (operation === 'setItem' ? { error: new Error('full') } : undefined);
    const failure = await clock.runUntil(a.limited.tighten({ idleMs: 5 * MINUTE }).catch((error) => error));
    expect(failure).toMatchObject({ code: 'ERR_STORAGE_WRITE' });
    expect(a.limited.getSnapshot().endsAt).toBe(clock.now() + 5 * MINUTE);
    one.storageFault = undefined;
    await clock.advance(MINUTE);
    expect(itemOf(one.items)).toMatchObject({ idleMs: 5 * MINUTE });
  });

  test('a page that could not read it at first stores nothing looser', async () => {
    const world = createWorld();
    const { clock, one } = world;
    const a = world.open(one);
    await world.signIn(a);
    const endsAt = clock.now() + 10 * MINUTE;
    await clock.runUntil(a.limited.tighten({ endsAt }));
    one.reload();
    one.storageFault = (operation, key) =>
      operation === 'getItem' && ITEM.test(key) ? { error: new Error('busy') } : undefined;
    const again = world.open(one);
    await world.ready(again);
    one.storageFault = undefined;
    await clock.advance(MINUTE);
    expect(itemOf(one.items)).toMatchObject({ endsAt });
    expect(again.limited.getSnapshot()).toMatchObject({ endsAt });
  });

  test('without a session there is nothing to tighten', async () => {
    const world = createWorld();
    const a = world.open(world.one);
    const failure = await world.clock.runUntil(a.limited.tighten({ idleMs: 1 }).catch((error) => error));
    expect(failure).toMatchObject({ code: 'ERR_NO_SESSION' });
  });
});

describe('LI7: a clock set back or forth by two hours', () => {
  test.each(['idle', 'absolute'])(
    'back: it moves the %s limit by at most one lifetime of the access token',
    async (because) => {
      const world = createWorld();
      const { clock } = world;
      const options = because === 'idle' ? {} : { idleMs: undefined, absoluteMs: HOUR };
      const { a, b } = await twoTabs(world, options);
      const leftMs = because === 'idle' ? 10 * MINUTE : 55 * MINUTE;
      await clock.advance(5 * MINUTE);
      clock.set(clock.now() - 2 * HOUR);
      await clock.advance(leftMs - 1);
      expect(a.told).toEqual([]);
      await clock.advance(MINUTE + 1); // what passed between two looks is lost
      expect([a, b].map(({ tokens }) => tokens.getSnapshot().status)).toEqual(['none', 'none']);
      expect(a.told).toContain(`limitReached ${because}`);
    },
  );

  test('back: it neither ends a used session nor makes uses from before it count for longer, also in a page opened then', async () => {
    const world = createWorld();
    const { clock, one } = world;
    let a = world.open(one);
    await world.signIn(a);
    await world.keepUsing(a, HOUR, MINUTE);
    one.crash();
    clock.set(clock.now() - 2 * HOUR);
    one.reload();
    a = world.open(one);
    await world.ready(a);
    await world.keepUsing(a, HOUR, 10 * MINUTE);
    expect(a.told).toEqual([]);
    expect(a.limited.getSnapshot().endsAt).toBe(clock.now() + 15 * MINUTE);
    await clock.advance(15 * MINUTE);
    expect(a.told).toContain('limitReached idle');
  });

  test('back: a moment that `tighten` is given is one of the clock as it is now', async () => {
    const world = createWorld();
    const { clock } = world;
    const { a, b } = await twoTabs(world);
    clock.set(clock.now() - 2 * HOUR);
    const endsAt = clock.now() + 5 * MINUTE;
    await clock.runUntil(a.limited.tighten({ endsAt }));
    expect(a.limited.getSnapshot().endsAt).toBe(endsAt);
    await clock.advanceTo(endsAt);
    expect([a, b].map(({ tokens }) => tokens.getSnapshot().status)).toEqual(['none', 'none']);
  });

  test('forth: a session that is used is not ended by an idle limit above two hours', async () => {
    const world = createWorld();
    const { clock } = world;
    const { a, b } = await twoTabs(world, { idleMs: 4 * HOUR });
    await world.keepUsing(a, HOUR, 10 * MINUTE);
    clock.set(clock.now() + 2 * HOUR);
    await world.keepUsing(a, HOUR, 10 * MINUTE);
    expect([a.told, b.told]).toEqual([[], []]);
    expect(a.limited.getSnapshot().endsAt).toBe(clock.now() + 4 * HOUR);
  });

  test('forth and right again: the idle limit counts from the last use', async () => {
    const world = createWorld();
    const { clock } = world;
    const { a } = await twoTabs(world, { idleMs: 4 * HOUR });
    clock.set(clock.now() + 2 * HOUR);
    await world.keepUsing(a, 10 * MINUTE, MINUTE);
    clock.set(clock.now() - 2 * HOUR);
    a.limited.used();
    await clock.advance(4 * HOUR - MINUTE);
    expect(a.told).toEqual([]);
    await clock.advance(2 * MINUTE);
    expect(a.told).toContain('limitReached idle');
  });
});

describe('limitSession', () => {
  test('serves as the manager does: a signal detaches its caller, a 401 is replayed once, disposal is told', async () => {
    const world = createWorld();
    const { clock, server, one } = world;
    const a = world.open(one);
    await world.signIn(a);
    server.revokeAccessTokens();
    expect(await world.call(a)).toBe(200);
    expect(server.counts.refreshesGranted).toBe(1);
    await clock.advance(2_000);
    one.storageFault = { delayMs: 1_000 };
    const reason = new Error('left');
    const leaving = new AbortController();
    const left = a.limited.getAccessToken({ signal: leaving.signal }).catch((error) => error);
    leaving.abort(reason);
    expect(await left).toBe(reason);
    expect(await a.limited.getAccessToken({ signal: AbortSignal.abort(reason) }).catch((error) => error)).toBe(reason);
    a.tokens.dispose();
    const failure = await clock.runUntil(a.limited.getAccessToken().catch((error) => error));
    expect(failure).toMatchObject({ code: 'ERR_DISPOSED' });
  });

  test('tells of refused requests through the manager, and reads bindings from it', async () => {
    const world = createWorld();
    const a = world.open(world.one);
    await world.signIn(a);
    const rejected = vi.fn();
    a.tokens.on('requestRejected', rejected);
    world.server.revokeAccessTokens();
    await world.call(a, 'poll');
    expect(rejected).toHaveBeenCalledOnce();
  });

  test('a storage that is silent costs a call five seconds at most, and no session', async () => {
    const world = createWorld();
    const { clock } = world;
    const storage = {
      getItem: () => new Promise<string>(() => undefined),
      setItem: () => undefined,
      removeItem: () => 0,
    };
    const a = world.open(world.one, { storage });
    await clock.runUntil(a.tokens.startSession(world.server.signIn({ user: 'ada' })));
    const from = clock.now();
    expect(await world.call(a)).toBe(200);
    expect(clock.now() - from).toBeLessThanOrEqual(5_000);
    await clock.advance(16 * MINUTE);
    expect(a.told).toContain('limitReached idle');
  });

  test('what is no item of ours counts as none', async () => {
    const world = createWorld();
    const { clock, one } = world;
    const items = new Map<string, string>();
    const storage = {
      getItem: (key: string) => items.get(key) ?? null,
      setItem: (key: string, value: string) => void items.set(key, value),
      removeItem: (key: string) => void items.delete(key),
    };
    for (const text of ['', '{', 'null', '7', '{"sessionId":"x"}', '{"sessionId":"x","startedAt":"1"}']) {
      items.set('mine', text);
      const a = world.open(one, { storage, key: 'mine' });
      await world.signIn(a);
      expect(JSON.parse(items.get('mine') ?? '')).toMatchObject({ startedAt: clock.now() });
      expect([...items.keys()]).toEqual(['mine', 'mine:used']);
      await clock.runUntil(a.tokens.endSession());
      await clock.settle();
      expect(items.size).toBe(0);
      a.limited.dispose();
    }
  });

  test('no token is in what it stores', async () => {
    const world = createWorld();
    const a = world.open(world.one);
    await world.signIn(a);
    const accessToken = await world.clock.runUntil(a.limited.getAccessToken());
    const stored = [...world.one.items].filter(([name]) => /:limits/.test(name));
    expect(stored).toHaveLength(2);
    expect(JSON.stringify(stored)).not.toContain(accessToken);
  });

  test('the fault of one listener is reported and harms no other, and one that left hears nothing', async () => {
    const world = createWorld();
    const a = world.open(world.one);
    const report = vi.fn();
    vi.stubGlobal('reportError', report);
    const fault = new Error('mine');
    const heard = vi.fn();
    a.limited.on('limitReached', () => {
      throw fault;
    });
    a.limited.on('limitReached', heard);
    const gone = vi.fn();
    a.limited.on('limitReached', gone)();
    await world.signIn(a);
    await world.clock.advance(15 * MINUTE);
    expect(report).toHaveBeenCalledWith(fault);
    expect(heard).toHaveBeenCalledOnce();
    expect(gone).not.toHaveBeenCalled();
    vi.unstubAllGlobals();
  });

  test('after dispose() it has no timer, and ends nothing', async () => {
    const world = createWorld();
    const a = world.open(world.one);
    await world.signIn(a);
    a.limited.dispose();
    expect(world.clock.pending).toBe(0);
    await world.clock.advance(HOUR);
    expect(a.tokens.getSnapshot().status).toBe('active');
    expect(await world.call(a)).toBe(200);
  });

  test('of several calls of tighten() at once the tightest holds, in whatever order', async () => {
    const world = createWorld();
    const a = world.open(world.one);
    await world.signIn(a);
    expect(await world.call(a)).toBe(200);
    const now = world.clock.now();
    const calls = [5, 1, 60].map((minutes) => a.limited.tighten({ idleMs: minutes * MINUTE }));
    await world.clock.runUntil(Promise.all(calls));
    expect(a.limited.getSnapshot()).toMatchObject({ endsAt: now + MINUTE, because: 'idle' });
    await world.clock.runUntil(a.limited.tighten({ idleMs: 10 * MINUTE, endsAt: now + HOUR }));
    expect(a.limited.getSnapshot()).toMatchObject({ endsAt: now + MINUTE, because: 'idle' });
  });

  test.each(['', '[]', 'null', '{"sessionId":5}', '\u0000', '{"__proto__":{"idleMs":1}}'])(
    'items that are damaged (%j) end nobody early, and prolong nothing',
    async (text) => {
      const world = createWorld();
      const { a, b } = await twoTabs(world);
      for (const name of [...world.one.items.keys()].filter((item) => /:limits/.test(item))) {
        await world.one.platform.storage.setItem(name, text);
      }
      await world.clock.advance(MINUTE);
      expect(await world.call(b)).toBe(200);
      await world.clock.advance(16 * MINUTE);
      expect(await world.call(a)).toBe('ERR_NO_SESSION');
    },
  );

  test('to tighten nothing, or under another name, is refused', async () => {
    const world = createWorld();
    const a = world.open(world.one);
    await world.signIn(a);
    for (const limits of [undefined, {}, { idle: 5 }, { absoluteMs: 5 }]) {
      await expect(a.limited.tighten(limits as never)).rejects.toMatchObject({ code: 'ERR_OPTIONS' });
    }
  });

  test('wrong options are refused', () => {
    const tokens = createTokenManager({ refresh: async () => Response.error() });
    const { storage } = inProcess();
    expect(() => limitSession({} as never, { storage })).toThrow(/tokens/);
    expect(() => limitSession(tokens, {} as never)).toThrow(/storage/);
    expect(() => limitSession(tokens, { storage, idle: 1 } as never)).toThrow(/idleMs/);
    for (const name of ['idleMs', 'absoluteMs', 'warnMs']) {
      for (const value of [0, -1, Number.NaN, Infinity, '1']) {
        expect(() => limitSession(tokens, { storage, [name]: value }), `${name} ${value}`).toThrow(name);
      }
    }
    expect(() => limitSession(tokens, { storage, key: '' })).toThrow(/key/);
    const { getItem, setItem } = storage;
    expect(() => limitSession(tokens, { storage: { getItem, setItem } as never })).toThrow(/storage/);
    for (const clock of [5, {}, { now: () => 0 }]) {
      expect(() => limitSession(tokens, { storage, clock: clock as never })).toThrow(/clock/);
    }
    const limited = limitSession(tokens, { storage });
    for (const type of ['ended', 'toString']) {
      expect(() => limited.on(type as never, () => undefined)).toThrow(/limitReached/);
    }
    expect(() => limited.on('warned', undefined as never)).toThrow(/listener/);
    tokens.dispose();
  });
});
