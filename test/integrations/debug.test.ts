import { join } from 'node:path';
import { build } from 'esbuild';
import { expect, test, vi } from 'vitest';
import { explainWhileDeveloping } from '../../examples/debug.js';
import { createFetch, type SessionSnapshot, type TokenManager } from '../../src/index.js';
import { explain } from '../../src/integrations/debug.js';
import { signedIn, signIn } from '../support/signed-in.js';
import { createWorld, EVENT_TYPES } from '../support/world.js';

/** Everything a session goes through, told in sentences. */
async function story() {
  const world = createWorld();
  world.platform.random = () => 0.5;
  const { tokens } = world.manager({
    retry: { attempts: 2, minDelayMs: 1_000, maxDelayMs: 1_000 },
    revoke: () => Promise.reject(new Error('unreachable')),
  });
  const sentences: string[] = [];
  const stop = explain(tokens, (sentence) => sentences.push(sentence));
  const { server, run } = world;
  const api = createFetch(tokens, { origins: [server.origin], fetch: server.fetch });
  return { ...world, tokens, sentences, stop, api, server, run };
}

test('what happens is told in sentences, from a sign-in to its end', async () => {
  const { tokens, sentences, server, run, api, failure } = await story();
  await run(tokens.startSession(server.signIn({ scope: 'openid' })));
  server.next({ status: 503 });
  await run(tokens.refresh());
  server.revokeAccessTokens();
  await run(api(`${server.apiUrl}/secret-path?of=mine`));
  await run(api(`${server.apiUrl}/scope/admin`));
  server.next({ status: 401 }, { endpoint: 'api', times: 2 });
  await run(api(server.apiUrl));
  server.revokeFamily();
  await failure(tokens.refresh());

  expect(sentences.map((sentence) => sentence.replace('evertoken: ', ''))).toEqual([
    'The session is not loaded yet.',
    'Somebody signed in.',
    'Refreshing, attempt 1, because refresh() was called.',
    expect.stringMatching(
      /^Attempt 1 of a refresh failed: .*503.* \[ERR_REFRESH_UNAVAILABLE\]\. Next attempt in 1 s\.$/,
    ),
    'Refreshing, attempt 2, because refresh() was called.',
    expect.stringMatching(
      /^Refreshed after 1 s, attempts: 2, because refresh\(\) was called, with a new refresh token: the access token lives for 10 min\.$/,
    ),
    'https://auth.test refused a request with 401 invalid_token. It is replayed with a new access token, if that can be.',
    'Refreshing, attempt 1, because a server refused the access token.',
    expect.stringMatching(/^Refreshed after 0 ms, attempts: 1, because a server refused/),
    'https://auth.test refused a request with 403 insufficient_scope. It wants more than this session may do, which no refresh changes.',
    expect.stringMatching(/^https:\/\/auth\.test refused a request with 401\. It is replayed/),
    expect.stringMatching(/^Refreshing, attempt 1/),
    expect.stringMatching(/^Refreshed after/),
    expect.stringMatching(
      /^https:\/\/auth\.test refused .* That was the replay: look for a wrong audience, key or clock\.$/,
    ),
    expect.stringMatching(/^Refreshing, attempt 1/),
    expect.stringMatching(
      /^The session ended: rejected\. The server refused the refresh token for good \(400, invalid_grant\): sign in again \[ERR_SESSION_REJECTED\]\.$/,
    ),
  ]);
  expect(sentences.every((sentence) => sentence.startsWith('evertoken: '))).toBe(true);
});

test('storage, revocation and sign-out are told, and nothing more after the end of it', async () => {
  const { tokens, sentences, server, run, platform, stop } = await story();
  platform.storage.setItem = () => Promise.reject(new Error('full'));
  await run(tokens.startSession(server.signIn()));
  await run(tokens.endSession());
  expect(sentences.some((text) => /The storage failed to write: .* The session lives on in memory\.$/.test(text))).toBe(
    true,
  );
  expect(sentences.some((text) => text.endsWith('The session ended: endSession() was called.'))).toBe(true);
  expect(sentences.some((text) => text.includes('could not be told that the session is over'))).toBe(true);
  const told = sentences.length;
  stop();
  await run(tokens.startSession(server.signIn()));
  expect(sentences).toHaveLength(told);
});

