import { describe, expect, test } from 'vitest';
import { TokenMarks } from '../../src/manager/token-marks.js';

/** Marks of sessions, one after the other, each with these access tokens. */
function marksOf(...sessions: (string | undefined)[][]) {
  const marks = new TokenMarks();
  for (const tokens of sessions) for (const [index, token] of tokens.entries()) marks.add(token, index > 0);
  return marks;
}

const hundred = (name: string) => Array.from({ length: 100 }, (_, index) => `${name}-${index}`);

describe('an access token is known as one of a past session', () => {
  test('once another session has begun, or none, and not before', () => {
    expect(marksOf(['mine', 'mine-too']).isPast('mine')).toBe(false);
    for (const next of ['other', undefined]) {
      const marks = marksOf(['mine', 'mine-too'], [next]);
      expect([marks.isPast('mine'), marks.isPast('mine-too')]).toEqual([true, true]);
    }
    expect(marksOf(['mine'], ['other']).isPast('other')).toBe(false);
  });

  test('also when several sessions have come and gone', () => {
    const marks = marksOf(['first'], ['second'], ['third']);
    expect(['first', 'second', 'third'].map((token) => marks.isPast(token))).toEqual([true, true, false]);
  });

  test('but not where the present session has it as well', () => {
    expect(marksOf(['same'], ['same']).isPast('same')).toBe(false);
  });

  test('but not where nobody here has ever had it, however alike it is', () => {
    const marks = marksOf(['abcd'], ['other']);
    for (const stranger of ['', 'a', 'abc', 'abcde', 'bbcd', 'abce', 'abdc', 'dcba']) {
      expect(marks.isPast(stranger)).toBe(false);
    }
    expect(marks.isPast('abcd')).toBe(true);
  });

  test('as long as it is one of the last hundred, of its session and of all', () => {
    const one = marksOf(['oldest', ...hundred('new')], ['next']);
    expect(['oldest', 'new-0', 'new-99'].map((token) => one.isPast(token))).toEqual([false, true, true]);
    const many = marksOf(['oldest', 'next'], hundred('new').slice(1), ['other']);
    expect(['oldest', 'next', 'new-99'].map((token) => many.isPast(token))).toEqual([false, true, true]);
  });
});

describe('the name of the key that an access token is bound to', () => {
  test('is known also after its session, and for no token without one', () => {
    const marks = new TokenMarks();
    marks.add('free', false);
    expect(marks.bindingOf('free')).toBe(undefined);
    marks.add('bound', false, 'key-1');
    marks.add('bound-otherwise', true, 'key-2');
    marks.add(undefined, false, 'key-3');
    expect(['free', 'bound', 'bound-otherwise', 'unknown'].map((token) => marks.bindingOf(token))).toEqual([
      undefined,
      'key-1',
      'key-2',
      undefined,
    ]);
  });

  test('is known for the last hundred that are bound, however many come that are not', () => {
    const marks = new TokenMarks();
    for (const token of hundred('bound')) marks.add(token, true, 'key');
    expect([marks.bindingOf('bound-0'), marks.bindingOf('bound-99')]).toEqual(['key', 'key']);
    for (const token of hundred('free')) marks.add(token, true);
    expect(marks.bindingOf('bound-0')).toBe('key');
    marks.add('bound-100', true, 'key');
    expect(['bound-0', 'bound-1', 'bound-100'].map((token) => marks.bindingOf(token))).toEqual([
      undefined,
      'key',
      'key',
    ]);
  });
});
