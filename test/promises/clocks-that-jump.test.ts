import { expect, test } from 'vitest';
import { createFetch } from '../../src/index.js';
import { createWorld, HOUR, MINUTE, outcome } from '../support/promise-world.js';

test.each([true, false])(
  'a clock that jumps in mid-session costs at most one extra refresh (proactive %s)',
  async (proactive) => {
    const run = async (jumpMs: number, atMinute: number) => {
      const { clock, server, tokens } = createWorld({ proactive, server: { tokenFormat: 'jwt' } });
      // the server has a clock of its own, that is right
      const api = createFetch(tokens, { origins: [server.origin], fetch: server.fetch });
      await tokens.startSession(server.signIn());
      const bad: number[] = [];
      for (let minute = 0; minute < 60; minute++) {
        if (minute === atMinute) {
          clock.set(clock.now() + jumpMs);
          server.set({ clockOffsetMs: -jumpMs });
        }
        await clock.advance(MINUTE);
        const { value } = await outcome(clock, api(server.apiUrl));
        if (value?.status !== 200) bad.push(value?.status ?? 0);
      }
      const { length } = server.tokenRequests;
      const { status } = tokens.getSnapshot();
      tokens.dispose();
      return { length, bad, status };
    };
    const plain = await run(0, 0);
    for (const jumpMs of [2 * HOUR, -2 * HOUR]) {
      for (const minute of [1, 8, 10, 25]) {
        const result = await run(jumpMs, minute);
        expect(result.status).toBe('active');
        expect(result.bad).toEqual([]);
        expect(result.length, `${jumpMs} at ${minute}`).toBeLessThanOrEqual(plain.length + 1);
      }
    }
  },
);

test('a clock two hours wrong from the start costs nothing', async () => {
  for (const offset of [2 * HOUR, -2 * HOUR, 24 * HOUR]) {
    for (const omit of [[], ['expires_in']] as const) {
      const { clock, server, tokens } = createWorld({
        server: { tokenFormat: 'jwt', clockOffsetMs: offset, omit: [...omit] },
        proactive: true,
      });
      await tokens.startSession(server.signIn());
      await clock.advance(2 * HOUR);
      expect(server.tokenRequests.length, `${offset}`).toBeLessThanOrEqual(17);
      expect(server.tokenRequests.length).toBeGreaterThanOrEqual(12);
      tokens.dispose();
    }
  }
});

test('jumps of hours, days and months at every moment end in a working session', async () => {
  for (const jumpMs of [2 * HOUR, -HOUR, 60 * 24 * HOUR, -60 * 24 * HOUR]) {
    for (const at of [300, 700, 20 * MINUTE]) {
      const { clock, server, tokens } = createWorld({
        proactive: true,
        server: { delayMs: 400, answerDelayMs: 400, refreshTokenLifetimeMs: 1e13 },
      });
      await tokens.startSession(server.signIn());
      await clock.advance(11 * MINUTE);
      void tokens.refresh().catch(() => undefined);
      await clock.advance(at);
      clock.set(clock.now() + jumpMs);
      await clock.advance(1_000);
      expect(await outcome(clock, tokens.getAccessToken()), `${jumpMs} at ${at}`).toMatchObject({ ok: true });
      const before = server.tokenRequests.length;
      await clock.advance(2 * HOUR);
      expect(tokens.getSnapshot().status).toBe('active');
      expect(server.tokenRequests.length - before).toBeLessThan(20);
      expect(server.tokenRequests.length - before, `${jumpMs} at ${at}: goes on`).toBeGreaterThan(10);
      tokens.dispose();
    }
  }
});
