import { describe, expect, test, vi } from 'vitest';
import type { RefreshTokens } from '../../src/index.js';
import { safeCause, said } from '../../src/manager/safe-cause.js';
import { fakeClock } from '../../src/testing.js';
import { bareManager } from '../support/bare-manager.js';
import { recordWith } from '../support/session-records.js';

const { tokens: previous } = recordWith();
const request = {
  refreshToken: 'old-refresh-token-1',
  accessToken: 'old-access-token-1',
  scopes: ['mail'],
  reason: 'expired',
  attempt: 1,
  attemptId: 'a1',
} as const;
const good = { access_token: 'new-access', refresh_token: 'new-refresh', expires_in: 60 };
const json = (body: unknown, init?: ResponseInit) => Response.json(body, init);

function exchange(refresh: RefreshTokens, limitMs = 1_000) {
  const clock = fakeClock();
  const { exchange: one } = bareManager({ clock }, {}, refresh);
  const onLate = vi.fn();
  const from = clock.now();
  const run = async () => {
    const answer = await clock.runUntil(one.request(request, previous, limitMs, onLate));
    return { answer, afterMs: clock.now() - from };
  };
  return { clock, exchange: one, onLate, run, from };
}

/** What comes of a refresh function that ends like this. */
const answerTo = async (refresh: (...args: never[]) => unknown) =>
  (await exchange(refresh as RefreshTokens).run()).answer;
const thrown = (error: unknown) => answerTo(() => Promise.reject(error));

describe('tokens are read', () => {
  test.each([
    ['a Response', () => json(good)],
    [
      'a Response of another realm',
      () => ({ status: 200, text: async () => JSON.stringify(good), headers: new Headers() }),
    ],
    ['a Response with 201', () => json(good, { status: 201 })],
    ['a token response', () => good],
    ['a token response as text', () => JSON.stringify(good)],
    ['form encoding', () => new Response('access_token=new-access&refresh_token=new-refresh&expires_in=60')],
  ])('from %s', async (_, make) => {
    const { answer } = await exchange(async () => make() as Response).run();
    expect(answer.tokens).toMatchObject({ accessToken: 'new-access', refreshToken: 'new-refresh', scopes: ['mail'] });
  });

  test('and their lifetime counts from just before the request was sent', async () => {
    const { clock, run, from } = exchange(async () => {
      await new Promise<void>((resolve) => clock.after(500, resolve));
      return json(good);
    });
    const { answer } = await run();
    expect(answer.tokens).toMatchObject({ issuedAt: from, expiresAt: from + 60_000 });
  });

  test('also from an error of an HTTP client whose answer is a good one', async () => {
    const answer = await thrown(Object.assign(new Error('redirected'), { response: json(good) }));
    expect(answer.tokens).toMatchObject({ accessToken: 'new-access' });
  });
});

