import { expect, test } from 'vitest';
import { createTokenManager, inProcess } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

test('a code that is the refresh token itself is not shown, though it is made of words', async () => {
  const clock = fakeClock();
  const tokens = createTokenManager({
    refresh: async ({ refreshToken }) => Response.json({ error: refreshToken }, { status: 400 }),
    retry: { attempts: 1 },
    platform: { ...inProcess(), clock },
  });
  await tokens.startSession({ access_token: 'access', token_type: 'Bearer', refresh_token: 'correct_horse_battery' });
  const error: unknown = await clock.runUntil(tokens.refresh()).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE', status: 400 });
  expect(error).not.toHaveProperty('oauthError');
  expect(String(error)).not.toContain('horse');
});
