import { expect, test } from 'vitest';
import { createWorld, HOUR, json, outcome } from '../support/promise-world.js';

test('an expired token is never served, at whatever millisecond around expiry it is asked for', async () => {
  for (const offset of [-1000, -2, -1, 0, 1, 2, 1000, HOUR, 24 * HOUR, 400 * 24 * HOUR]) {
    for (const how of ['advance', 'sleep', 'set'] as const) {
      const { clock, server, tokens } = createWorld({ refresh: async () => json({}, 503) });
      const first = server.signIn();
      await tokens.startSession(first);
      const { expiresAt = 0 } = tokens.getSnapshot();
      const ms = expiresAt + offset - clock.now();
      if (how === 'advance') await clock.advance(ms);
      else if (how === 'sleep') clock.sleep(ms);
      else clock.set(clock.now() + ms);
      const result = await outcome(clock, tokens.getAccessToken());
      expect(result.ok, `${how} ${offset}`).toBe(offset < 0);
      tokens.dispose();
    }
  }
});
