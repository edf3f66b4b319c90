import { expect, test } from 'vitest';
import { createTokenManager, type TokenManager } from '../../src/index.js';
import { fakeClock, peers } from '../../src/testing.js';
import { record, type SeenEvent } from '../support/promise-world.js';

const ENDS = ['refreshed', 'refreshFailed', 'sessionEnded'];

interface Home {
  readonly us: TokenManager;
  readonly peer: TokenManager;
  readonly lose: () => void;
}

const ACTIONS: Record<string, (home: Home) => unknown> = {
  nothing: () => undefined,
  'sign-out': ({ us }) => us.endSession(),
  'sign-in': ({ us }) => us.startSession({ access_token: 'other', refresh_token: 'other', expires_in: 600 }),
  'refresh of a peer': ({ peer }) => peer.refresh(),
  'sign-out of a peer': ({ peer }) => peer.endSession(),
  'sign-in of a peer': ({ peer }) => peer.startSession({ access_token: 'theirs', expires_in: 600 }),
  'lost lock': ({ lose }) => lose(),
};

const ANSWERS: Record<string, () => object> = {
  tokens: () => ({ access_token: 'new', refresh_token: 'new', expires_in: 600 }),
  503: () => new Response('', { status: 503 }),
  invalid_grant: () => Response.json({ error: 'invalid_grant' }, { status: 400 }),
  401: () => new Response('', { status: 401 }),
};

/** What is told of a refresh that is disturbed at this moment. */
async function told(action: string, answer: string, at: number, isCookie: boolean): Promise<SeenEvent[]> {
  const clock = fakeClock();
  const [ours, theirs] = peers(2, { clock });
  let lease = new AbortController();
  const { lock } = ours.platform;
  const losable: typeof lock = {
    run: (key, signal, task, options) =>
      lock.run(
        key,
        signal,
        (given) => {
          lease = new AbortController();
          return task({ ...given, signal: lease.signal });
        },
        options,
      ),
  };
  const make = (platform: typeof ours.platform) =>
    createTokenManager({
      refresh: async () => {
        await new Promise<void>((resolve) => clock.after(100, resolve));
        return ANSWERS[answer]?.() as Response;
      },
      platform,
      refreshTokenIn: isCookie ? 'cookie' : 'response',
      proactive: false,
      retry: { attempts: 2, minDelayMs: 50, maxDelayMs: 50 },
    });
  const us = make({ ...ours.platform, lock: losable });
  const peer = make(theirs.platform);
  if (!isCookie) {
    await us.startSession({ access_token: 'old', refresh_token: 'old', expires_in: 600 });
    await peer.getAccessToken();
  }
  ours.storageFault = { delayMs: 20 };
  theirs.storageFault = { delayMs: 20 };
  await clock.advance(1_000);
  const events = record(us);
  const call = (isCookie ? us.getAccessToken() : us.refresh()).catch(() => undefined);
  await clock.advance(at);
  const done = Promise.resolve(ACTIONS[action]?.({ us, peer, lose: () => lease.abort() })).catch(() => undefined);
  await clock.runUntil(Promise.all([call, done]));
  await clock.advance(30_000);
  us.dispose();
  peer.dispose();
  return events;
}

const cases = Object.keys(ACTIONS).flatMap((action) => Object.keys(ANSWERS).map((answer) => [action, answer] as const));

test.each(cases)('every refreshStarted is followed by an end, at whatever moment: %s, answer %s', async (...given) => {
  for (const isCookie of [false, true]) {
    for (let at = 0; at <= 400; at += 10) {
      const events = await told(...given, at, isCookie);
      events.forEach(({ type, event }, index) => {
        if (type !== 'refreshStarted') return;
        const rest = events.slice(index + 1).map((later) => later.type);
        const ends = event.sessionId === undefined ? [...ENDS, 'sessionStarted'] : ENDS;
        const next = rest.indexOf('refreshStarted');
        const until = next < 0 ? rest : rest.slice(0, next);
        const seen = JSON.stringify(events.map((one) => one.type));
        expect(
          until.some((one) => ends.includes(one)),
          `${isCookie ? 'cookie' : 'session'} at ${at}: ${seen}`,
        ).toBe(true);
      });
    }
  }
});

test('refreshFailed says whether another attempt follows by itself', async () => {
  const events = await told('nothing', '503', 0, false);
  expect(events.filter(({ type }) => type === 'refreshFailed').map(({ event }) => event.again)).toEqual([true, false]);
});

test('a refresh that is under way at dispose() is told of no more', async () => {
  const clock = fakeClock();
  const [{ platform }] = peers(1, { clock });
  const tokens = createTokenManager({ refresh: () => new Promise(() => undefined), platform, proactive: false });
  await tokens.startSession({ access_token: 'old', refresh_token: 'old', expires_in: 600 });
  const events = record(tokens);
  const call = tokens.refresh().catch(() => undefined);
  await clock.advance(100);
  tokens.dispose();
  await call;
  await clock.advance(60_000);
  expect(events.map(({ type }) => type)).toEqual(['refreshStarted']);
});
