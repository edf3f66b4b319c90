import { describe, expect, test } from 'vitest';
import { checkCall } from '../../src/manager/check-call.js';

const { signal } = new AbortController();

/** What is said to whoever calls with these options. */
function said(options: unknown, other?: 'minValidityMs' | 'challenge'): string {
  try {
    checkCall(options, other);
    return 'taken';
  } catch (error) {
    expect(error).toMatchObject({ name: 'OptionsError', code: 'ERR_OPTIONS' });
    return (error as Error).message;
  }
}

describe('a call is let through', () => {
  test.each([
    ['without options', undefined, undefined],
    ['with none in them', {}, undefined],
    ['with a signal', { signal }, undefined],
    ['with null for a signal, as fetch takes it', { signal: null }, undefined],
    ['with a signal of another realm', { signal: { aborted: false, addEventListener: () => undefined } }, undefined],
    ['with what is undefined, whatever its name', { signal: undefined, minValidityMs: undefined }, undefined],
    ['with the least validity there is', { minValidityMs: 0 }, 'minValidityMs'],
    ['with both of its options', { signal, minValidityMs: 5 }, 'minValidityMs'],
    ['with a challenge, whatever that is', { challenge: 5 }, 'challenge'],
  ] as const)('%s', (_, options, other) => {
    expect(said(options, other)).toBe('taken');
  });
});

describe('a call is told what it has to look like', () => {
  test.each([
    ['null', null, undefined, 'Option options: expected { signal }, but null came.'],
    ['a number', 5, 'minValidityMs', 'Option options: expected { signal, minValidityMs }, but 5 came.'],
    [
      'a signal alone',
      signal,
      'challenge',
      'Option options: expected { signal, challenge }, but a value of type object came.',
    ],
    [
      'something of another call',
      { minValidityMs: 5 },
      'challenge',
      'Option minValidityMs: expected one of signal, challenge, but 5 came.',
    ],
    [
      'something unknown',
      { Signal: true },
      undefined,
      'Option Signal: expected one of signal, but a value of type boolean came.',
    ],
    [
      'a signal that is none',
      { signal: {} },
      undefined,
      'Option signal.addEventListener: expected a value of type function, but a value of type undefined came.',
    ],
    [
      'a validity that is no number',
      { minValidityMs: '5' },
      'minValidityMs',
      'Option minValidityMs: expected a number of at least 0, but a value of type string came.',
    ],
    [
      'a validity below 0',
      { minValidityMs: -1 },
      'minValidityMs',
      'Option minValidityMs: expected a number of at least 0, but -1 came.',
    ],
  ] as const)('%s', (_, options, other, message) => {
    expect(said(options, other)).toBe(message);
  });
});
