import { describe, expect, test } from 'vitest';
import { createFetch, type TokenManager, type TokenResponse } from '../../src/index.js';
import { type Struck, sweep } from '../support/sweep.js';
import { createWorld, STORAGE_SPEEDS, type World } from '../support/world.js';

const userOf = (world: World, token: string | undefined) => world.server.inspect(token ?? '')?.user;

/** Nobody who asked for a token of ada's session may be given one of bob's. */
function expectOnlyAda({ world, callers, where }: Struck): void {
  for (const { token, error, isLater } of callers) {
    if (isLater) continue; // who asks beside a sign-in waits for it
    if (token !== undefined) expect(userOf(world, token), where).toBe('ada');
    else expect(error, where).toMatchObject({ name: 'SessionError', code: 'ERR_NO_SESSION' });
  }
}

async function expectBob({ world, tokens, where }: Struck): Promise<void> {
  expect(userOf(world, await world.run(tokens.getAccessToken())), where).toBe('bob');
  const held = [...world.stored.values()].join();
  expect(held, where).toContain(await world.run(tokens.getAccessToken()));
  await world.run(tokens.refresh());
  expect(userOf(world, await world.run(tokens.getAccessToken())), where).toBe('bob');
  expect(world.server.counts.reusesDetected, where).toBe(0);
}

/** Every `refreshed` is about the session that was the present one then. */
function expectOrder({ events, where }: Struck): void {
  let present: string | undefined;
  for (const { type, sessionId } of events) {
    if (type === 'sessionStarted') present = sessionId;
    if (type === 'refreshed' || type === 'sessionEnded') expect(sessionId, where).toBe(present);
    if (type === 'sessionEnded') present = undefined;
  }
}

test('signing in as somebody else, at every moment of a refresh: its outcome is never applied to the new session, and no caller of the old one gets a token of the new', async () => {
  const met = await sweep(
    (world, tokens) => tokens.startSession(world.server.signIn({ user: 'bob' })),
    async (struck) => {
      const { tokens, events, where } = struck;
      expectOnlyAda(struck);
      expectOrder(struck);
      const replaced = events.filter((event) => event.type === 'sessionEnded');
      const announced = events.filter(({ type }) => type === 'sessionStarted').length - 1;
      expect(replaced.length, where).toBe(announced);
      if (replaced[0]) expect(replaced[0], where).toMatchObject({ reason: 'replaced' });
      await expectBob(struck);
      tokens.dispose();
      await struck.world.clock.advance(20_000);
      expect(struck.world.clock.pending, where).toBe(0);
    },
  );
  expect(met.size).toBeGreaterThanOrEqual(3 * 12);
}, 120_000);

test('signing in while the token endpoint hangs starts the session at once, and does not wait for the answer', async () => {
  const world = createWorld({ storage: 'fast' });
  const { tokens } = world.manager();
  await world.run(tokens.startSession(world.server.signIn()));
  world.server.always({ hang: true });
  const refreshing = tokens.refresh().catch((error) => error);
  await world.clock.advance(1_000);
  const bob = world.server.signIn({ user: 'bob' });
  const started = tokens.startSession(bob);
  await world.clock.advance(0);
  expect(await tokens.getAccessToken()).toBe(bob.access_token);
  expect([...world.stored.values()].join()).toContain(bob.refresh_token);
  expect(await refreshing).toMatchObject({ code: 'ERR_NO_SESSION' });
  await started;
  await world.clock.advance(60_000);
  expect(await tokens.getAccessToken()).toBe(bob.access_token);
});

/** Another tab on the same platform, which knows the session before anything happens. */
const peers = new WeakMap<World, TokenManager>();
function peerOf(world: World): TokenManager {
  const peer = peers.get(world) ?? world.manager().tokens;
  peers.set(world, peer);
  return peer;
}

