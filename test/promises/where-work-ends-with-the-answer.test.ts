import { expect, test } from 'vitest';
import { node } from '../../src/presets/node.js';
import { createWorld, MINUTE, outcome } from '../support/promise-world.js';

const parts = { background: false };

/** A session whose token is due, and usable for another half minute. */
async function due(options: Parameters<typeof createWorld>[0] = {}) {
  const world = createWorld({ parts, ...options });
  const first = world.server.signIn();
  await world.tokens.startSession(first);
  await world.clock.advance(9.5 * MINUTE);
  return { ...world, first: first.access_token };
}

test('a token that is due is refreshed before it is served, where nothing goes on behind the answer', async () => {
  const { tokens, clock, server, first } = await due({ server: { delayMs: 500 } });
  const got = await outcome(clock, tokens.getAccessToken());
  expect(got).toMatchObject({ ok: true, afterMs: 500 });
  expect(got.value).not.toBe(first);
  expect(server.tokenRequests).toHaveLength(1);
  tokens.dispose();
});

test('a refresh that takes longer than two seconds is not waited for, and the usable token is served', async () => {
  const { tokens, clock, first } = await due({ server: { delayMs: 5_000 } });
  expect(await outcome(clock, tokens.getAccessToken())).toMatchObject({ ok: true, value: first, afterMs: 2_000 });
  await clock.advance(5_000);
  expect(await tokens.getAccessToken()).not.toBe(first);
  tokens.dispose();
});

test('a caller whose token expires while it waits gets the next one, not a refusal', async () => {
  const { tokens, clock, first } = await due({ server: { delayMs: 5_000 } });
  await clock.advance(29_000);
  const got = await outcome(clock, tokens.getAccessToken());
  expect(got).toMatchObject({ ok: true, afterMs: 5_000 });
  expect(got.value).not.toBe(first);
  tokens.dispose();
});

test('a refresh that fails leaves the usable token to be served, and nobody waits before the next attempt is due', async () => {
  const { tokens, clock, server, first } = await due({ retry: { attempts: 1 } });
  server.always({ status: 503 });
  expect(await outcome(clock, tokens.getAccessToken())).toMatchObject({ ok: true, value: first, afterMs: 0 });
  expect(await outcome(clock, tokens.getAccessToken())).toMatchObject({ ok: true, value: first, afterMs: 0 });
  expect(server.tokenRequests).toHaveLength(1);
  tokens.dispose();
});

test('a refresh that ends the session refuses the caller, and an abort lets go of that caller alone', async () => {
  const { tokens, clock, server } = await due({ server: { delayMs: 500 } });
  server.next({ status: 400, body: { error: 'invalid_grant' } });
  const controller = new AbortController();
  const aborted = tokens.getAccessToken({ signal: controller.signal });
  const waiting = tokens.getAccessToken();
  controller.abort(new Error('changed my mind'));
  await expect(aborted).rejects.toThrow('changed my mind');
  expect(await outcome(clock, waiting)).toMatchObject({ ok: false, error: { code: 'ERR_SESSION_REJECTED' } });
  tokens.dispose();
});

test('no timer refreshes ahead of expiry, unless proactive is asked for by name', async () => {
  for (const proactive of [undefined, true]) {
    const { tokens, clock, server } = createWorld({ parts, proactive });
    await tokens.startSession(server.signIn());
    await clock.advance(9.5 * MINUTE);
    expect(server.tokenRequests).toHaveLength(proactive ? 1 : 0);
    tokens.dispose();
  }
});

test('a credentials file belongs to processes that may end next; memory does not', () => {
  expect(node({ file: 'session.json' }).background).toBe(false);
  expect(node().background).toBeUndefined();
});
