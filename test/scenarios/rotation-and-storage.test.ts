import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import {
  createTokenManager,
  inProcess,
  type TokenResponse,
  type TokenStorage,
  tokenEndpoint,
} from '../../src/index.js';
import { createAuthServer, fakeClock } from '../../src/testing.js';
import { LIFETIME, type SignedIn, signedIn } from '../support/signed-in.js';
import { createWorld, STORAGE_SPEEDS, type World } from '../support/world.js';

const KEY = 'evertoken:session';
const never = () => new Promise<never>(() => undefined);
const thrown = () => {
  throw new Error('the disk is on fire');
};
const rejected = async () => thrown();
const ways: [string, () => unknown][] = [
  ['rejects', rejected],
  ['throws', thrown],
  ['never ends', never],
];

/** Makes a method of the storage fail until the returned function is called. */
function breakStorage({ platform }: World, method: 'getItem' | 'setItem' | 'removeItem', fails: () => unknown) {
  const storage = platform.storage as TokenStorage;
  const whole = storage[method];
  Object.assign(storage, { [method]: fails });
  return () => void Object.assign(storage, { [method]: whole });
}

const presented = ({ server }: World) => server.tokenRequests.map(({ refreshToken }) => refreshToken);

/** The refresh token that the server issued last, as far as the server's requests tell. */
async function refreshTokens(home: SignedIn, count: number): Promise<(string | undefined)[]> {
  for (let refresh = 0; refresh < count; refresh++) await home.world.run(home.tokens.refresh());
  return presented(home);
}

describe('the new refresh token is stored before anyone hears of it', () => {
  for (const speed of STORAGE_SPEEDS) {
    test(`callers, listeners, subscribers and peers: ${speed} storage`, async () => {
      const home = await signedIn({}, { storage: speed });
      const { tokens, server, clock, world, stored, moments } = home;
      let issued = '';
      server.next({
        body: (own: TokenResponse) => {
          issued = own.refresh_token ?? '';
          return own;
        },
      });
      const heard: string[] = [];
      const hear = (who: string) => {
        if (issued && tokens.getSnapshot().issuedAt === clock.now()) {
          heard.push(who);
          expect(stored.get(KEY), who).toContain(issued);
        }
      };
      tokens.on('refreshed', () => hear('listener'));
      tokens.subscribe(() => hear('subscriber'));
      await clock.advance(LIFETIME);
      const waiting = tokens.getAccessToken().then(() => {
        heard.push('caller');
        expect(stored.get(KEY)).toContain(issued);
      });
      moments.length = 0;
      await world.run(waiting);
      await clock.settle();
      expect(issued).not.toBe('');
      expect(heard).toContain('caller');
      const order = moments.slice(moments.indexOf('response arrived'));
      expect(order.filter((name) => /setItem|released|announced/.test(name))).toEqual([
        'setItem',
        'setItem settled',
        'lock released',
        'announced',
      ]);
    });
  }

  test('the first one, too: a session that starts is stored before it is announced', async () => {
    const world = createWorld({ storage: 'slow' });
    const { tokens } = world.manager();
    const first = world.server.signIn();
    let held: string | undefined;
    tokens.on('sessionStarted', () => {
      held = world.stored.get(KEY);
    });
    await world.run(tokens.startSession(first));
    expect(held).toContain(first.refresh_token);
    expect(world.moments.indexOf('setItem settled')).toBeLessThan(world.moments.indexOf('announced'));
  });
});

describe('a response without a refresh token, ID token or scope keeps the old one', () => {
  test('the refresh token goes on being presented', async () => {
    const home = await signedIn({}, { server: { omit: ['refresh_token'] } });
    expect(new Set(await refreshTokens(home, 3))).toEqual(new Set([home.first.refresh_token]));
    expect(home.seen('refreshed')).toMatchObject([{ rotated: false }, { rotated: false }, { rotated: false }]);
  });

  test('scopes and claims stay, also in storage', async () => {
    const home = await signedIn();
    const { scopes, claims } = home.tokens.getSnapshot();
    expect(scopes).toEqual(['openid', 'mail']);
    expect(claims).toMatchObject({ sub: 'ada' });
    home.server.set({ omit: ['scope', 'id_token'] });
    await refreshTokens(home, 2);
    expect(home.tokens.getSnapshot()).toMatchObject({ scopes, claims });
    home.tokens.dispose();
    const { tokens: reloaded } = home.world.manager();
    await home.world.run(reloaded.getAccessToken());
    expect(reloaded.getSnapshot()).toMatchObject({ scopes, claims });
  });
});

