import { expect, test } from 'vitest';
import { adopt } from '../../examples/migration.js';
import { createTokenManager, inProcess } from '../../src/index.js';

test.each([
  ['has some of its life left', 300_000, 300_000],
  ['has expired on the way', -300_000, 1_000],
])('a session that began elsewhere goes on: an access token that %s', async (_, leftMs, expectedMs) => {
  const tokens = createTokenManager({
    refresh: async () => ({ access_token: 'new', refresh_token: 'r2', expires_in: 600 }),
    platform: inProcess(),
    proactive: false,
  });
  const expiresAt = Date.now() + leftMs;
  await adopt(tokens, { accessToken: 'old', refreshToken: 'r1', expiresAt });
  const { expiresAt: known = 0, issuedAt = 0 } = tokens.getSnapshot();
  expect(Math.abs(known - issuedAt - expectedMs)).toBeLessThanOrEqual(2_000);
  tokens.dispose();
});
