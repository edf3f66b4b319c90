import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  addSignIn,
  decodeSignIns,
  encodeSignIns,
  freeSlot,
  type PendingSignIn,
  type SignIns,
  takeSignIn,
  withoutSignIn,
  withoutTrace,
} from '../../src/core/pending-sign-ins.js';

const NONE: SignIns = { pending: new Map(), traces: [] };
const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;
const server = { issuer: 'https://auth.test', token_endpoint: 'https://auth.test/token' };
const entry = (at = NOW): PendingSignIn => ({
  at,
  verifier: 'v',
  clientId: 'app',
  redirectUri: 'https://app.test/callback',
  scopes: ['openid'],
  server,
});
const trace = (id: string, at = NOW, slot = 0) => ({
  id,
  slot,
  mark: `m${id}`,
  at,
  redirectUri: 'https://app.test/callback',
});
const read = (signIns: SignIns, now = NOW) => decodeSignIns(encodeSignIns(signIns) ?? null, now);

test('what is stored is read back, whatever its states are called', () => {
  for (const state of ['s', '__proto__', 'constructor', 'toString', '']) {
    const signIns = takeSignIn(addSignIn(NONE, state, entry()), 'other', trace('1'));
    expect(read(signIns)).toEqual(signIns);
  }
});

test('nothing is stored where nothing is left', () => {
  const taken = takeSignIn(addSignIn(NONE, 's', entry()), 's', trace('1'));
  expect(taken.pending.size).toBe(0);
  expect(encodeSignIns(withoutTrace(taken, '2'))).toBeDefined();
  expect(encodeSignIns(withoutTrace(taken, '1'))).toBeUndefined();
  expect(encodeSignIns(withoutSignIn(addSignIn(NONE, 's', entry()), 's'))).toBeUndefined();
});

test.each([
  ['nothing', null],
  ['no JSON', '{"evertoken":1'],
  ['null', 'null'],
  ['a list', '[]'],
  ['another version', JSON.stringify({ evertoken: 2, pending: [['s', entry()]], traces: [] })],
  ['no traces', '{"evertoken":1,"pending":[]}'],
  ['no pairs', '{"evertoken":1,"pending":[null],"traces":[]}'],
])('%s counts as nothing', (_, text) => {
  expect(decodeSignIns(text, NOW)).toEqual(NONE);
});

test('one damaged entry harms no other', () => {
  const damaged = [
    {},
    null,
    { ...entry(), at: 'x' },
    { ...entry(), verifier: 1 },
    { ...entry(), server: {} },
    { ...entry(), scopes: 'a' },
  ];
  const pending = [...damaged.map((one, index) => [`d${index}`, one]), ['good', entry()]];
  const traces = [null, {}, { ...trace('x'), at: null }, { ...trace('x'), slot: '0' }, trace('good')];
  const found = decodeSignIns(JSON.stringify({ evertoken: 1, pending, traces }), NOW);
  expect([...found.pending.keys()]).toEqual(['good']);
  expect(found.traces.map(({ id }) => id)).toEqual(['good']);
});

test('an hour later both entries and traces are gone, a clock that was set back makes nothing old', () => {
  const signIns = takeSignIn(addSignIn(NONE, 's', entry()), 'other', trace('1'));
  expect(read(signIns, NOW + HOUR - 1)).toEqual(signIns);
  expect(read(signIns, NOW - HOUR + 1)).toEqual(signIns);
  for (const now of [NOW + HOUR, NOW - HOUR]) expect(read(signIns, now)).toEqual(NONE);
});

test('whatever is begun and taken, at most eight are pending, the newest ones, and traces do not count', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ take: fc.boolean(), at: fc.nat(HOUR - 1) }), { maxLength: 40 }), (steps) => {
      let signIns = NONE;
      let begun: [string, number][] = [];
      steps.forEach(({ take, at }, index) => {
        const [first] = signIns.pending.keys();
        if (take && first !== undefined) {
          signIns = takeSignIn(signIns, first, trace(String(index)));
          begun = begun.filter(([state]) => state !== first);
        } else {
          signIns = addSignIn(signIns, `s${index}`, entry(NOW + at));
          begun.push([`s${index}`, at]);
          begun.sort(([, a], [, b]) => a - b);
          begun = begun.slice(-8);
        }
      });
      expect([...signIns.pending.keys()].sort()).toEqual(begun.map(([state]) => state).sort());
    }),
  );
});

test('a slot is the smallest that is free, so that there are never more of them than sign-ins being finished', () => {
  const at = (...slots: number[]): SignIns => ({ ...NONE, traces: slots.map((slot) => trace(`${slot}`, NOW, slot)) });
  expect([at(), at(0), at(1), at(0, 1, 3), at(2, 1, 0)].map(freeSlot)).toEqual([0, 1, 0, 2, 3]);
});
