import { describe, expect, test } from 'vitest';
import type { Lock, TokenStorage } from '../../src/index.js';
import { quietPeer, type SignedIn, signedIn, silent } from '../support/signed-in.js';
import { createWorld, type World } from '../support/world.js';

const KEY = 'evertoken:session';

const count = ({ moments }: World, name: string) => moments.filter((moment) => moment === name).length;

function replace(world: World, methods: Partial<TokenStorage>): () => void {
  const storage = world.platform.storage as TokenStorage;
  const whole = { ...storage };
  Object.assign(storage, methods);
  return () => void Object.assign(storage, whole);
}

const broken = () => Promise.reject(new Error('broken'));

async function signedOut(storage: 'sync' | 'fast' | 'slow' = 'sync'): Promise<SignedIn> {
  const home = await signedIn({}, { storage });
  await home.world.run(home.tokens.endSession());
  await home.clock.settle();
  home.moments.length = 0;
  return home;
}

const storedRevision = (world: World, revision: number) => {
  const record = JSON.parse(world.stored.get(KEY) ?? '') as object;
  world.stored.set(KEY, JSON.stringify({ ...record, revision }));
};

describe('signing out', () => {
  test('where nobody is signed in touches nothing', async () => {
    const { world, tokens, moments } = await signedOut();
    await world.run(tokens.endSession());
    expect(moments).toEqual([]);
  });

  test('that failed is over: signing out again is no failure', async () => {
    const { world, tokens, seen } = await signedIn();
    const mend = replace(world, { removeItem: broken });
    await world.failure(tokens.endSession());
    mend();
    await world.run(tokens.endSession());
    expect(seen('sessionEnded')).toMatchObject([{ reason: 'ended' }]);
    expect(seen('storageFailed')).toHaveLength(1);
  });

  test('wins over a sign-in that is under way', async () => {
    const { world, tokens, server, seen, stored } = await signedOut('slow');
    const starting = world.failure(tokens.startSession(server.signIn()));
    await world.run(tokens.endSession());
    expect(await starting).toMatchObject({
      name: 'SessionError',
      code: 'ERR_NO_SESSION',
      message: 'The session was ended while it was being started.',
    });
    expect(count(world, 'setItem')).toBe(0);
    expect([...stored]).toEqual([]);
    expect(seen('sessionStarted')).toHaveLength(1);
  });

  test('twice is waited for both times, also where an earlier one has just ended', async () => {
    const { world, tokens, server, clock, stored } = await signedIn({}, { storage: 'slow' });
    const over: string[] = [];
    const end = (name: string) => tokens.endSession().then(() => over.push(name));
    const first = end('first');
    const start = world.failure(tokens.startSession(server.signIn()));
    const second = end('second');
    stored.delete(KEY);
    await world.run(Promise.all([first, start]));
    expect(over).toEqual(['first']);
    const third = end('third');
    await clock.settle();
    expect(over).toEqual(['first']);
    await world.run(Promise.all([second, third]));
    expect(over).toEqual(['first', 'second', 'third']);
  });

  test('leaves a session alone that a peer has begun since', async () => {
    const { world, tokens, server, stored, clock } = await signedIn();
    const bob = server.signIn({ user: 'bob' });
    await clock.advance(1);
    await world.run(quietPeer(world).startSession(bob));
    await world.run(tokens.endSession());
    expect(stored.get(KEY)).toContain(bob.refresh_token);
    expect(count(world, 'removeItem')).toBe(0);
  });

  test('removes nothing where nothing is stored any more', async () => {
    const { world, tokens, stored } = await signedIn();
    stored.clear();
    await world.run(tokens.endSession());
    expect(count(world, 'removeItem')).toBe(0);
  });

  test('before anything was known erases what is stored, later if it cannot be at once', async () => {
    const home = await signedIn();
    const { world, clock, stored } = home;
    const late = world.manager().tokens;
    home.tokens.dispose();
    const mend = replace(world, { removeItem: broken });
    await world.failure(late.endSession());
    mend();
    expect(stored.size).toBe(1);
    await clock.advance(60_000);
    expect(stored.size).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test('before anything was known shows no session while the storage is being emptied', async () => {
    const { world, tokens, wakeups } = await signedIn({}, { storage: 'slow' });
    tokens.dispose();
    const late = world.manager();
    const ending = late.tokens.endSession();
    wakeups.fire();
    await world.run(ending);
    await world.clock.settle();
    expect(late.events).toEqual([]);
    expect(late.tokens.getSnapshot().status).toBe('none');
  });

  test('lets callers be refused at once, without waiting for the storage', async () => {
    const { world, tokens, clock } = await signedIn({}, { storage: 'slow' });
    await world.run(tokens.endSession());
    const from = clock.now();
    expect(await world.failure(tokens.getAccessToken())).toMatchObject({ code: 'ERR_NO_SESSION' });
    expect(clock.now()).toBe(from);
  });
});

describe('a lock that fails', () => {
  const fail = (world: World, times: number) => {
    const { lock } = world.platform;
    let calls = 0;
    world.platform.lock = {
      run: (...given) => (++calls > times ? lock.run(...given) : Promise.reject(new Error('no locks'))),
    };
  };

  test('is told as a failure to write the sign-in', async () => {
    const { world, tokens, server, seen } = await signedOut();
    fail(world, 1);
    const manager = world.manager();
    await world.run(manager.tokens.startSession(server.signIn()));
    const told = manager.events.filter(({ type }) => type === 'storageFailed');
    expect(told).toMatchObject([{ operation: 'write', error: { code: 'ERR_LOCK_LOST' } }]);
    expect(seen('storageFailed')).toEqual([]);
    expect(tokens.getSnapshot().error).toBeUndefined();
  });

  test('is told as a failure to remove the session', async () => {
    const { world } = await signedIn();
    fail(world, 1);
    const { tokens, events } = world.manager();
    await world.failure(tokens.endSession());
    const told = events.filter(({ type }) => type === 'storageFailed');
    expect(told).toMatchObject([{ operation: 'remove', error: { code: 'ERR_LOCK_LOST' } }]);
  });

  test('that was lost before the sign-in was written does not let it go over what a peer has stored', async () => {
    const { world, server, clock, stored } = await signedIn();
    storedRevision(world, 8e15);
    const peers = stored.get(KEY);
    const { lock } = world.platform;
    let calls = 0;
    const run: Lock['run'] = (name, signal, task, options) =>
      lock.run(
        name,
        signal,
        (lease) => task(++calls === 1 ? { ...lease, signal: AbortSignal.abort() } : lease),
        options,
      );
    const { tokens } = world.manager({ platform: { ...world.platform, channel: silent, lock: { run } } });
    await world.run(tokens.startSession(server.signIn({ user: 'bob' })));
    await clock.advance(60_000);
    expect(stored.get(KEY)).toBe(peers);
  });
});

describe('signing in', () => {
  test('twice at once stores and tells of the later one alone', async () => {
    const { world, tokens, server, seen, clock, moments } = await signedOut();
    const [alice, bob] = [server.signIn({ user: 'alice' }), server.signIn({ user: 'bob' })];
    await world.run(Promise.all([tokens.startSession(alice), tokens.startSession(bob)]));
    expect(count(world, 'setItem')).toBe(1);
    expect(seen('sessionStarted')).toHaveLength(2);
    expect(await world.run(tokens.getAccessToken())).toBe(bob.access_token);
    moments.length = 0;
    await clock.advance(60_000);
    expect(moments).toEqual([]);
  });

  test('stores the session although the storage cannot be read', async () => {
    const { world, tokens, server, stored } = await signedOut();
    const mend = replace(world, { getItem: broken });
    const bob = server.signIn({ user: 'bob' });
    await world.run(tokens.startSession(bob));
    expect(stored.get(KEY)).toContain(bob.refresh_token);
    mend();
  });

  test('tells once that the session could not be stored, and stores it later, over a peer whose clock is ahead', async () => {
    const { world, server, clock, stored } = await signedIn();
    storedRevision(world, 8e15);
    const { tokens, events } = world.manager({ platform: { ...world.platform, channel: silent } });
    const mend = replace(world, { setItem: broken });
    const bob = server.signIn({ user: 'bob' });
    await world.run(tokens.startSession(bob));
    expect(events.filter(({ type }) => type === 'storageFailed')).toMatchObject([{ operation: 'write' }]);
    mend();
    await clock.advance(60_000);
    expect(stored.get(KEY)).toContain(bob.refresh_token);
  });

  test('is not undone by an earlier sign-in that the storage writes late', async () => {
    const { world, tokens, server, clock, stored } = await signedOut();
    const { setItem } = world.platform.storage;
    let calls = 0;
    replace(world, {
      setItem: (key, value) => {
        if (++calls > 1) return setItem(key, value);
        return new Promise<void>((resolve) => clock.after(8_000, resolve)).then(() => setItem(key, value));
      },
    });
    const [alice, bob] = [server.signIn({ user: 'alice' }), server.signIn({ user: 'bob' })];
    const first = tokens.startSession(alice);
    await clock.advance(10);
    await world.run(Promise.all([first, tokens.startSession(bob)]));
    await clock.advance(60_000);
    expect(stored.get(KEY)).toContain(bob.refresh_token);
  });

  test('is not undone by an earlier sign-in that fails after it: what a peer refreshes is heard of', async () => {
    const { world, tokens, server, clock } = await signedOut();
    const { setItem } = world.platform.storage;
    let writes = 0;
    replace(world, {
      setItem: (key, value) =>
        ++writes === 1 ? new Promise<void>((resolve) => clock.after(10, resolve)).then(broken) : setItem(key, value),
    });
    const { lock } = world.platform;
    let asked = 0;
    world.platform.lock = { run: (...given) => (++asked === 2 ? broken() : lock.run(...given)) };
    const own = world.manager().tokens;
    const alice = own.startSession(server.signIn({ user: 'alice' }));
    await clock.advance(5);
    await world.run(Promise.all([alice, own.startSession(server.signIn({ user: 'bob' }))]));
    await clock.advance(60_000);
    const peer = world.manager().tokens;
    await world.run(peer.refresh());
    await clock.settle();
    const newer = await world.run(peer.getAccessToken());
    expect(server.inspect(newer)?.user).toBe('bob');
    expect(await world.run(own.getAccessToken())).toBe(newer);
    tokens.dispose();
  });

  test('is not disturbed by what the storage holds meanwhile', async () => {
    const { world, tokens, server, clock, events } = await signedIn();
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const blocking = world.platform.lock.run(KEY, new AbortController().signal, () => held);
    await clock.settle();
    const bob = server.signIn({ user: 'bob' });
    const starting = tokens.startSession(bob);
    const other = createWorld();
    const eve = server.signIn({ user: 'eve' });
    await other.run(other.manager().tokens.startSession(eve));
    world.stored.set(KEY, other.stored.get(KEY) ?? '');
    world.platform.channel.announce(KEY);
    await clock.advance(100);
    expect(events.filter(({ type }) => type === 'sessionStarted')).toHaveLength(1);
    release();
    await world.run(Promise.all([blocking, starting]));
    expect(await world.run(tokens.getAccessToken())).toBe(bob.access_token);
  });
});
