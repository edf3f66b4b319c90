import { describe, expect, test } from 'vitest';
import type { TokenStorage } from '../../src/index.js';
import { type SignedIn, signedIn } from '../support/signed-in.js';

const KEY = 'evertoken:session';

/** Makes a method of the storage fail until the returned function is called; counts its calls. */
function full({ platform }: SignedIn, method: 'setItem' | 'removeItem') {
  const storage = platform.storage as TokenStorage;
  const whole = storage[method];
  const at: number[] = [];
  Object.assign(storage, {
    [method]: () => {
      at.push(platform.clock.now());
      return Promise.reject(new Error('full'));
    },
  });
  return { at, mend: () => void Object.assign(storage, { [method]: whole }) };
}

const announced = ({ moments }: SignedIn) => moments.filter((name) => name === 'announced').length;

describe('what could not be stored', () => {
  test('is stored later, at growing intervals, and then the peers are told', async () => {
    const home = await signedIn();
    const { world, tokens, clock, stored } = home;
    const { at, mend } = full(home, 'setItem');
    await world.run(tokens.refresh());
    const token = await world.run(tokens.getAccessToken());
    await clock.advance(40_000);
    const attempts = at.slice(2); // the mark, the tokens, and then the repairs
    expect(attempts.map((moment, index) => moment - (attempts[index - 1] ?? at[1] ?? 0))).toEqual([
      1_000, 2_000, 4_000, 8_000, 16_000,
    ]);
    mend();
    const before = announced(home);
    await clock.advance(40_000);
    expect(stored.get(KEY)).toContain(token);
    expect(announced(home)).toBe(before + 1);
    expect(clock.pending).toBe(0);
    // and the next fault starts with a short interval again
    const again = full(home, 'setItem');
    await world.run(tokens.refresh());
    await clock.advance(1_000);
    expect(again.at).toHaveLength(3);
    again.mend();
  });

  test('is not stored over what a peer has stored since', async () => {
    const home = await signedIn();
    const { world, tokens, clock, stored, server, moments } = home;
    const peer = world.manager().tokens;
    await world.run(peer.getAccessToken());
    const { mend } = full(home, 'setItem');
    await world.run(tokens.refresh());
    mend();
    await world.run(peer.startSession(server.signIn({ user: 'bob' })));
    const theirs = stored.get(KEY);
    moments.length = 0;
    await clock.advance(60_000);
    expect(stored.get(KEY)).toBe(theirs);
    expect(moments.filter((name) => /setItem|removeItem|announced/.test(name))).toEqual([]);
  });

  test('is nobody’s business after dispose()', async () => {
    const home = await signedIn();
    const { at } = full(home, 'setItem');
    await home.world.run(home.tokens.refresh());
    const before = at.length;
    home.tokens.dispose();
    await home.clock.advance(60_000);
    expect(at).toHaveLength(before);
    expect(home.clock.pending).toBe(0);
  });
});

describe('what could not be erased', () => {
  test('is erased later, and the peers are told', async () => {
    const home = await signedIn();
    const { world, tokens, clock, stored } = home;
    const { mend } = full(home, 'removeItem');
    expect(await world.failure(tokens.endSession())).toMatchObject({ code: 'ERR_STORAGE_WRITE' });
    await clock.advance(20_000);
    expect(stored.has(KEY)).toBe(true);
    mend();
    const before = announced(home);
    await clock.advance(60_000);
    expect([...stored]).toEqual([]);
    expect(announced(home)).toBe(before + 1);
    expect(tokens.getSnapshot().status).toBe('none');
    expect(clock.pending).toBe(0);
  });

  test('is overwritten by the session that has started meanwhile', async () => {
    const home = await signedIn();
    const { world, tokens, clock, stored, server } = home;
    const broken = [full(home, 'removeItem'), full(home, 'setItem')];
    await world.failure(tokens.endSession());
    const bob = server.signIn({ user: 'bob' });
    await world.run(tokens.startSession(bob));
    for (const { mend } of broken) mend();
    await clock.advance(60_000);
    expect(stored.get(KEY)).toContain(bob.refresh_token);
    expect(await world.run(tokens.getAccessToken())).toBe(bob.access_token);
  });
});
