import { expect, test } from 'vitest';
import { isTokenError, type RefreshRequest } from '../../src/index.js';
import { atOnce, createWorld, json, MINUTE, outcome } from '../support/promise-world.js';
import { headers, type Refresh, read, streamed, thrown } from '../support/token-answers.js';

/** What keeps the session, and the code that says why. */
const kept: Array<[string, Refresh, string | RegExp]> = [
  ['network error', () => Promise.reject(new TypeError('fetch failed')), 'ERR_REFRESH_NETWORK'],
  [
    'throws synchronously',
    () => {
      throw new Error('x');
    },
    /NETWORK|UNAVAILABLE/,
  ],
  [
    'throws undefined',
    () => {
      throw undefined;
    },
    /./,
  ],
  [
    'throws null',
    () => {
      throw null;
    },
    /./,
  ],
  [
    'throws a string',
    () => {
      throw 'invalid_grant';
    },
    /./,
  ],
  [
    'throws a number',
    () => {
      throw 401;
    },
    /./,
  ],
  [
    'throws a frozen object',
    () => {
      throw Object.freeze({});
    },
    /./,
  ],
  [
    'throws a hostile proxy',
    () => {
      throw new Proxy(
        {},
        {
          get() {
            throw new Error('get');
          },
          has() {
            throw new Error('has');
          },
          getPrototypeOf() {
            throw new Error('proto');
          },
        },
      );
    },
    /./,
  ],
  [
    'throws a revoked proxy',
    () => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      throw proxy;
    },
    /./,
  ],
  [
    'throws with a getter that throws',
    () => {
      throw {
        get response() {
          throw new Error('getter');
        },
      };
    },
    /./,
  ],
  ['returns undefined', () => undefined, 'ERR_REFRESH_RESPONSE'],
  ['returns null', () => null, 'ERR_REFRESH_RESPONSE'],
  ['returns a string', () => 'access', 'ERR_REFRESH_RESPONSE'],
  ['returns a number', () => 5, 'ERR_REFRESH_RESPONSE'],
  ['returns an array', () => [], 'ERR_REFRESH_RESPONSE'],
  ['returns a function', () => () => 1, 'ERR_REFRESH_RESPONSE'],
  ['returns a symbol', () => Symbol('x'), 'ERR_REFRESH_RESPONSE'],
  ['returns an empty object', () => ({}), 'ERR_REFRESH_RESPONSE'],
  [
    'returns a hostile proxy',
    () =>
      new Proxy(
        {},
        {
          get(_, key) {
            if (key === 'then') return undefined;
            throw new Error('get');
          },
        },
      ),
    /./,
  ],
  ['returns a token that is a number', () => ({ access_token: 5 }), 'ERR_REFRESH_RESPONSE'],
  ['returns an empty token', () => ({ access_token: '' }), 'ERR_REFRESH_RESPONSE'],
  ['returns a token with a line break', () => ({ access_token: 'a\r\nX: y' }), 'ERR_REFRESH_RESPONSE'],
  [
    'returns a getter that throws',
    () => ({
      get access_token() {
        throw new Error('getter');
      },
    }),
    /./,
  ],
  ['a Response that was read already', async () => read(json({ access_token: 'a' })), 'ERR_REFRESH_RESPONSE'],
  ['a 400 that was read already', async () => read(json({ error: 'invalid_grant' }, 400)), /UNAVAILABLE|RESPONSE/],
  ['an empty 200', () => new Response(null, { status: 200 }), 'ERR_REFRESH_RESPONSE'],
  ['a 204', () => new Response(null, { status: 204 }), 'ERR_REFRESH_RESPONSE'],
  [
    'HTML 200',
    () => new Response('<html>portal</html>', { headers: { 'Content-Type': 'text/html' } }),
    'ERR_REFRESH_RESPONSE',
  ],
  ['JSON null', () => json('null'), 'ERR_REFRESH_RESPONSE'],
  ['JSON array', () => json('[]'), 'ERR_REFRESH_RESPONSE'],
  ['JSON string', () => json('"invalid_grant"'), 'ERR_REFRESH_RESPONSE'],
  ['unknown JSON 200', () => json({ ok: true }), 'ERR_REFRESH_RESPONSE'],
  ['a megabyte', () => json({ access_token: 'a', junk: 'x'.repeat(1 << 20) }), 'ERR_REFRESH_RESPONSE'],
  ['an error in the middle of the body', () => streamed(['{"access_'], 'error'), /RESPONSE|NETWORK/],
  ['a body that hangs in the middle', () => streamed(['{"access_'], 'hang'), /TIMEOUT|RESPONSE/],
  ['deep nesting', () => json('['.repeat(50_000)), 'ERR_REFRESH_RESPONSE'],
  [
    'a redirect',
    () => new Response(null, { status: 302, headers: { Location: 'https://x.test' } }),
    /UNAVAILABLE|RESPONSE/,
  ],
  ['an error response (type error)', () => Response.error(), /./],
  ...[400, 401, 403, 404, 408, 409, 410, 418, 422, 425, 429, 451, 500, 501, 502, 503, 504, 511, 520, 530, 599].flatMap(
    (status): typeof kept => [
      [`a bare ${status}`, () => new Response(null, { status }), 'ERR_REFRESH_UNAVAILABLE'],
      [
        `${status} with HTML that says invalid_grant`,
        () => new Response('<html>invalid_grant</html>', { status }),
        'ERR_REFRESH_UNAVAILABLE',
      ],
      [
        `${status} with unknown JSON`,
        () => json({ message: 'invalid_grant token expired revoked' }, status),
        'ERR_REFRESH_UNAVAILABLE',
      ],
      [
        `a ky error of ${status}`,
        () => {
          throw thrown({ name: 'HTTPError', response: new Response('{}', { status }), request: {}, options: {} });
        },
        'ERR_REFRESH_UNAVAILABLE',
      ],
      [
        `an axios error of ${status}`,
        () => {
          throw thrown({ isAxiosError: true, code: 'ERR_BAD_REQUEST', response: { status, data: '', headers: {} } });
        },
        'ERR_REFRESH_UNAVAILABLE',
      ],
    ],
  ),
  ...[408, 425, 429, 500, 502, 503, 504].map((status): (typeof kept)[number] => [
    `${status} with invalid_grant`,
    () => json({ error: 'invalid_grant' }, status),
    'ERR_REFRESH_UNAVAILABLE',
  ]),
  [
    '429 with Retry-After and invalid_grant',
    () => json({ error: 'invalid_grant' }, 400, { 'Retry-After': '3' }),
    'ERR_REFRESH_UNAVAILABLE',
  ],
  [
    'an axios error without a response',
    () => {
      throw thrown({ isAxiosError: true, code: 'ECONNABORTED', request: {} });
    },
    'ERR_REFRESH_NETWORK',
  ],
  [
    'axios 503 with invalid_grant',
    () => {
      throw thrown({ response: { status: 503, data: { error: 'invalid_grant' }, headers: headers({}) } });
    },
    'ERR_REFRESH_UNAVAILABLE',
  ],
  ['invalid_client', () => json({ error: 'invalid_client' }, 401), 'ERR_REFRESH_CONFIG'],
  ['unauthorized_client', () => json({ error: 'unauthorized_client' }, 400), 'ERR_REFRESH_CONFIG'],
  ['invalid_scope', () => json({ error: 'invalid_scope' }, 400), 'ERR_REFRESH_CONFIG'],
  [
    'axios invalid_client as text',
    () => {
      throw thrown({ response: { status: 401, data: '{"error":"invalid_client"}', headers: {} } });
    },
    'ERR_REFRESH_CONFIG',
  ],
  ['interaction_required', () => json({ error: 'interaction_required' }, 400), 'ERR_REFRESH_INTERACTION'],
  ['temporarily_unavailable', () => json({ error: 'temporarily_unavailable' }, 400), 'ERR_REFRESH_UNAVAILABLE'],
  ['invalid_request', () => json({ error: 'invalid_request' }, 400), /UNAVAILABLE|CONFIG/],
  ['an error that is an object', () => json({ error: { code: 'x' } }, 400), 'ERR_REFRESH_UNAVAILABLE'],
  ['an error with INVALID_GRANT in capitals and blanks', () => json({ error: ' x ' }, 400), 'ERR_REFRESH_UNAVAILABLE'],
  ['never answers', () => new Promise(() => undefined), 'ERR_REFRESH_TIMEOUT'],
];

