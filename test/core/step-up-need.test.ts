import { expect, test } from 'vitest';
import { readChallenges } from '../../src/core/challenge.js';
import { nameOf, readNeed } from '../../src/core/step-up-need.js';

test.each<[number, string, string | undefined]>([
  [401, 'Bearer error="insufficient_user_authentication", acr_values="mfa"', 'authentication'],
  [401, 'DPoP error="insufficient_user_authentication", max_age="5"', 'authentication'],
  [401, 'Basic realm="x", Bearer error="insufficient_user_authentication"', 'authentication'],
  [403, 'Bearer error="insufficient_scope", scope="admin"', 'scope'],
  [401, 'Bearer error="insufficient_scope", scope="admin"', 'scope'],
  [401, 'Bearer error="insufficient_claims", claims="e30="', 'claims'],
  [403, 'Bearer error="insufficient_user_authentication"', undefined],
  [403, 'Bearer error="insufficient_claims", claims="e30="', undefined],
  [401, 'Bearer error="invalid_token"', undefined],
  [401, 'Bearer', undefined],
  [403, '', undefined],
  [200, 'Bearer error="insufficient_scope"', undefined],
])('status %i with %s: %s', (status, header, kind) => {
  expect(readNeed(status, readChallenges(header))?.kind).toBe(kind);
});

test('needs are the same where everything about them is, in whatever order', () => {
  const name = (header: string, origin = 'https://api.test') => {
    const need = readNeed(401, readChallenges(header));
    return need && nameOf(origin, need);
  };
  const one = name('Bearer error="insufficient_scope", scope="a"');
  expect(name('Bearer scope="a", error="insufficient_scope"')).toBe(one);
  expect(name('Bearer error="insufficient_scope", scope="b"')).not.toBe(one);
  expect(name('Bearer error="insufficient_scope", scope="a"', 'https://other.test')).not.toBe(one);
});