describe('a 2xx with a new refresh token and something else wrong does not lose the refresh token', () => {
  const wrongs: [string, Record<string, unknown>][] = [
    ['no token_type', { token_type: undefined }],
    ['another token_type', { token_type: 42 }],
    ['a malformed ID token', { id_token: 'not.a-jwt' }],
    ['an ID token that is no string', { id_token: { sub: 'ada' } }],
    ['a malformed scope', { scope: ['mail'] }],
    ['an absurd lifetime', { expires_in: 'soon' }],
    ['no access token', { access_token: undefined }],
    ['an access token with a line break', { access_token: 'abc\r\nX-Evil: 1' }],
    ['an access token that is a number', { access_token: 17 }],
  ];
  test.each(wrongs)('%s', async (_, wrong) => {
    const home = await signedIn();
    const { tokens, server, clock, world, seen } = home;
    let issued: string | undefined;
    server.next({
      body: (own: TokenResponse) => {
        issued = own.refresh_token;
        return { ...own, ...wrong };
      },
    });
    await clock.advance(LIFETIME);
    await world.run(tokens.getAccessToken()).catch(() => undefined);
    await clock.advance(120_000);
    await world.run(tokens.refresh());
    expect(issued).toBeDefined();
    expect(presented(world).slice(0, 2)).toEqual([home.first.refresh_token, issued]);
    expect(server.counts.reusesDetected).toBe(0);
    expect(seen('sessionEnded')).toEqual([]);
    expect(server.inspect(await world.run(tokens.getAccessToken()))?.active).toBe(true);
  });

  test('not even when the page is closed right after', async () => {
    const { tokens, server, clock, world, seen } = await signedIn();
    server.next({ body: (own: TokenResponse) => ({ ...own, access_token: 'a b\n' }) });
    await clock.advance(LIFETIME);
    void tokens.getAccessToken().catch(() => undefined);
    await clock.settle();
    tokens.dispose();
    const { tokens: reloaded } = world.manager();
    await clock.advance(120_000);
    expect(server.inspect(await world.run(reloaded.getAccessToken()))?.active).toBe(true);
    expect(server.counts.reusesDetected).toBe(0);
    expect(seen('sessionEnded')).toEqual([]);
  });
});

describe('one record, one key, one write: no reader ever sees half a session', () => {
  for (const speed of STORAGE_SPEEDS) {
    test(`every state of the storage during five refreshes opens as a whole session: ${speed} storage`, async () => {
      const home = await signedIn({}, { storage: speed });
      const { tokens, clock, world, stored, server } = home;
      const pairs = new Map([[home.first.access_token, home.first.refresh_token]]);
      server.always({
        body: (own: TokenResponse) => {
          pairs.set(own.access_token, own.refresh_token);
          return own;
        },
      });
      const states = new Set<string>();
      world.onMoment = () => {
        expect([...stored.keys()]).toEqual([KEY]);
        states.add(stored.get(KEY) ?? '');
      };
      for (let refresh = 0; refresh < 5; refresh++) {
        await clock.advance(LIFETIME);
        await world.run(tokens.getAccessToken());
      }
      world.onMoment = undefined;
      const found = new Set<string>();
      for (const state of states) {
        const held = [...pairs].filter(([access]) => state.includes(access));
        expect(held).toHaveLength(1);
        const [access = '', refresh = ''] = held[0] ?? [];
        expect(state).toContain(refresh);
        for (const other of pairs.values()) if (other !== refresh) expect(state).not.toContain(other);
        found.add(access);
      }
      expect(found.size).toBe(6);
    });
  }

  test('what an answer brings is one write', async () => {
    const { tokens, world, moments } = await signedIn();
    moments.length = 0;
    await world.run(tokens.refresh());
    const after = moments.slice(moments.indexOf('response arrived'));
    expect(after.filter((name) => name === 'setItem')).toHaveLength(1);
    expect(moments).not.toContain('removeItem');
  });
});

