import { expect, test } from 'vitest';
import { outsideZone } from '../../examples/frameworks/angular-zone.js';
import { createTokenManager, inProcess } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

test('every timer of the session is set outside the zone, and the session works', async () => {
  const clock = fakeClock();
  let isOutside = false;
  const zone = {
    runOutsideAngular: <T>(task: (...args: unknown[]) => T): T => {
      isOutside = true;
      try {
        return task();
      } finally {
        isOutside = false;
      }
    },
  };
  const seen: boolean[] = [];
  const after: typeof clock.after = (...args) => {
    seen.push(isOutside);
    return clock.after(...args);
  };
  const platform = { ...inProcess(), clock: { now: () => clock.now(), after } };
  let count = 0;
  const tokens = createTokenManager({
    refresh: async () => ({ access_token: `a${++count}`, refresh_token: 'r', expires_in: 600 }),
    platform: outsideZone(platform, zone),
  });
  await clock.runUntil(tokens.startSession({ access_token: 'a0', refresh_token: 'r', expires_in: 600 }));
  await clock.advance(600_000);
  expect(await clock.runUntil(tokens.getAccessToken())).toMatch(/^a[1-9]/);
  expect(seen.length).toBeGreaterThan(0);
  expect(seen).not.toContain(false);
  tokens.dispose();
});
