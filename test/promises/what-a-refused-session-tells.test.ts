import { expect, test } from 'vitest';
import { createWorld, json, outcome } from '../support/promise-world.js';

test.each([400, 401, 403])(
  'invalid_client with a %i is the fault of the client, also where there is no session yet',
  async (status) => {
    let isMended = false;
    const { tokens, clock, events } = createWorld({
      refreshTokenIn: 'cookie',
      refresh: async () =>
        isMended ? { access_token: 'at', expires_in: 60 } : json({ error: 'invalid_client' }, status),
    });
    expect(await outcome(clock, tokens.getAccessToken())).toMatchObject({
      ok: false,
      error: { code: 'ERR_REFRESH_CONFIG', status, oauthError: 'invalid_client' },
    });
    expect(tokens.getSnapshot().status).toBe('loading');
    isMended = true;
    await clock.advance(60_000);
    expect(await outcome(clock, tokens.getAccessToken())).toMatchObject({ ok: true, value: 'at' });
    expect(events.map(({ type }) => type)).not.toContain('sessionEnded');
    tokens.dispose();
  },
);

test('the error of a session that ended says with which status and code the server refused it', async () => {
  const { tokens, clock, server } = createWorld();
  await tokens.startSession(server.signIn());
  server.next({ status: 400, body: { error: 'invalid_grant' } });
  expect(await outcome(clock, tokens.refresh())).toMatchObject({
    ok: false,
    error: { name: 'SessionError', code: 'ERR_SESSION_REJECTED', status: 400, oauthError: 'invalid_grant' },
  });
  expect(tokens.getSnapshot().error).toMatchObject({ status: 400, oauthError: 'invalid_grant' });
  tokens.dispose();
});