test('the first tokens of a client that is granted them are told as that', async () => {
  const world = createWorld();
  const grant = async () => ({ access_token: 'a', expires_in: 300 });
  const { tokens } = world.manager({ refreshTokenIn: 'none', refresh: grant });
  const sentences: string[] = [];
  explain(tokens, (sentence) => sentences.push(sentence));
  await world.run(tokens.getAccessToken());
  expect(sentences).toContain('evertoken: The client was granted its first tokens.');
  expect(sentences.join()).toContain('because a cookie or a grant may bring a session');
});

test('a peer is told as one', async () => {
  const world = createWorld();
  const here = world.manager().tokens;
  const sentences: string[] = [];
  explain(here, (sentence) => sentences.push(sentence));
  here.subscribe(() => undefined);
  const there = await signIn(world);
  await world.clock.settle();
  await world.run(there.tokens.refresh());
  await world.clock.settle();
  await world.run(there.tokens.endSession());
  await world.clock.settle();
  expect(sentences.slice(1).map((text) => text.replace('evertoken: ', ''))).toEqual([
    'Somebody signed in elsewhere on this storage.',
    expect.stringMatching(/^Took the tokens of a peer: the access token lives for 10 min\.$/),
    'The session ended: it was ended elsewhere on this storage.',
  ]);
});

test('it starts with how things are', async () => {
  const { tokens, run } = await signedIn();
  const first: string[] = [];
  const note = () => explain(tokens, (sentence) => first.push(sentence))();
  note();
  await run(tokens.endSession());
  note();
  expect(first[0]).toBe('evertoken: Somebody is signed in, with an access token until 2026-01-01T00:10:00.000Z.');
  expect(first[1]).toBe('evertoken: Nobody is signed in.');
});

test('no sentence shows a token, a claim or the path of a URL', async () => {
  const { tokens, sentences, server, run, api, watch } = await story();
  await run(tokens.startSession(server.signIn({ scope: 'openid', claims: { nickname: 'countess' } })));
  watch.learn(await run(tokens.getAccessToken()));
  server.revokeAccessTokens();
  await run(api(`${server.apiUrl}/secret-path?of=mine`));
  watch.see('sentences', sentences);
  expect(watch.leaks()).toEqual([]);
  expect(sentences.join('\n')).not.toMatch(/secret-path|mine|countess|ada/);
});

/** A manager that tells of anything, also of what comes in later versions. */
function teller() {
  const listeners = new Map<string, (event: object) => void>();
  const on = (type: string, listener: (event: object) => void) => {
    listeners.set(type, listener);
    return () => void listeners.delete(type);
  };
  const getSnapshot = () => ({ status: 'none' }) as SessionSnapshot;
  return { listeners, tokens: { on, getSnapshot } as unknown as TokenManager };
}

/** One that is explained from the beginning. */
function explained() {
  const { listeners, tokens } = teller();
  const write = vi.fn();
  explain(tokens, write);
  return { listeners, write };
}

test('a request that went out without the access token is told, with the origin that is not listed', () => {
  const { listeners, write } = explained();
  listeners.get('requestPassedOver')?.({ at: 0, sessionId: 'id', origin: 'https://files.example' });
  expect(write).toHaveBeenLastCalledWith(
    'evertoken: A request went out without the access token: https://files.example is not among `origins`. Said once for each origin.',
  );
});

test('a 401 that wants another sign-in is told as one that no refresh changes', () => {
  const { listeners, write } = explained();
  const challenges = [{ scheme: 'bearer', parameters: { error: 'insufficient_user_authentication' } }];
  listeners.get('requestRejected')?.({ status: 401, origin: 'https://api.example', replayed: false, challenges });
  expect(write).toHaveBeenLastCalledWith(expect.stringContaining('It wants more than this session may do'));
});

test('a refusal by a rule of the application is told as one that a new access token may help', () => {
  const { listeners, write } = explained();
  listeners.get('requestRejected')?.({ status: 419, origin: 'https://api.example', replayed: false, challenges: [] });
  expect(write).toHaveBeenLastCalledWith(
    'evertoken: https://api.example refused a request with 419. It is replayed with a new access token, if that can be.',
  );
});

