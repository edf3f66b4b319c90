// Run as a process of its own: the main scenarios in a runtime that lacks what React Native lacks.

import assert from 'node:assert/strict';
import { removed } from '../support/remove-globals.js';

// only now, when everything is gone
const { createFetch, createTokenManager, inProcess, isTokenError, tokenEndpoint } = await import('../../src/index.js');
const { createAuthServer, fakeClock } = await import('../../src/testing.js');

const LIFETIME = 600_000;
const say = (line: string) => void process.stdout.write(`${line}\n`);
let seed = 1;
const random = () => {
  seed = (seed * 16_807) % 2_147_483_647;
  return seed / 2_147_483_647;
};

for (const name of removed) assert.ok(!(name in globalThis), name);
assert.ok(!('any' in AbortSignal) && !('timeout' in AbortSignal));
say('ok everything is gone');

const clock = fakeClock();
const server = createAuthServer({ clock, random, accessTokenLifetimeMs: LIFETIME });
const platform = { ...inProcess(), clock };
const refresh = tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch });
const revoked: unknown[] = [];
const options = { refresh, platform, timeoutMs: 5_000, revoke: async (request: unknown) => revoked.push(request) };
const tokens = createTokenManager(options);
const api = createFetch(tokens, { origins: [server.origin], fetch: server.fetch });
const run = <T>(promise: Promise<T>) => clock.runUntil(promise);
const failure = (promise: Promise<unknown>) =>
  run(
    promise.then(
      () => assert.fail('no rejection'),
      (error) => error,
    ),
  );

await run(tokens.startSession(server.signIn({ scope: 'openid', claims: { name: 'Ada' } })));
assert.equal(tokens.getSnapshot().claims?.name, 'Ada');
say('ok signing in');

await clock.advance(LIFETIME - 1);
assert.ok(server.tokenRequests.length === 1);
say('ok refreshing ahead of expiry');

clock.set(clock.now() + 2 * LIFETIME);
const before = server.tokenRequests.length;
const served = await run(Promise.all(Array.from({ length: 10 }, () => tokens.getAccessToken())));
assert.equal(new Set(served).size, 1);
assert.equal(server.tokenRequests.length, before + 1);
say('ok one refresh for ten callers');

server.revokeAccessTokens();
const response = await run(api(`${server.apiUrl}/things`, { method: 'POST', body: 'hello' }));
assert.equal(response.status, 200);
say('ok replaying after a 401');

clock.set(clock.now() + 2 * LIFETIME);
const abort = new AbortController();
const detached = tokens.getAccessToken({ signal: abort.signal });
abort.abort('mine');
assert.equal(await failure(detached), 'mine');
const plain = new AbortController();
plain.abort();
assert.equal((await failure(tokens.getAccessToken({ signal: plain.signal }))).name, 'AbortError');
say('ok aborting');

await clock.advance(1_000);
server.always({ hang: true });
clock.set(clock.now() + 2 * LIFETIME);
const late = await failure(tokens.getAccessToken());
assert.ok(isTokenError(late) && late.code === 'ERR_REFRESH_TIMEOUT' && late.retryAt);
server.always(undefined);
await clock.advanceTo(late.retryAt);
assert.ok(await run(tokens.getAccessToken()));
say('ok an endpoint that hangs');

const peer = createTokenManager(options);
assert.equal(await run(peer.getAccessToken()), await run(tokens.getAccessToken()));
await run(peer.endSession());
await clock.advance(100);
assert.equal(tokens.getSnapshot().status, 'none');
assert.equal(revoked.length, 1);
say('ok signing out in a peer');

assert.equal((await failure(tokens.getAccessToken())).code, 'ERR_NO_SESSION');
await run(tokens.startSession(server.signIn()));
server.revokeFamily();
assert.equal((await failure(tokens.refresh())).code, 'ERR_SESSION_REJECTED');
say('ok a dead session');

tokens.on('sessionStarted', () => {
  throw new Error('of a listener');
});
const { error } = console;
const heard: unknown[] = [];
console.error = (reason) => heard.push(reason);
await run(tokens.startSession(server.signIn()));
console.error = error;
assert.equal(heard.length, 1);
tokens.dispose();
peer.dispose();
await clock.advance(10_000);
assert.equal(clock.pending, 0);
say('ok a listener that throws, and disposing');
say('done');