describe('across tabs, at every moment of a refresh', () => {
  test('signing out in one tab signs out the tab that refreshes, and nothing is stored afterwards', async () => {
    await sweep(
      (world) => peerOf(world).endSession(),
      async (struck) => {
        const { world, tokens, events, where } = struck;
        expect([...world.stored], where).toEqual([]);
        expect(tokens.getSnapshot().status, where).toBe('none');
        const started = events.filter(({ type }) => type === 'sessionStarted').length;
        const ended = events.filter((event) => event.type === 'sessionEnded');
        expect(ended.length, where).toBe(started);
        for (const event of ended) expect(event, where).toMatchObject({ reason: 'peer' });
        const types = events.map(({ type }) => type);
        expect(types.slice(types.indexOf('sessionEnded')), where).not.toContain('refreshed');
        expectOnlyAda(struck);
        expect(await world.failure(tokens.getAccessToken()), where).toMatchObject({ code: 'ERR_NO_SESSION' });
        expect(world.server.tokenRequests.length, where).toBeLessThanOrEqual(1);
        tokens.dispose();
        peerOf(world).dispose();
        await world.clock.advance(20_000);
        expect(world.clock.pending, where).toBe(0);
      },
      (world) => {
        peerOf(world);
        return {};
      },
    );
  }, 120_000);

  test('signing in as somebody else in one tab moves the tab that refreshes to the new session', async () => {
    await sweep(
      (world) => peerOf(world).startSession(world.server.signIn({ user: 'bob' })),
      async (struck) => {
        const { world, tokens, where } = struck;
        expectOnlyAda(struck);
        expectOrder(struck);
        expect(tokens.getSnapshot().sessionId, where).toBe(peerOf(world).getSnapshot().sessionId);
        await expectBob(struck);
        tokens.dispose();
        peerOf(world).dispose();
        await world.clock.advance(20_000);
        expect(world.clock.pending, where).toBe(0);
      },
      (world) => {
        peerOf(world);
        return {};
      },
    );
  }, 120_000);
});

describe('across tabs', () => {
  async function tabs(speed: (typeof STORAGE_SPEEDS)[number], count = 5) {
    const world = createWorld({ storage: speed });
    const all = Array.from({ length: count }, () => world.manager());
    const [first] = all;
    if (!first) throw new Error('no tab');
    await world.run(first.tokens.startSession(world.server.signIn()));
    for (const { tokens } of all) await world.run(tokens.getAccessToken());
    return { world, all, first };
  }

  for (const speed of STORAGE_SPEEDS) {
    test(`signing out in one signs out every one within 100 ms: ${speed} storage`, async () => {
      const { world, all, first } = await tabs(speed);
      await world.run(first.tokens.endSession());
      await world.clock.advance(100);
      for (const { tokens, events } of all) {
        expect(tokens.getSnapshot().status).toBe('none');
        const reason = tokens === first.tokens ? 'ended' : 'peer';
        expect(events.filter(({ type }) => type === 'sessionEnded')).toMatchObject([{ reason }]);
        expect(await world.failure(tokens.getAccessToken())).toMatchObject({ code: 'ERR_NO_SESSION' });
      }
    });

    test(`signing in again, as the same or another user, moves every one within 100 ms: ${speed} storage`, async () => {
      for (const user of ['ada', 'bob']) {
        const { world, all, first } = await tabs(speed);
        if (user === 'bob') await world.run(first.tokens.endSession());
        const signedIn: TokenResponse = world.server.signIn({ user });
        await world.run(first.tokens.startSession(signedIn));
        await world.clock.advance(100);
        for (const { tokens, events } of all) {
          expect(tokens.getSnapshot().sessionId).toBe(first.tokens.getSnapshot().sessionId);
          expect(await world.run(tokens.getAccessToken())).toBe(signedIn.access_token);
          const from = tokens === first.tokens ? 'sign-in' : 'peer';
          expect(events.filter(({ type }) => type === 'sessionStarted').at(-1)).toMatchObject({ from });
        }
      }
    });
  }
});

