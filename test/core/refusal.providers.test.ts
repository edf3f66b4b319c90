import { describe, expect, test } from 'vitest';
import { parseBody, type RefreshFailure, readRefusal } from '../../src/core/refusal.js';
import { readRetryAfter } from '../../src/core/retry-after.js';
import { type ProviderAnswer, providers } from '../support/providers.js';

type Kind = RefreshFailure['kind'];

const readings = {
  'needs-interaction': 'interaction',
  'client-config': 'config',
  // the one that is known to many servers: the same request again, with the nonce of the answer
  'retry-with-change': 'transient',
  undecidable: 'unknown',
} as const satisfies Record<NonNullable<ProviderAnswer['reading']>, Kind>;

/** Answers that no exact code decides: they keep the session, and are left to `endsSession`. */
const undecided: Readonly<Record<string, Kind>> = {
  // the same code for an inactive session and for one that wants a second factor
  'Supabase Auth: inactivity limit': 'unknown',
  'Supabase Auth: low assurance session, MFA wanted': 'unknown',
  // the code of a malformed request, and only prose beside it
  'Ory Hydra: parallel refresh lost the database race': 'unknown',
  'Ory Hydra: token row vanished during the rotation': 'unknown',
  'Microsoft Entra ID: client registered for another platform': 'unknown',
  // a code of one provider, of no use to a caller that does not know it
  'Clerk (session tokens): resend with the expired token': 'unknown',
};

interface Case {
  readonly name: string;
  readonly group: 'refreshDead' | 'transient' | 'other';
  readonly status: number;
  readonly answer: ProviderAnswer;
  readonly expected: Kind;
}

/** Every answer on file; one whose status nobody wrote down, under each of those that are to be tried. */
const cases: readonly Case[] = providers.flatMap((provider) =>
  (['refreshDead', 'transient', 'other'] as const).flatMap((group) =>
    provider[group].flatMap((answer) =>
      (answer.status === null ? (answer.statusNote?.match(/\d{3}/g) ?? []) : [answer.status]).map((status) => {
        const name = `${provider.provider}: ${answer.when}`;
        const kind = group === 'refreshDead' ? 'dead' : readings[answer.reading ?? 'retry-with-change'];
        return { name, group, status: Number(status), answer, expected: undecided[name] ?? kind };
      }),
    ),
  ),
);

/** Reads an answer the way it comes: as text, with headers. */
function read({ status, answer: { headers, body } }: Pick<Case, 'status' | 'answer'>): RefreshFailure {
  const retryAt = readRetryAfter(headers['retry-after'], 0);
  const parsed = parseBody(typeof body === 'string' ? body : JSON.stringify(body));
  return readRefusal({ status, body: parsed, ...(retryAt && { retryAt }) });
}

describe.each([
  ['a dead refresh token', 'refreshDead'],
  ['a passing fault', 'transient'],
  ['something else', 'other'],
] as const)('%s is told by what real token endpoints answer', (_, group) => {
  test.each(cases.filter((one) => one.group === group))('$name ($status): $expected', (one) => {
    expect(read(one).kind).toBe(one.expected);
  });
});

describe('the whole of what real token endpoints answer', () => {
  const answers = (group: Case['group'], kind: Kind) =>
    new Set(cases.filter((one) => one.group === group && read(one).kind === kind).map((one) => one.answer)).size;

  test('of 45 dead answers at least 42 are seen as dead', () => {
    expect(providers.flatMap((provider) => provider.refreshDead)).toHaveLength(45);
    expect(answers('refreshDead', 'dead')).toBeGreaterThanOrEqual(42);
  });

  test('of 26 transient answers none is taken for dead', () => {
    expect(providers.flatMap((provider) => provider.transient)).toHaveLength(26);
    expect(answers('transient', 'dead')).toBe(0);
  });

  test('of the 27 others none is taken for dead', () => {
    expect(providers.flatMap((provider) => provider.other)).toHaveLength(27);
    expect(answers('other', 'dead')).toBe(0);
  });

  test('no dead answer turns into another kind for lack of its description, unless that alone decides', () => {
    const needed = cases
      .filter((one) => one.expected === 'dead')
      .filter(({ status, answer }) => {
        const { error_description: _, ...rest } = Object(parseBody(JSON.stringify(answer.body)));
        return (
          readRefusal({ status, body: typeof answer.body === 'string' ? parseBody(answer.body) : rest }).kind !== 'dead'
        );
      });
    expect(needed.map(({ name }) => name)).toEqual([
      'Atlassian 3LO: dead, first form',
      'X (Twitter) OAuth 2: expired, used or revoked',
    ]);
  });
});
