import { expect, test } from 'vitest';
import { createTokenManager, inProcess } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

test('an answer that comes after newer tokens does not make a manager refresh of its own accord', async () => {
  const clock = fakeClock();
  let requests = 0;
  const tokens = createTokenManager({
    refresh: async () => {
      const request = ++requests;
      if (request === 1) await new Promise<void>((resolve) => clock.after(30_000, resolve));
      return { access_token: `access-${request}`, refresh_token: 'refresh', expires_in: 60 };
    },
    proactive: false,
    platform: { ...inProcess(), clock },
  });
  await tokens.startSession({ access_token: 'access-0', refresh_token: 'refresh', expires_in: 60 });
  await clock.runUntil(tokens.refresh()); // the first request is given up, the second one answered
  await clock.advance(30_000);
  await clock.runUntil(tokens.refresh());
  expect(requests).toBe(3);
  await clock.advance(300_000);
  expect(requests).toBe(3);
});