describe('a request of the old session that is refused late is not replayed with a token of the new one', () => {
  for (const [how, refreshes] of [
    ['', 0],
    [', also after the old one was refreshed meanwhile', 2],
  ] as const) {
    for (const where of ['here', 'in another tab'] as const) {
      test(`signing in ${where}${how}`, async () => {
        const world = createWorld({ storage: 'fast' });
        const { tokens, events } = world.manager();
        const { tokens: other } = world.manager();
        await world.run(tokens.startSession(world.server.signIn({ user: 'ada' })));
        let answer = (_response: Response): void => undefined;
        const sent: (string | null)[] = [];
        const send: typeof fetch = async (_input, init) => {
          sent.push(new Headers(init?.headers).get('authorization'));
          return new Promise((resolve) => {
            answer = resolve;
          });
        };
        const api = createFetch(tokens, { origins: ['https://api.example'], fetch: send });
        const asking = api('https://api.example/mail', { method: 'POST', body: 'from ada' });
        await world.clock.settle();
        for (let round = 0; round < refreshes; round++) await world.run(tokens.refresh());
        await world.run((where === 'here' ? tokens : other).startSession(world.server.signIn({ user: 'bob' })));
        await world.clock.advance(1_000);
        expect(userOf(world, await world.run(tokens.getAccessToken()))).toBe('bob');
        const refused = new Response('gone', { status: 401 });
        answer(refused);
        expect(await world.run(asking)).toBe(refused);
        expect(sent).toHaveLength(1);
        expect(events.at(-1)).toMatchObject({ type: 'requestRejected', sessionId: undefined });
        expect(events.filter(({ type }) => type === 'sessionEnded')).toHaveLength(1);
        // a token that nobody knows is no token of the old session
        expect(userOf(world, await world.run(tokens.replaceAccessToken('from elsewhere')))).toBe('bob');
      });
    }
  }

  test('signing in twice with one and the same answer keeps its access token a good one', async () => {
    const world = createWorld({ storage: 'sync' });
    const { tokens } = world.manager();
    const answer = world.server.signIn();
    await world.run(tokens.startSession(answer));
    await world.run(tokens.startSession(answer));
    expect(await world.run(tokens.replaceAccessToken(answer.access_token))).not.toBe(answer.access_token);
  });
});

describe('a page restored from the back/forward cache looks at storage before it serves anything', () => {
  for (const speed of STORAGE_SPEEDS) {
    for (const [what, happen] of [
      ['a sign-out', (world: World, other: TokenManager) => world.run(other.endSession())],
      [
        'a sign-in as somebody else',
        (world: World, other: TokenManager) => world.run(other.startSession(world.server.signIn({ user: 'bob' }))),
      ],
      ['a refresh', (world: World, other: TokenManager) => world.run(other.refresh())],
      ['nothing', async () => undefined],
    ] as const) {
      test(`after ${what} elsewhere: ${speed} storage`, async () => {
        const world = createWorld({ storage: speed });
        // a page in that cache hears nothing of the others
        const deaf = { announce: () => undefined, subscribe: () => () => undefined };
        const { tokens: page, events } = world.manager({ platform: { ...world.platform, channel: deaf } });
        const { tokens: other } = world.manager();
        await world.run(page.startSession(world.server.signIn()));
        await world.run(other.getAccessToken());
        await happen(world, other);
        const now = other.getSnapshot().status === 'none' ? undefined : await world.run(other.getAccessToken());
        world.moments.length = 0;
        world.wakeups.fire();
        const asked = [page.getAccessToken(), page.getAccessToken()];
        for (const one of asked) {
          if (now === undefined) expect(await world.failure(one)).toMatchObject({ code: 'ERR_NO_SESSION' });
          else expect(await world.run(one)).toBe(now);
        }
        expect(world.moments).toContain('getItem settled');
        expect(page.getSnapshot().sessionId).toBe(other.getSnapshot().sessionId);
        expect(world.server.tokenRequests.length).toBe(what === 'a refresh' ? 1 : 0);
        if (what === 'a sign-out') expect(events.at(-1)).toMatchObject({ type: 'sessionEnded', reason: 'peer' });
      });
    }
  }
});