describe('if storing fails, the new tokens live in memory, and the old refresh token is never presented again', () => {
  for (const [how, fails] of ways) {
    for (const from of ['before the refresh', 'once the answer is there'] as const) {
      test(`the storage ${how} ${from}`, async () => {
        const home = await signedIn();
        const { tokens, server, clock, world, seen, stored } = home;
        await clock.advance(LIFETIME);
        let mend: ReturnType<typeof breakStorage> = () => undefined;
        if (from === 'before the refresh') mend = breakStorage(world, 'setItem', fails);
        else {
          world.onMoment = (name) => {
            if (name !== 'response arrived') return;
            mend = breakStorage(world, 'setItem', fails);
            world.onMoment = undefined;
          };
        }
        const token = await world.run(tokens.getAccessToken());
        expect(server.inspect(token)?.active).toBe(true);
        await clock.advance(6_000);
        expect(seen('storageFailed')[0]).toMatchObject({ operation: 'write', error: { code: 'ERR_STORAGE_WRITE' } });
        expect(tokens.getSnapshot().status).toBe('active');
        expect(await world.run(tokens.getAccessToken())).toBe(token);
        // three more lifetimes without a storage
        for (let refresh = 0; refresh < 3; refresh++) {
          await clock.advance(LIFETIME);
          expect(server.inspect(await world.run(tokens.getAccessToken()))?.active).toBe(true);
        }
        expect(new Set(presented(world)).size).toBe(4);
        expect(server.counts.reusesDetected).toBe(0);
        mend();
        await clock.advance(120_000);
        const held = await world.run(tokens.getAccessToken());
        expect(stored.get(KEY)).toContain(held);
        expect(seen('sessionEnded')).toEqual([]);
      });
    }

    test(`writing is tried again until it succeeds, without anybody asking: the storage ${how}`, async () => {
      const { tokens, clock, world, stored } = await signedIn();
      const mend = breakStorage(world, 'setItem', fails);
      await world.run(tokens.refresh());
      const token = await world.run(tokens.getAccessToken());
      await clock.advance(60_000);
      expect(stored.get(KEY)).not.toContain(token);
      mend();
      await clock.advance(60_000);
      expect(stored.get(KEY)).toContain(token);
      expect(clock.pending).toBe(0);
    });

    test(`a session that starts while the storage ${how} lives in memory`, async () => {
      const world = createWorld();
      const { tokens, events } = world.manager();
      const mend = breakStorage(world, 'setItem', fails);
      const first = world.server.signIn();
      await world.run(tokens.startSession(first));
      expect(await world.run(tokens.getAccessToken())).toBe(first.access_token);
      await world.clock.advance(6_000);
      expect(events).toContainEqual(expect.objectContaining({ type: 'storageFailed', operation: 'write' }));
      mend();
      await world.clock.advance(60_000);
      expect(world.stored.get(KEY)).toContain(first.refresh_token);
    });
  }
});

describe('storage that cannot be read is a retryable error within a bound, and nobody is signed out', () => {
  for (const [how, fails] of ways) {
    test(`at start, when it ${how}: nothing is deleted, and the next call after it recovers succeeds`, async () => {
      const { tokens: before, first, world, clock, stored, moments } = await signedIn();
      before.dispose();
      const content = stored.get(KEY);
      moments.length = 0;
      const mend = breakStorage(world, 'getItem', fails);
      const { tokens, events } = world.manager();
      const calls = [
        () => tokens.getAccessToken(),
        () => tokens.refresh(),
        () => tokens.replaceAccessToken(first.access_token),
      ];
      for (const call of calls) {
        const from = clock.now();
        const error = await world.failure(call());
        expect(error).toMatchObject({ name: 'StorageError', code: 'ERR_STORAGE_READ' });
        expect(clock.now() - from).toBeLessThanOrEqual(5_000);
      }
      expect(tokens.getSnapshot()).toMatchObject({ status: 'loading', error: { code: 'ERR_STORAGE_READ' } });
      expect(events.filter(({ type }) => type !== 'storageFailed')).toEqual([]);
      expect(events[0]).toMatchObject({ operation: 'read', error: { code: 'ERR_STORAGE_READ' } });
      expect(moments.filter((name) => /setItem|removeItem/.test(name))).toEqual([]);
      expect(stored.get(KEY)).toBe(content);
      mend();
      expect(await world.run(tokens.getAccessToken())).toBe(first.access_token);
      expect(tokens.getSnapshot()).toMatchObject({ status: 'active', error: undefined });
      expect(events.at(-1)).toMatchObject({ type: 'sessionStarted', from: 'storage' });
    });

    test(`in the midst of a session, when it ${how}: the session goes on`, async () => {
      const { tokens, world, clock, server, seen, moments } = await signedIn();
      const mend = breakStorage(world, 'getItem', fails);
      await clock.advance(LIFETIME);
      moments.length = 0;
      const from = clock.now();
      const outcome = await world.run(tokens.getAccessToken().catch((error) => error));
      if (typeof outcome === 'string') expect(server.inspect(outcome)?.active).toBe(true);
      else expect(outcome).toMatchObject({ code: 'ERR_STORAGE_READ', retryAt: expect.any(Number) });
      expect(clock.now() - from).toBeLessThanOrEqual(2 * 15_000);
      expect(moments).not.toContain('removeItem');
      expect(seen('sessionEnded')).toEqual([]);
      expect(tokens.getSnapshot().status).toBe('active');
      mend();
      await clock.advance(60_000);
      expect(server.inspect(await world.run(tokens.getAccessToken()))?.active).toBe(true);
      expect(server.counts.reusesDetected).toBe(0);
    });
  }
});

