import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { revocationCanary } from '../../examples/observability/revocation-canary.js';
import { createAuthServer, fakeClock } from '../../src/testing.js';

/** A server whose API hears of a revocation late, because it keeps verdicts for a while. */
function world(cacheMs: number) {
  const clock = fakeClock();
  const server = createAuthServer({ clock, clients: [{ clientId: 'canary', clientSecret: 'secret' }] });
  const heard = new Map<string, number>();
  const recorded: [number, object][] = [];
  const names: string[] = [];
  const probe = revocationCanary({
    tokenUrl: server.tokenUrl,
    revokeUrl: server.revokeUrl,
    apiUrl: server.apiUrl,
    clientId: 'canary',
    clientSecret: 'secret',
    clock,
    meter: {
      createHistogram: (name) => {
        names.push(name);
        return { record: (value, attributes) => recorded.push([value, attributes]) };
      },
      createCounter: () => ({ add: () => undefined }),
      createUpDownCounter: () => ({ add: () => undefined }),
    },
    fetch: async (input, init) => {
      const request = new Request(input, init);
      const token = request.headers.get('authorization') ?? '';
      if (request.url !== server.apiUrl) return server.fetch(request);
      if (clock.now() - (heard.get(token) ?? Number.NEGATIVE_INFINITY) < cacheMs) return new Response('cached');
      const answer = await server.fetch(request);
      if (answer.ok) heard.set(token, clock.now());
      return answer;
    },
  });
  return { clock, server, probe, recorded, names };
}

test.each([
  [0, 0],
  [3_000, 3],
  [8_100, 8.25],
])('an API that keeps verdicts for %d ms refuses a revoked access token after %d s', async (cacheMs, seconds) => {
  const { clock, probe, recorded } = world(cacheMs);
  expect(await clock.runUntil(probe())).toBe(seconds);
  expect(recorded).toEqual([[seconds, { 'server.address': 'auth.test' }]]);
});

test('the canary gives up after 60 s, and says so', async () => {
  const { clock, probe, recorded } = world(Number.POSITIVE_INFINITY);
  expect(await clock.runUntil(probe())).toBe(60);
  expect(recorded).toEqual([[60, { 'server.address': 'auth.test', 'error.type': 'timeout' }]]);
  expect(clock.pending).toBe(0);
});

test('a canary that cannot sign in or revoke records nothing', async () => {
  const { clock, server, probe, recorded } = world(0);
  server.next({ status: 503 });
  await expect(clock.runUntil(probe())).rejects.toThrow('got 503 from auth.test');
  server.next({ status: 503 }, { endpoint: 'revoke' });
  await expect(clock.runUntil(probe())).rejects.toThrow('got 503 from auth.test');
  expect(recorded).toEqual([]);
});

test('P8 what the canary records is what docs/observability.md lists', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/observability.md'), 'utf8');
  const [name] = world(0).names;
  expect(page).toContain(`| \`${name}\` | histogram, s | \`server.address\`, \`error.type\` (\`timeout\``);
});
