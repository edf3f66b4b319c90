import { expect, test } from 'vitest';
import { atOnce, createWorld, HOUR, jwt, MINUTE, outcome } from '../support/promise-world.js';

const at = Math.floor(Date.UTC(2026, 0, 1) / 1000);
const cases: Array<[string, Record<string, unknown>, number | undefined]> = [
  ['a number', { expires_in: 3600 }, 3600_000],
  ['a numeric string', { expires_in: '3600' }, 3600_000],
  ['a fraction', { expires_in: 1.5 }, 1500],
  ['nothing', {}, undefined],
  ['null', { expires_in: null }, undefined],
  ['zero', { expires_in: 0 }, undefined],
  ['minus one', { expires_in: -1 }, undefined],
  ["'0'", { expires_in: '0' }, undefined],
  ['NaN', { expires_in: Number.NaN }, undefined],
  ['Infinity', { expires_in: Number.POSITIVE_INFINITY }, undefined],
  ['1e300', { expires_in: 1e300 }, undefined],
  ["'1e300'", { expires_in: '1e300' }, undefined],
  ['empty string', { expires_in: '' }, undefined],
  ['blank string', { expires_in: ' ' }, undefined],
  ['words', { expires_in: 'one hour' }, undefined],
  ['true', { expires_in: true }, undefined],
  ['an array', { expires_in: [3600] }, undefined],
  ['an object', { expires_in: { valueOf: () => 3600 } }, undefined],
  ['a date string', { expires_in: '2026-01-01T01:00:00Z' }, undefined],
  ['a JWT with iat and exp', { access_token: jwt({ iat: at - 7200, exp: at - 3600 }) }, 3600_000],
  ['a JWT with exp alone', { access_token: jwt({ exp: at + 3600 }) }, 3600_000],
  ['a JWT with exp alone, past', { access_token: jwt({ exp: at - 10 }) }, undefined],
  ['a JWT with exp before iat', { access_token: jwt({ iat: at, exp: at - 10 }) }, undefined],
  ['a JWT with exp equal to iat', { access_token: jwt({ iat: at, exp: at }) }, undefined],
  ['a JWT with exp in milliseconds', { access_token: jwt({ exp: (at + 3600) * 1000 }) }, 3600_000],
  [
    'a JWT with iat and exp in milliseconds',
    { access_token: jwt({ iat: at * 1000, exp: (at + 3600) * 1000 }) },
    3600_000,
  ],
  ['a JWT with exp as text', { access_token: jwt({ exp: 'soon' }) }, undefined],
  ['a JWT with exp null', { access_token: jwt({ exp: null }) }, undefined],
  ['a JWT with exp an object', { access_token: jwt({ exp: {} }) }, undefined],
  ['a JWT that is an array', { access_token: jwt([1, 2]) }, undefined],
  ['a JWT that is null', { access_token: jwt(null) }, undefined],
  ['a JWT that is a string', { access_token: jwt('x') }, undefined],
  ['a JWT of two parts', { access_token: 'a.b' }, undefined],
  ['a JWT of no base64', { access_token: 'a.!!!.c' }, undefined],
  ['five parts (JWE)', { access_token: 'a.b.c.d.e' }, undefined],
  ['dots', { access_token: '..' }, undefined],
  ['expires_in missing and a JWT', { expires_in: 'x', access_token: jwt({ iat: at, exp: at + 60 }) }, 60_000],
  ['expires_in before a JWT', { expires_in: 30, access_token: jwt({ iat: at, exp: at + 60 }) }, 30_000],
];
test.each(cases)('%s: never throws, never loops', async (_, extra, lifetimeMs) => {
  for (const proactive of [true, false]) {
    let requests = 0;
    const response = { access_token: 'opaque', token_type: 'Bearer', refresh_token: 'r0', ...extra } as never;
    const { clock, tokens } = createWorld({
      proactive,
      refresh: async () => {
        requests++;
        return { ...(response as object), refresh_token: `r${requests}` } as never;
      },
    });
    await tokens.startSession(response);
    const { expiresAt, issuedAt, status } = tokens.getSnapshot();
    expect(status).toBe('active');
    expect(expiresAt).toBe(lifetimeMs === undefined ? undefined : (issuedAt ?? 0) + lifetimeMs);
    expect(await atOnce(clock, tokens.getAccessToken())).toMatchObject({ ok: true });
    for (let minute = 0; minute < 6; minute++) {
      await clock.advance(10 * MINUTE);
      expect(await outcome(clock, tokens.getAccessToken())).toMatchObject({ ok: true });
    }
    // never more often than the lifetime wants, and not at all without one
    expect(requests).toBeLessThanOrEqual(lifetimeMs === undefined ? 0 : proactive ? HOUR / (lifetimeMs / 2) + 10 : 61);
    tokens.dispose();
  }
});

test('the lifetime counts from just before the request was sent, however long the answer takes', async () => {
  for (const delayMs of [0, 1, 500, 9_000]) {
    const { clock, server, tokens } = createWorld();
    await tokens.startSession(server.signIn());
    await clock.advance(11 * MINUTE);
    const sentAt = clock.now();
    server.set({ answerDelayMs: delayMs });
    await outcome(clock, tokens.getAccessToken());
    expect(tokens.getSnapshot()).toMatchObject({ issuedAt: sentAt, expiresAt: sentAt + 10 * MINUTE });
    tokens.dispose();
  }
});
