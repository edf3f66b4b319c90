import { expect, test, vi } from 'vitest';
import { createFetch } from '../../src/index.js';
import { createWorld, MINUTE, outcome } from '../support/promise-world.js';

const keys = (event: object) => Object.keys(event).sort().join(' ');

test('a life of a session: the events in order, each with exactly its fields', async () => {
  const { clock, server, tokens, events } = createWorld({
    revoke: async () => {
      throw new Error('no');
    },
  });
  await tokens.startSession(server.signIn());
  const { sessionId } = tokens.getSnapshot();
  await clock.advance(11 * MINUTE);
  server.next({ status: 503 });
  await outcome(clock, tokens.getAccessToken());
  const api = createFetch(tokens, { origins: [server.origin], fetch: server.fetch });
  server.revokeAccessTokens();
  await outcome(clock, api(server.apiUrl));
  await outcome(clock, tokens.refresh());
  await outcome(clock, tokens.endSession());
  await clock.advance(MINUTE);
  expect(events.map(({ type }) => type)).toEqual([
    'sessionStarted',
    'refreshStarted',
    'refreshFailed',
    'refreshStarted',
    'refreshed',
    'requestRejected',
    'refreshStarted',
    'refreshed',
    'refreshStarted',
    'refreshed',
    'revokeFailed',
    'sessionEnded',
  ]);
  const fields: Record<string, string> = {
    sessionStarted: 'at from sessionId',
    refreshStarted: 'at attempt reason sessionId',
    refreshFailed: 'again at attempt durationMs error reason retryAt sessionId',
    refreshed: 'at attempts by durationMs expiresAt reason rotated sessionId',
    requestRejected: 'at challenges origin replayed sessionId status',
    sessionEnded: 'at reason sessionId',
    revokeFailed: 'at error sessionId',
  };
  for (const { type, event } of events) {
    expect(keys(event), type).toBe(fields[type]);
    expect(event.sessionId, type).toBe(sessionId);
    expect(event.at).toBeLessThanOrEqual(clock.now());
  }
  expect(
    events.filter(({ type }) => type === 'refreshStarted').map(({ event }) => [event.reason, event.attempt]),
  ).toEqual([
    ['expired', 1],
    ['expired', 2],
    ['rejected', 1],
    ['asked', 1],
  ]);
  expect(
    events.filter(({ type }) => type === 'refreshed').map(({ event }) => [event.by, event.attempts, event.rotated]),
  ).toEqual([
    ['us', 2, true],
    ['us', 1, true],
    ['us', 1, true],
  ]);
  expect(events.find(({ type }) => type === 'requestRejected')?.event).toMatchObject({
    status: 401,
    origin: server.origin,
    replayed: false,
  });
  tokens.dispose();
});

test('an event is emitted when the snapshot shows what it says', async () => {
  const { clock, server, tokens } = createWorld();
  const seen: unknown[] = [];
  tokens.on('sessionStarted', () => seen.push(['started', tokens.getSnapshot().status]));
  tokens.on('refreshStarted', () => seen.push(['refreshing', tokens.getSnapshot().refreshing]));
  tokens.on('refreshed', ({ expiresAt }) =>
    seen.push(['refreshed', tokens.getSnapshot().refreshing, tokens.getSnapshot().expiresAt === expiresAt]),
  );
  tokens.on('sessionEnded', () => seen.push(['ended', tokens.getSnapshot().status]));
  await tokens.startSession(server.signIn());
  await clock.advance(11 * MINUTE);
  await outcome(clock, tokens.getAccessToken());
  await outcome(clock, tokens.endSession());
  expect(seen).toEqual([
    ['started', 'active'],
    ['refreshing', true],
    ['refreshed', false, true],
    ['ended', 'none'],
  ]);
  tokens.dispose();
});

test('starting over another session: replaced, then sign-in; a storage that was empty ends nothing', async () => {
  const { clock, server, tokens, events } = createWorld();
  expect(await outcome(clock, tokens.getAccessToken())).toMatchObject({
    ok: false,
    error: { code: 'ERR_NO_SESSION' },
  });
  expect(events).toEqual([]);
  await tokens.startSession(server.signIn());
  const first = tokens.getSnapshot().sessionId;
  await tokens.startSession(server.signIn({ user: 'bob' }));
  const second = tokens.getSnapshot().sessionId;
  expect(second).not.toBe(first);
  expect(events.map(({ type, event }) => [type, event.reason ?? event.from, event.sessionId])).toEqual([
    ['sessionStarted', 'sign-in', first],
    ['sessionEnded', 'replaced', first],
    ['sessionStarted', 'sign-in', second],
  ]);
  tokens.dispose();
});

test('a listener that throws, twice subscribed, unsubscribed in the middle, or that disposes, harms nobody', async () => {
  const report = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  const { clock, server, tokens } = createWorld();
  const calls: string[] = [];
  const twice = () => void calls.push('twice');
  const stops = [tokens.on('refreshed', twice), tokens.on('refreshed', twice)];
  tokens.on('refreshed', () => {
    throw new Error('listener');
  });
  tokens.on('refreshed', async () => {
    calls.push('async');
  });
  const stop = tokens.on('refreshed', () => {
    calls.push('once');
    stop();
  });
  tokens.on('refreshed', () => void calls.push('last'));
  tokens.subscribe(() => {
    throw new Error('store');
  });
  await tokens.startSession(server.signIn());
  await outcome(clock, tokens.refresh());
  expect(calls).toEqual(['twice', 'twice', 'async', 'once', 'last']);
  stops[0]?.();
  stops[0]?.();
  calls.length = 0;
  await outcome(clock, tokens.refresh());
  expect(calls).toEqual(['twice', 'async', 'last']);
  expect(report.mock.calls.flat().map(String)).toContain('Error: listener');
  tokens.on('refreshed', () => tokens.dispose());
  expect(
    await outcome(
      clock,
      tokens.refresh().then(
        () => 'done',
        (error) => error.code,
      ),
    ),
  ).toMatchObject({ ok: true });
  await clock.settle();
  expect(clock.pending).toBe(0);
  report.mockRestore();
});