describe('a refusal is read the same way, however it comes', () => {
  const refusal = { error: 'invalid_grant' };
  const ways: [string, () => unknown][] = [
    ['a returned Response', () => json(refusal, { status: 400 })],
    [
      'a thrown Response in an error',
      () => Promise.reject(Object.assign(new Error('400'), { response: json(refusal, { status: 400 }) })),
    ],
    [
      'parsed data beside the response',
      () => Promise.reject({ response: { status: 400, data: refusal, headers: {} } }),
    ],
    ['parsed data in the error', () => Promise.reject({ status: 400, data: refusal })],
    ['text beside the response', () => Promise.reject({ response: { status: 400, data: JSON.stringify(refusal) } })],
    ['an OAuth error', () => Promise.reject({ ...refusal })],
    ['an OAuth error with a status', () => Promise.reject({ ...refusal, status: 400 })],
    ['an OAuth error with something odd for a status', () => Promise.reject({ ...refusal, status: 'bad' })],
    [
      'a throw instead of a rejection',
      () => {
        throw Object.assign(new Error('no'), { ...refusal });
      },
    ],
  ];
  test.each(ways)('%s', async (_, way) => {
    const answer = await answerTo(way as () => unknown);
    expect(answer).toMatchObject({
      code: 'ERR_REFRESH_UNAVAILABLE',
      isAnswer: true,
      failure: { kind: 'dead', status: 400, oauthError: 'invalid_grant' },
    });
  });

  test('a plain object with an OAuth error and no status', async () => {
    expect(await answerTo(async () => refusal)).toMatchObject({ isAnswer: true, failure: { kind: 'dead' } });
  });

  test.each([
    ['transient', 503, {}, 'ERR_REFRESH_UNAVAILABLE'],
    ['unknown', 400, { error: 'odd' }, 'ERR_REFRESH_UNAVAILABLE'],
    ['config', 401, { error: 'invalid_client' }, 'ERR_REFRESH_CONFIG'],
    ['interaction', 400, { error: 'login_required' }, 'ERR_REFRESH_INTERACTION'],
  ])('%s: %i %j', async (kind, status, body, code) => {
    expect(await answerTo(async () => json(body, { status }))).toMatchObject({ code, failure: { kind, status } });
  });

  test.each([
    [502, false],
    [504, false],
    [500, true],
    [503, true],
    [429, true],
    [408, true],
  ])('a %i counts as an answer: %s', async (status, isAnswer) => {
    expect(await answerTo(async () => new Response('', { status }))).toMatchObject({ isAnswer });
  });

  const headers: [string, unknown][] = [
    ['a Headers object', new Headers({ 'Retry-After': '30' })],
    ['a plain object', { 'retry-after': '30' }],
    ['a number in a plain object', { 'retry-after': 30 }],
    ['an object with get()', { get: (name: string) => (name === 'retry-after' ? '30' : null) }],
  ];
  test.each(headers)('Retry-After in %s', async (_, given) => {
    const { run, from } = exchange(() => Promise.reject({ response: { status: 429, headers: given } }));
    expect((await run()).answer).toMatchObject({ failure: { kind: 'transient', status: 429, retryAt: from + 30_000 } });
  });

  test.each(['x-retry-after', 'retry-after-ms'])('but not in %s', async (name) => {
    const answer = await thrown({ response: { status: 429, headers: { [name]: '30' } } });
    expect(answer).not.toHaveProperty('failure.retryAt');
  });

  test('Retry-After counts from the moment the answer came', async () => {
    const { run, clock, from } = exchange(async () => {
      await new Promise<void>((resolve) => clock.after(700, resolve));
      return new Response('', { status: 503, headers: { 'Retry-After': '10' } });
    });
    expect((await run()).answer).toMatchObject({ failure: { retryAt: from + 10_700 } });
  });

  test.each([undefined, {}, { 'retry-after': undefined }, { get: 'no function' }, null])(
    'no Retry-After: %j',
    async (given) => {
      const answer = await thrown({ response: { status: 429, headers: given } });
      expect(answer).toMatchObject({ failure: { kind: 'transient' } });
      expect(answer).not.toHaveProperty('failure.retryAt');
    },
  );
});

describe('only 2xx is read for tokens', () => {
  test.each([199.5, 300, 301, 400, 500])('not %d', async (status) => {
    const answer = await answerTo(async () => ({
      status,
      text: async () => JSON.stringify(good),
      headers: new Headers(),
    }));
    expect(answer).not.toHaveProperty('tokens');
    expect(answer).toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE' });
  });

  test('a refusal may be long', async () => {
    const body = { error: 'invalid_grant', more: 'x'.repeat(300_000) };
    expect(await answerTo(async () => json(body, { status: 400 }))).toMatchObject({ failure: { kind: 'dead' } });
  });

  test.each([199.5, 300])('a long answer with %d is a refusal, and none that could not be read', async (status) => {
    const text = async () => JSON.stringify({ error: 'temporarily_unavailable', more: 'x'.repeat(300_000) });
    const answer = await answerTo(async () => ({ status, text, headers: new Headers() }));
    expect(answer).toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE', failure: { kind: 'transient' } });
  });

  test.each([
    ['a status alone', { status: 200, ...good }],
    ['a method text alone', { text: () => 'x', ...good }],
  ])('an object with %s is no Response', async (_, value) => {
    expect((await answerTo(async () => value)).tokens).toMatchObject({ accessToken: 'new-access' });
  });
});

describe('an OAuth code that has a part of a secret in it', () => {
  test.each([
    ['refresh-token-1', undefined],
    ['x.access-token-1', undefined],
    ['REFRESH-TOKEN-1', 'REFRESH-TOKEN-1'],
    ['refresh_token_x', 'refresh_token_x'],
    ['token9', 'token9'],
  ])('%s is given as %s', async (error, oauthError) => {
    const answer = await answerTo(async () => json({ error }, { status: 400 }));
    expect((answer as { failure?: { oauthError?: string } }).failure?.oauthError).toBe(oauthError);
  });

  test('a word in capitals is a code, whatever else it is a part of', async () => {
    const { clock, exchange: one } = exchange(async () => json({ error: 'TOKEN_EXPIRED' }, { status: 400 }));
    const secret = { ...request, refreshToken: 'my.TOKEN_EXPIRED.1' };
    const answer = await clock.runUntil(one.request(secret, previous, 1_000, () => undefined));
    expect(answer).toMatchObject({ failure: { kind: 'dead', oauthError: 'TOKEN_EXPIRED' } });
  });

  test('where there is no code, none is handed on', async () => {
    expect(await answerTo(async () => new Response('', { status: 503 }))).not.toHaveProperty('failure.oauthError');
  });
});

