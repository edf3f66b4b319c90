import { describe, expect, test } from 'vitest';
import { isSameSession, isSameTokenSet, type SessionRecord, supersedes } from '../../src/core/session-record.js';

const record = (sessionId: string, revision: number, idToken?: string) =>
  ({ sessionId, revision, tokens: { idToken } }) as SessionRecord;
const [first, second, other] = [record('a', 1), record('a', 2), record('b', 1)];
const subject = (sub: string) => `e30.${btoa(JSON.stringify({ sub }))}.`;
const [ada, bob] = [record('a', 1, subject('ada')), record('a', 2, subject('bob'))];

describe('two records', () => {
  test.each([
    [first, second, true, false],
    [first, record('a', 1), true, true],
    [first, other, false, false],
    [first, undefined, false, false],
    [undefined, first, false, false],
    [undefined, undefined, true, true],
    [ada, record('a', 2, subject('ada')), true, false],
    [ada, second, true, false],
    [ada, bob, false, false],
    [ada, record('a', 1, subject('bob')), false, false],
  ])('%j and %j: one session %s, one token set %s', (a, b, session, tokens) => {
    expect([isSameSession(a, b), isSameTokenSet(a, b)]).toEqual([session, tokens]);
  });

  test.each([
    [second, first, true],
    [first, second, false],
    [first, record('a', 1), false],
    [other, second, true],
    [first, undefined, true],
    [bob, ada, true],
    [ada, bob, true],
  ])('%j supersedes %j: %s', (found, held, expected) => {
    expect(supersedes(found, held)).toBe(expected);
  });
});
