import { expect, test } from 'vitest';
import { inProcess } from '../../src/index.js';
import { createWorld, HOUR, MINUTE, outcome } from '../support/promise-world.js';

test('a token that outlives the upload is fetched; one that cannot exist gives the longest there is, without a loop', async () => {
  for (const minValidityMs of [
    9 * MINUTE,
    10 * MINUTE,
    10 * MINUTE + 1,
    HOUR,
    1e15,
    Number.POSITIVE_INFINITY,
    Number.MAX_VALUE,
  ]) {
    const { clock, server, tokens } = createWorld();
    const first = server.signIn();
    await tokens.startSession(first);
    await clock.advance(5 * MINUTE);
    const got = await outcome(clock, tokens.getAccessToken({ minValidityMs }));
    expect(got, `${minValidityMs}`).toMatchObject({ ok: true, afterMs: 0 });
    expect(got.value).not.toBe(first.access_token);
    expect(server.tokenRequests).toHaveLength(1);
    for (let index = 0; index < 15; index++) await outcome(clock, tokens.getAccessToken({ minValidityMs }));
    expect(server.tokenRequests.length, `${minValidityMs}`).toBeLessThanOrEqual(2);
    tokens.dispose();
  }
});

test('short tokens and long wishes, second after second: no storm', async () => {
  const { clock, server, tokens } = createWorld({ server: { accessTokenLifetimeMs: 30_000 } });
  await tokens.startSession(server.signIn());
  for (let second = 0; second < 40; second++) {
    await clock.advance(1_000);
    await outcome(clock, Promise.all(Array.from({ length: 20 }, () => tokens.getAccessToken({ minValidityMs: HOUR }))));
  }
  expect(server.tokenRequests.length).toBeLessThanOrEqual(120);
  tokens.dispose();
});

test.each(['503', 'hang', 'drop', 'lock'])(
  'while refreshing fails (%s) it gives the usable token there is',
  async (trouble) => {
    let bad = false;
    const inner = inProcess().lock;
    const { clock, server, tokens } = createWorld({
      parts: { lock: { run: (...args) => (bad ? new Promise<never>(() => undefined) : inner.run(...args)) } },
    });
    const first = server.signIn();
    await tokens.startSession(first);
    await clock.advance(2 * MINUTE);
    bad = trouble === 'lock';
    server.always({ '503': { status: 503 }, hang: { hang: true }, drop: { drop: true }, lock: {} }[trouble] ?? {});
    const got = await outcome(clock, tokens.getAccessToken({ minValidityMs: 9 * MINUTE }), 100_000);
    expect(got).toMatchObject({ ok: true, value: first.access_token });
    tokens.dispose();
  },
);

test.each([-1, Number.NaN, -Infinity, '5000', null, {}, true])(
  'minValidityMs of %s harms nobody',
  async (minValidityMs) => {
    const { clock, server, tokens } = createWorld();
    const first = server.signIn();
    await tokens.startSession(first);
    const got = await outcome(
      clock,
      Promise.resolve().then(() => tokens.getAccessToken({ minValidityMs: minValidityMs as never })),
    );
    if (got.ok) expect(got.value).toBe(first.access_token);
    else expect(got.error).toMatchObject({ code: 'ERR_OPTIONS' });
    expect(server.tokenRequests.length).toBe(0);
    tokens.dispose();
  },
);