describe('what is no answer leaves open what became of the refresh token', () => {
  test.each([
    ['an error', new Error('fetch failed')],
    ['a string', 'fetch failed'],
    ['nothing', undefined],
    ['null', null],
    ['a number', 5],
    ['an abort', new DOMException('aborted', 'AbortError')],
    ['an error with an error that is none', { error: { nested: true } }],
  ])('%s that is thrown', async (_, error) => {
    const answer = await thrown(error);
    expect(answer).toMatchObject({ code: 'ERR_REFRESH_NETWORK', isAnswer: false, failure: { kind: 'transient' } });
    expect(answer.cause).toBeInstanceOf(Error);
  });

  test('an error that cannot be looked at', async () => {
    const error = Object.defineProperty({}, 'message', {
      get: () => {
        throw new Error('mine');
      },
    });
    const answer = await thrown(error);
    expect(answer).toMatchObject({ code: 'ERR_REFRESH_NETWORK', isAnswer: false, failure: { kind: 'transient' } });
  });

  const unreadable: [string, () => unknown, string][] = [
    ['an empty 200', () => new Response(''), 'no access_token came'],
    ['HTML with 200', () => new Response('<html>'), 'HTML instead of JSON came, check url'],
    ['JSON of something else', () => json({ ok: true }), 'no access_token came'],
    [
      'a token that is none',
      () => json({ access_token: '' }),
      'an access_token that is empty, too long or not visible ASCII came',
    ],
    ['a megabyte', () => json({ ...good, more: 'x'.repeat(1_000_000) }), 'over 262144 characters came'],
    ['nothing returned', () => undefined, 'no access_token came'],
    ['null returned', () => null, 'no access_token came'],
  ];
  test.each(unreadable)('%s', async (_, make, detail) => {
    const answer = await answerTo(async () => make());
    expect(answer).toMatchObject({
      code: 'ERR_REFRESH_RESPONSE',
      isAnswer: false,
      detail,
      failure: { kind: 'unknown' },
    });
  });

  test('a body that is just short enough is read', async () => {
    const room = 262_144 - JSON.stringify({ ...good, more: '' }).length;
    expect((await answerTo(async () => json({ ...good, more: 'x'.repeat(room) }))).tokens).toBeDefined();
    expect((await answerTo(async () => json({ ...good, more: 'x'.repeat(room + 1) }))).tokens).toBeUndefined();
  });

  test.each([
    ['another token type', { ...good, token_type: 'mac' }],
    ['a hostile access token', { ...good, access_token: 'a\nb' }],
    ['a megabyte', { ...good, more: 'x'.repeat(1_000_000) }],
  ])('but a new refresh token in it is not lost: %s', async (_, body) => {
    expect(await answerTo(async () => json(body))).toMatchObject({ refreshToken: 'new-refresh' });
  });

  test('a Response that was read already says what to do', async () => {
    const answer = await answerTo(async () => {
      const response = json(good);
      await response.text();
      return response;
    });
    expect(answer).toMatchObject({ code: 'ERR_REFRESH_RESPONSE', isAnswer: false, failure: { status: 200 } });
    expect(answer).toMatchObject({ detail: 'its body was read already; return the Response unread' });
  });

  test('a connection that breaks within the body is a network error; in a thrown response, the status counts', async () => {
    const broken = (status: number) =>
      new Response(new ReadableStream({ start: (body) => body.error(new TypeError('terminated')) }), { status });
    expect(await answerTo(async () => broken(200))).toMatchObject({ code: 'ERR_REFRESH_NETWORK', isAnswer: false });
    const answer = await thrown({ response: broken(503) });
    expect(answer).toMatchObject({ code: 'ERR_REFRESH_UNAVAILABLE', failure: { kind: 'transient', status: 503 } });
  });

  test('a thrown response that was read already counts by its status and the data beside it', async () => {
    const response = json({ error: 'invalid_grant' }, { status: 400 });
    await response.text();
    expect(await thrown({ response })).toMatchObject({ failure: { kind: 'unknown', status: 400 } });
    expect(await thrown({ response, data: { error: 'invalid_grant' } })).toMatchObject({ failure: { kind: 'dead' } });
  });
});