test('a refresh for another API is told with its name, and a lifetime that nobody knows as that', () => {
  const { listeners, write } = explained();
  const event = {
    at: 0,
    target: 'https://files.example||read write',
    attempts: 1,
    durationMs: 90_000,
    reason: 'asked',
  };
  listeners.get('refreshed')?.({ ...event, by: 'us', rotated: false });
  expect(write).toHaveBeenLastCalledWith(
    'evertoken: Refreshed for https://files.example read write after 90 s, attempts: 1, because refresh() was called, with the same refresh token: the access token is of unknown lifetime.',
  );
  listeners.get('refreshed')?.({ ...event, by: 'peer', expiresAt: 18_000_000 });
  expect(write).toHaveBeenLastCalledWith(
    'evertoken: Took the tokens of a peer for https://files.example read write: the access token lives for 5 h.',
  );
});

test('an attempt that none follows is told as that, and a moment that has passed as no time left', () => {
  const { listeners, write } = explained();
  const event = { at: 5_000, attempt: 2, error: { code: 'ERR_REFRESH_CONFIG', message: 'Correct the client.' } };
  listeners.get('refreshFailed')?.(event);
  expect(write).toHaveBeenLastCalledWith(
    'evertoken: Attempt 2 of a refresh failed: Correct the client [ERR_REFRESH_CONFIG]. No next attempt.',
  );
  listeners.get('refreshFailed')?.({ ...event, retryAt: 1_000 });
  expect(write).toHaveBeenLastCalledWith(expect.stringMatching(/Next attempt in 0 ms\.$/));
});

test('every event has its sentence, and words of later versions are told as they come', () => {
  const { listeners, tokens } = teller();
  const write = vi.fn();
  const stop = explain(tokens, write);
  expect([...listeners.keys()].sort()).toEqual([...EVENT_TYPES].sort());
  listeners.get('sessionEnded')?.({ reason: 'forgotten' });
  expect(write).toHaveBeenLastCalledWith('evertoken: The session ended: forgotten.');
  listeners.get('refreshStarted')?.({ reason: 'whim', attempt: 1 });
  expect(write).toHaveBeenLastCalledWith('evertoken: Refreshing, attempt 1, because of whim.');
  stop();
  expect(listeners.size).toBe(0);
});

test('it writes to the debug console where nothing else is given', () => {
  const debug = vi.spyOn(console, 'debug').mockReturnValue(undefined);
  const { tokens } = teller();
  explain(tokens);
  expect(debug).toHaveBeenCalledWith('evertoken: Nobody is signed in.');
  debug.mockRestore();
});

test('a build that does not import it, or imports it in development alone, has none of it', async () => {
  const source = (path: string) => JSON.stringify(join(import.meta.dirname, '../../src', path));
  const contents = `
    import { createFetch, createTokenManager } from ${source('index.ts')};
    export const tokens = createTokenManager({ refresh: fetch });
    export const api = createFetch(tokens, { origins: [] });
    if (process.env.NODE_ENV !== 'production') import(${source('integrations/debug.ts')}).then(({ explain }) => explain(tokens));`;
  const sizes: Record<string, boolean> = {};
  for (const mode of ['development', 'production']) {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: import.meta.dirname },
      bundle: true,
      format: 'esm',
      splitting: true,
      outdir: 'out',
      minifySyntax: true,
      define: { 'process.env.NODE_ENV': JSON.stringify(mode) },
      write: false,
    });
    sizes[mode] = outputFiles.some(({ text }) => text.includes('went out without the access token'));
  }
  expect(sizes).toEqual({ development: true, production: false });
});

test('the example: in development the console says what happens, in production nothing', async () => {
  const debug = vi.spyOn(console, 'debug').mockReturnValue(undefined);
  for (const mode of ['production', 'development']) {
    vi.stubEnv('NODE_ENV', mode);
    await explainWhileDeveloping(teller().tokens);
    expect(debug).toHaveBeenCalledTimes(mode === 'production' ? 0 : 1);
  }
  vi.unstubAllEnvs();
  debug.mockRestore();
});

test('to explain a session asks nothing, and a writer that throws harms nobody', async () => {
  const world = createWorld();
  const { tokens } = world.manager();
  let isBroken = false;
  explain(tokens, () => {
    if (isBroken) throw new Error('a broken console');
  });
  await world.clock.settle();
  expect(tokens.getSnapshot().status).toBe('loading');
  isBroken = true;
  await world.run(tokens.startSession(world.server.signIn()));
  await world.clock.advance(3_600_000).catch(() => undefined);
  expect(await world.run(tokens.getAccessToken())).toEqual(expect.any(String));
});
