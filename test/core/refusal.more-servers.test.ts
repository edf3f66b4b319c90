import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseBody, type RefreshFailure, readRefusal } from '../../src/core/refusal.js';

/** One answer of a server that `providers.json` does not describe, and what it is read as. */
interface Answer {
  readonly server: string;
  readonly kind: 'dead' | 'transient' | 'other';
  readonly when: string;
  readonly status: number;
  readonly body: unknown;
  readonly reading: RefreshFailure['kind'];
}

const answers: readonly Answer[] = JSON.parse(
  readFileSync(new URL('../data/more-servers.json', import.meta.url), 'utf8'),
);
const read = ({ status, body }: Answer) => readRefusal({ status, body: parseBody(JSON.stringify(body)) }).kind;
const of = (kind: Answer['kind']) => answers.filter((answer) => answer.kind === kind);

describe.each(['dead', 'transient', 'other'] as const)('what is %s in the words of other servers', (kind) => {
  test.each(of(kind))('$server, $when: $reading', (answer) => {
    expect(read(answer)).toBe(answer.reading);
  });
});

describe('the whole of what those servers answer', () => {
  test('of 58 dead answers at least 45 are seen as dead', () => {
    expect(of('dead')).toHaveLength(58);
    expect(of('dead').filter((answer) => read(answer) === 'dead').length).toBeGreaterThanOrEqual(45);
  });

  test('of the 22 others none is taken for dead', () => {
    const others = [...of('transient'), ...of('other')];
    expect(others).toHaveLength(22);
    expect(others.filter((answer) => read(answer) === 'dead')).toEqual([]);
  });
});
