import { expect, test } from 'vitest';
import { createTokenManager, inProcess, type TokenManagerOptions } from '../../src/index.js';

const refresh = () => Promise.reject(new Error('nobody asks'));
const platform = inProcess();

const wrong: Array<[string, object, RegExp]> = [
  ['revoke: null', { revoke: null }, /revoke.*expected.*function.*null came/],
  ['proactive: null', { proactive: null }, /proactive.*expected.*boolean.*null came/],
  ['platform: null', { platform: null }, /platform.*expected.*object.*null came/],
  [
    'half an attempt',
    { retry: { attempts: 1.5 } },
    /^Option retry\.attempts: expected a whole number from 1 to \d+, but 1\.5 came\.$/,
  ],
  ['a misspelled part of retry', { retry: { attemps: 5 } }, /retry.attemps.*expected one of attempts, minDelayMs/],
  [
    'a module in the place of its storage',
    { platform: { ...platform, storage: { default: {} } } },
    /storage.getItem.*function/,
  ],
  ['a lock without run', { platform: { ...platform, lock: { acquire: refresh } } }, /lock.run.*function/],
  [
    'a channel that nobody can hear',
    { platform: { ...platform, channel: { announce: refresh } } },
    /channel.subscribe/,
  ],
  [
    'wake-ups that do not know whether',
    { platform: { ...platform, wakeups: { subscribe: refresh } } },
    /wakeups.isAwake/,
  ],
  [
    'a clock without timers',
    { platform: { ...platform, clock: { now: Date.now } } },
    /clock.after.*function.*type undefined came/,
  ],
];

test.each(wrong)('%s is refused at creation', (_, options, message) => {
  const create = () => createTokenManager({ refresh, ...options } as TokenManagerOptions);
  expect(create).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS', message: expect.stringMatching(message) }));
});

test('a part of retry that is undefined is left out', () => {
  const retry = { attempts: undefined, minDelayMs: undefined, maxDelayMs: undefined } as object;
  expect(() => createTokenManager({ refresh, retry }).dispose()).not.toThrow();
});