test.each(kept)('%s keeps the session, and is told with a moment to come back', async (_, refresh, code) => {
  for (const deviceTry of [0, 1]) {
    const { clock, server, tokens, events } = createWorld({
      refresh: ((request: RefreshRequest) => refresh(request, async () => undefined)) as never,
      endsSession: deviceTry
        ? ((() => {
            throw new Error('endsSession');
          }) as never)
        : undefined,
    });
    await tokens.startSession(server.signIn());
    await clock.advance(11 * MINUTE);
    const got = await outcome(clock, tokens.getAccessToken(), 100_000);
    expect(got.ok).toBe(false);
    const error = got.error as Error & { code: string; retryAt: number; attempts: number };
    expect(isTokenError(error)).toBe(true);
    expect(error.code).toMatch(code instanceof RegExp ? code : new RegExp(`^${code}$`));
    expect(error.retryAt).toBeGreaterThan(clock.now());
    expect(error.attempts).toBeGreaterThan(0);
    expect(error.message.length).toBeGreaterThan(20);
    expect(tokens.getSnapshot()).toMatchObject({
      status: 'active',
      refreshing: false,
      retryAt: error.retryAt,
      error,
    });
    const failed = events.filter(({ type }) => type === 'refreshFailed');
    expect(failed.map(({ event }) => event.attempt)).toEqual(failed.map((_, index) => index + 1));
    for (const { event } of failed) {
      expect(Object.keys(event).sort()).toEqual(
        ['again', 'at', 'attempt', 'durationMs', 'error', 'reason', 'retryAt', 'sessionId'].sort(),
      );
      expect(event.durationMs).toBeGreaterThanOrEqual(0);
    }
    expect(events.filter(({ type }) => type === 'sessionEnded')).toEqual([]);
    const again = await atOnce(clock, tokens.getAccessToken());
    expect(again).toMatchObject({ ok: false, error: { code: error.code, retryAt: error.retryAt } });
    tokens.dispose();
  }
});