describe('a record that is not ours, is damaged, or comes from a newer version', () => {
  async function damaged(content: string) {
    const world = createWorld();
    world.stored.set(KEY, content);
    const { tokens, events } = world.manager();
    return { world, tokens, events };
  }
  const whole = async () => (await signedIn()).stored.get(KEY) ?? '';
  const contents: [string, () => string | Promise<string>][] = [
    ['nothing', () => ''],
    ['a word', () => 'canary-content'],
    ['half of a record', async () => (await whole()).slice(0, 60)],
    ['a record without its end', async () => (await whole()).slice(0, -1)],
    ['null', () => 'null'],
    ['a number', () => '42'],
    ['a list', () => '["canary-content"]'],
    ["somebody else's JSON", () => '{"user":"canary-content","theme":"dark"}'],
    ['tokens of another library', () => '{"access_token":"canary-content","refresh_token":"canary-content"}'],
    ['a record of a newer version', async () => (await whole()).replace(/"evertoken":\d+/, '"evertoken":999')],
    ['a megabyte', () => 'canary-content'.repeat(75_000)],
    ['deep nesting', () => '['.repeat(100_000)],
    ['__proto__', () => '{"__proto__":{"polluted":"canary-content"}}'],
  ];
  test.each(contents)(
    '%s: never throws at start, is reported once without its content, and is left alone',
    async (_, make) => {
      const content = await make();
      const { world, tokens, events } = await damaged(content);
      tokens.subscribe(() => undefined);
      await world.clock.advance(0);
      world.moments.length = 0;
      for (const call of [
        () => tokens.getAccessToken(),
        () => tokens.refresh(),
        () => tokens.replaceAccessToken('refused'),
        () => tokens.getAccessToken(),
      ]) {
        expect(await world.failure(call())).toMatchObject({ code: 'ERR_NO_SESSION' });
      }
      world.wakeups.fire();
      world.platform.channel.announce(KEY);
      await world.clock.advance(60_000);
      const reports = events.filter(({ type }) => type === 'storageFailed');
      expect(reports).toMatchObject([{ operation: 'read', error: { code: 'ERR_STORAGE_CORRUPT' } }]);
      expect(inspect([reports, tokens.getSnapshot()], { depth: 9 })).not.toContain('canary');
      expect(world.stored.get(KEY)).toBe(content);
      expect(world.moments.filter((name) => /setItem|removeItem/.test(name))).toEqual([]);
      expect(tokens.getSnapshot()).toMatchObject({ status: 'none' });
      expect(events.map(({ type }) => type)).not.toContain('sessionEnded');
      expect(({} as { polluted?: string }).polluted).toBeUndefined();

      const first = world.server.signIn();
      await world.run(tokens.startSession(first));
      expect(world.stored.get(KEY)).toContain(first.refresh_token);
      expect(await world.run(tokens.getAccessToken())).toBe(first.access_token);
      expect(tokens.getSnapshot()).toMatchObject({ status: 'active', error: undefined });
    },
  );

  test('one that a peer writes in mid-session signs nobody out', async () => {
    const { tokens, world, stored, seen, first } = await signedIn();
    stored.set(KEY, 'canary-content');
    world.platform.channel.announce(KEY);
    world.wakeups.fire();
    await world.clock.advance(1_000);
    expect(seen('sessionEnded')).toEqual([]);
    expect(await world.run(tokens.getAccessToken())).toBe(first.access_token);
  });
});

test('two sessions under two keys of one platform know nothing of each other', async () => {
  const world = createWorld();
  const one = world.manager({ key: 'one' });
  const two = world.manager({ key: 'two' });
  await world.run(one.tokens.startSession(world.server.signIn({ user: 'ada' })));
  await world.run(two.tokens.startSession(world.server.signIn({ user: 'bob' })));
  expect([...world.stored.keys()]).toEqual(['evertoken:one', 'evertoken:two']);
  await world.run(one.tokens.endSession());
  expect([...world.stored.keys()]).toEqual(['evertoken:two']);
  expect(two.tokens.getSnapshot().status).toBe('active');
});

test('a clock that counts fractions of a millisecond stores sessions that can be read again', async () => {
  const clock = fakeClock();
  const fractional = { ...clock, now: () => clock.now() + 0.25 };
  const server = createAuthServer({ clock });
  const platform = { ...inProcess(), clock: fractional, proactive: false };
  const refresh = tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch });
  const [here, there] = [createTokenManager({ refresh, platform }), createTokenManager({ refresh, platform })];

  await here.startSession(server.signIn());
  await here.refresh();

  expect(await there.getAccessToken()).toBe(await here.getAccessToken());
});
