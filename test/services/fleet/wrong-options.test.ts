import { describe, expect, test } from 'vitest';
import { inProcess } from '../../../src/index.js';
import { createFleet, indexed, inProcessQueue, memoryDueIndex } from '../../../src/services/fleet.js';

const refused = expect.objectContaining({ name: 'OptionsError', code: 'ERR_OPTIONS' });
const { storage, lock } = inProcess();
const due = memoryDueIndex();
const open = () => expect.fail('No manager is made.');
const fleet = (options: object) => createFleet({ open, due, lock, ...options });

describe('options that are none are refused when a fleet is made', () => {
  test.each([undefined, null, {}])('createFleet(%j)', (options) => {
    expect(() => createFleet(options as never)).toThrow(refused);
  });

  test.each([
    { queue: {} },
    { queue: 5 },
    { laneOf: 'crm' },
    { clock: {} },
    { random: 0.5 },
    { lanes: 5 },
    { lanes: null },
  ])('%j', (options) => expect(() => fleet(options)).toThrow(refused));

  // a text in a sum is put behind the number: a session would be fresh for ages
  test.each([null, { perSecond: '50' }, { concurrency: '3' }, { from: '0.5' }, { hotForMs: '5' }, { takeoverMs: '5' }])(
    'a lane of %j, here and around the storage',
    (lane) => {
      expect(() => fleet({ lanes: { crm: lane } })).toThrow(refused);
      expect(() => indexed(storage, due, { lanes: { crm: lane as never } })).toThrow(refused);
    },
  );

  test.each([0, -1, 1.5, Number.NaN, '2', null])('a queue that works on %j at once would never work', (concurrency) => {
    expect(() => inProcessQueue({ concurrency: concurrency as never })).toThrow(refused);
  });

  test.each<[string, Parameters<typeof indexed>]>([
    ['no storage', [undefined as never, due]],
    ['what is no storage', [{} as never, due]],
    ['no due index', [storage, undefined as never]],
    ['null as options', [storage, due, null as never]],
    ['laneOf that is no function', [storage, due, { laneOf: 5 as never }]],
    ['now that is no function', [storage, due, { now: 5 as never }]],
    ['an option of another name', [storage, due, { lane: 5 } as never]],
  ])('indexed() with %s', (_, given) => {
    expect(() => indexed(...given)).toThrow(refused);
  });
});

test('a session without a key is refused: all customers without one would share it', () => {
  expect(() => fleet({}).session(undefined as never)).toThrow(refused);
});

test.each(['crm/1', undefined, 5])('one key, %j, is not taken for a list of keys', async (keys) => {
  await expect(fleet({}).acknowledge(keys as never)).rejects.toEqual(refused);
  await expect(fleet({}).reindex(keys as never)).rejects.toEqual(refused);
});