describe('the deadline', () => {
  test('aborts the signal, answers for the function, and hears of tokens that come late', async () => {
    let given: AbortSignal | undefined;
    const { clock, run, onLate } = exchange(async ({ signal }) => {
      given = signal;
      await new Promise<void>((resolve) => clock.after(60_000, resolve));
      return good;
    });
    const { answer, afterMs } = await run();
    expect(answer).toMatchObject({ code: 'ERR_REFRESH_TIMEOUT', isAnswer: false, failure: { kind: 'transient' } });
    expect(afterMs).toBe(1_000);
    expect(given?.aborted).toBe(true);
    expect(onLate).not.toHaveBeenCalled();
    await clock.advance(60_000);
    expect(onLate).toHaveBeenCalledExactlyOnceWith({ tokens: expect.objectContaining({ accessToken: 'new-access' }) });
  });

  test('hears of a refresh token that comes late in an answer that is otherwise of no use', async () => {
    const { clock, run, onLate } = exchange(async () => {
      await new Promise<void>((resolve) => clock.after(60_000, resolve));
      return json({ refresh_token: 'new-refresh' });
    });
    await run();
    await clock.advance(60_000);
    expect(onLate).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ refreshToken: 'new-refresh' }));
  });

  test('does not hear of a refusal that comes late', async () => {
    const { clock, run, onLate } = exchange(async () => {
      await new Promise<void>((resolve) => clock.after(60_000, resolve));
      return json({ error: 'invalid_grant' }, { status: 400 });
    });
    await run();
    await clock.advance(60_000);
    expect(onLate).not.toHaveBeenCalled();
  });

  test('leaves the signal alone when the answer is in time', async () => {
    let given: AbortSignal | undefined;
    const { clock, run, onLate } = exchange(async ({ signal }) => {
      given = signal;
      return good;
    });
    await run();
    await clock.advance(60_000);
    expect(given?.aborted).toBe(false);
    expect(onLate).not.toHaveBeenCalled();
    expect(clock.pending).toBe(0);
  });
});

describe('what is inside the refresh function', () => {
  test('is told by its signal, and until its first await by the moment', async () => {
    const seen: unknown[] = [];
    let given: AbortSignal | undefined;
    const { exchange: one, run } = exchange(async ({ signal }) => {
      given = signal;
      seen.push(one.isInside(undefined), one.isInside(signal));
      await undefined;
      seen.push(one.isInside(undefined), one.isInside(signal), one.isInside(new AbortController().signal));
      return good;
    });
    expect(one.isInside(undefined)).toBe(false);
    await run();
    expect(seen).toEqual([true, true, false, true, false]);
    expect(one.isInside(undefined)).toBe(false);
    expect(one.isInside(given)).toBe(true);
  });

  test('a function that throws at once leaves nothing open', async () => {
    const { exchange: one, run } = exchange(() => {
      throw new Error('no');
    });
    await run();
    expect(one.isInside(undefined)).toBe(false);
  });
});

describe('a cause', () => {
  test('keeps name, code and a redacted message, and nothing else', () => {
    const error = Object.assign(new TypeError('cannot send refresh-token-123 to the server'), {
      code: 'ECONNRESET',
      config: { data: 'refresh-token-123' },
    });
    const cause = safeCause(error, ['refresh-token-123', undefined]);
    expect(cause).toMatchObject({
      name: 'TypeError',
      code: 'ECONNRESET',
      message: 'cannot send [redacted] to the server',
    });
    expect(Object.keys(cause).sort()).toEqual(['code', 'name']);
  });

  test('finds the code one level down, as undici hides it', () => {
    const error = new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code: 'ENOTFOUND' }) });
    expect(safeCause(error, [])).toMatchObject({ name: 'TypeError', code: 'ENOTFOUND', message: 'fetch failed' });
  });

  test('does not quote what a parser quotes', () => {
    expect(safeCause(new SyntaxError('Unexpected token in "secret"'), []).message).toBe('a text that cannot be parsed');
  });

  test.each([
    [undefined, 'undefined'],
    [null, 'null'],
    ['text', 'text'],
    [{ code: 5 }, '[object Object]'],
  ])('%j', (error, message) => {
    const cause = safeCause(error, []);
    expect(cause).toMatchObject({ name: 'Error', message });
    expect(cause).not.toHaveProperty('code');
  });

  test.each([
    ['alone where there is no code', { message: 'm' }, 'm'],
    ['after its code', { message: 'm', code: 'EACCES' }, 'EACCES: m'],
    ['alone where the code is in it', { message: 'EACCES: m', code: 'EACCES' }, 'EACCES: m'],
  ])('is said in one line: the message %s', (_, error, line) => {
    expect(said(safeCause(error, []))).toBe(line);
  });

  test('redacts a name and a code that are none', () => {
    const error = { name: 'refresh-token-123', code: 'refresh-token-123', message: 'm' };
    expect(safeCause(error, ['refresh-token-123'])).toMatchObject({ name: '[redacted]', code: '[redacted]' });
  });
});
