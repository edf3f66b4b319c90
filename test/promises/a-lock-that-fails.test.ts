import { expect, test } from 'vitest';
import type { Lock } from '../../src/index.js';
import { createWorld, outcome } from '../support/promise-world.js';
import { sentence } from '../support/sentence.js';

const failing = (error: unknown): Lock => ({ run: () => Promise.reject(error) });
const coded = (code: string, message: string) => Object.assign(new Error(message), { code });

test.each([
  [
    coded('EROFS', "EROFS: read-only file system, mkdir '/app/.session.lock'"),
    "EROFS: read-only file system, mkdir '/app/.session.lock'",
  ],
  [
    coded('NOPERM', "this user has no permissions to access the key 'evertoken:session'"),
    "NOPERM: this user has no permissions to access the key 'evertoken:session'",
  ],
  [
    coded('DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed certificate'),
    'DEPTH_ZERO_SELF_SIGNED_CERT: self-signed certificate',
  ],
  [new TypeError('x is undefined'), 'x is undefined'],
])('a lock that fails says in the message of the error what the matter is: %s', async (cause, said) => {
  const { tokens, clock, server } = createWorld({ parts: { lock: failing(cause) } });
  await tokens.startSession(server.signIn());
  const { ok, error } = await outcome(clock, tokens.refresh());
  expect({ ok, error }).toMatchObject({
    ok: false,
    error: {
      code: 'ERR_LOCK_LOST',
      message: sentence(`' to be granted, but it failed (${said}); try again.`, /evertoken:\S+ .+/),
    },
  });
  expect(String(error)).toContain(said);
  tokens.dispose();
});

test('a lock that fails does not give away a secret that its message quotes', async () => {
  const secret = 'redis://user:Zm9vYmFyYmF6cXV4cXV1eA0123456789@host';
  const { tokens, clock, server } = createWorld({
    parts: { lock: failing(coded('ECONNREFUSED', `connect ${secret}`)) },
  });
  await tokens.startSession(server.signIn());
  const { error } = await outcome(clock, tokens.refresh());
  expect(String(error)).toContain('ECONNREFUSED: connect');
  expect(String(error)).not.toContain('Zm9vYmFyYmF6');
  tokens.dispose();
});
