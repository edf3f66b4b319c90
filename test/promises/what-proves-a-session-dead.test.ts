import { expect, test } from 'vitest';
import type { RefreshRequest } from '../../src/index.js';
import { atOnce, createWorld, HOUR, json, MINUTE, outcome } from '../support/promise-world.js';
import { foreign, type Refresh, read, streamed, thrown } from '../support/token-answers.js';

const dead: Array<[string, Refresh]> = [
  ['invalid_grant 400', () => json({ error: 'invalid_grant' }, 400)],
  ['invalid_grant 401', () => json({ error: 'invalid_grant' }, 401)],
  ['a Response of another realm', () => foreign(400, { error: 'invalid_grant' })],
  [
    'a ky error',
    () => {
      throw thrown({ name: 'HTTPError', response: json({ error: 'invalid_grant' }, 400) });
    },
  ],
  [
    'a ky 2 error whose body was read, with data',
    async () => {
      throw thrown({ name: 'HTTPError', response: await read(json('{}', 400)), data: { error: 'invalid_grant' } });
    },
  ],
  [
    'an axios error, data parsed',
    () => {
      throw thrown({
        isAxiosError: true,
        response: { status: 400, data: { error: 'invalid_grant' }, headers: { 'content-type': 'application/json' } },
      });
    },
  ],
  [
    'an axios error, data as text',
    () => {
      throw thrown({ isAxiosError: true, response: { status: 400, data: '{"error":"invalid_grant"}', headers: {} } });
    },
  ],
  [
    'an axios error with AxiosHeaders',
    () => {
      throw thrown({
        response: { status: 400, data: { error: 'invalid_grant' }, headers: { get: () => null, toJSON: () => ({}) } },
      });
    },
  ],
  [
    'an error with an OAuth error',
    () => {
      throw thrown({ error: 'invalid_grant' });
    },
  ],
  [
    'an error with a status and an OAuth error',
    () => {
      throw thrown({ status: 400, error: 'invalid_grant' });
    },
  ],
];
test.each(dead)('%s ends the session, once, and is latched for hundreds of calls', async (_, refresh) => {
  let requests = 0;
  const { clock, server, tokens, events } = createWorld({
    refresh: ((request: RefreshRequest) => {
      requests++;
      return refresh(request, async () => undefined);
    }) as never,
  });
  await tokens.startSession(server.signIn());
  await clock.advance(11 * MINUTE);
  const all = await outcome(clock, Promise.allSettled(Array.from({ length: 300 }, () => tokens.getAccessToken())));
  for (let index = 0; index < 100; index++) {
    const calls = [tokens.getAccessToken(), tokens.refresh(), tokens.replaceAccessToken('x')];
    const more = await atOnce(clock, Promise.allSettled(calls as Promise<unknown>[]));
    if (more === 'waits') throw new Error('waits');
    for (const one of [...(more.value ?? []), ...(index ? [] : (all.value ?? []))]) {
      expect((one as PromiseRejectedResult).reason).toMatchObject({ code: 'ERR_SESSION_REJECTED' });
    }
  }
  expect(requests).toBe(1);
  expect(events.filter(({ type }) => type === 'sessionEnded').map(({ event }) => event.reason)).toEqual(['rejected']);
  expect(tokens.getSnapshot()).toMatchObject({
    status: 'none',
    error: { code: 'ERR_SESSION_REJECTED' },
    sessionId: undefined,
    retryAt: undefined,
    expiresAt: undefined,
  });
  await clock.advance(24 * HOUR);
  expect(requests).toBe(1);
  tokens.dispose();
});

test('a 2xx body that is slow, a foreign Response, and axios data that succeed are taken', async () => {
  const good = { access_token: 'fresh', token_type: 'Bearer', expires_in: 600, refresh_token: 'r' };
  for (const refresh of [
    () => foreign(200, good),
    () => streamed(JSON.stringify(good).split(/(?<=,)/), 'close'),
    () => Promise.resolve(json(good)),
    () => json(`\uFEFF${JSON.stringify(good)}`),
  ]) {
    const { clock, server, tokens } = createWorld({ refresh: refresh as never });
    await tokens.startSession(server.signIn());
    await clock.advance(11 * MINUTE);
    expect(await outcome(clock, tokens.getAccessToken())).toMatchObject({ ok: true, value: 'fresh' });
    tokens.dispose();
  }
});
