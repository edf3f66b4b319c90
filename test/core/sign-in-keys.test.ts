import { describe, expect, test } from 'vitest';
import type { PendingSignIn, SignIns, SignInTrace } from '../../src/core/pending-sign-ins.js';
import { addKey, dropKeys } from '../../src/core/sign-in-keys.js';

const NOW = 1_800_000_000_000;
const NONE: SignIns = { pending: new Map(), traces: [] };
const pending = (binding: string) => ({ binding }) as PendingSignIn;
const trace = (binding: string) => ({ binding }) as SignInTrace;
const made = (...names: string[]) => names.reduce((all, name) => addKey(all, name, NOW - 60_000), NONE);

describe('keys that were made for sign-ins', () => {
  test('are noted one after the other', () => {
    expect(addKey(addKey(NONE, 'a', 1), 'b', 2).keys).toEqual([
      { name: 'a', at: 1 },
      { name: 'b', at: 2 },
    ]);
  });

  test('go when neither a sign-in nor a session refers to them', () => {
    const signIns = { ...made('a', 'b', 'c', 'd'), pending: new Map([['s', pending('b')]]), traces: [trace('c')] };
    const [names, rest] = dropKeys(signIns, ['d', undefined], [], NOW);
    expect(names).toEqual(['a']);
    expect(rest.keys?.map(({ name }) => name)).toEqual(['b', 'c', 'd']);
    expect(dropKeys(made('a'), [], [], NOW)).toEqual([['a'], NONE]);
  });

  test('stay for a minute while their sign-in is being begun, unless that is known to be over', () => {
    for (const now of [NOW - 60_000, NOW - 1, NOW - 119_999]) expect(dropKeys(made('a'), [], [], now)[0]).toEqual([]);
    expect(dropKeys(made('a', 'b'), [], ['b', undefined], NOW - 1)[0]).toEqual(['b']);
    expect(dropKeys(made('a'), ['a'], ['a'], NOW)[0], 'what a session is bound to stays').toEqual([]);
  });

  test('that were made elsewhere are nobody’s to remove', () => {
    expect(dropKeys(NONE, ['x'], ['y'], NOW)).toEqual([[], NONE]);
  });
});
