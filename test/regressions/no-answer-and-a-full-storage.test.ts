import { expect, test } from 'vitest';
import { createTokenManager, type TokenManager } from '../../src/index.js';
import { fakeClock, peers } from '../../src/testing.js';

const granted = { access_token: 'access', refresh_token: 'one-time' };
const busy = () => new Response('', { status: 503, headers: { 'Retry-After': '120' } });
const dead = () => new Response('{"error":"invalid_grant"}', { status: 400 });
const nothing = (): Response => {
  throw new Error('no network');
};
const quietly = (work: Promise<unknown>): Promise<unknown> => work.catch(() => undefined);
const full = (operation: string) => (operation === 'setItem' ? { error: new Error('full') } : undefined);

/** Two tabs, and what the server answers in turn. */
function home(...answers: (() => Response)[]) {
  const clock = fakeClock();
  const [ours, other] = peers(2, { clock });
  const ends: string[] = [];
  const open = (platform: typeof ours.platform, attempts: number): TokenManager => {
    const tokens = createTokenManager({
      refresh: async () => (answers.shift() ?? nothing)(),
      proactive: false,
      retry: { attempts, minDelayMs: 1_000, maxDelayMs: 2_000 },
      platform,
    });
    tokens.on('sessionEnded', ({ reason }) => ends.push(reason));
    return tokens;
  };
  return { clock, ours, other, ends, open };
}

test('that no answer came is remembered although the storage takes no note of it', async () => {
  const { clock, ours, ends, open } = home(nothing, dead);
  const tokens = open(ours.platform, 3);
  await clock.runUntil(tokens.startSession(granted));
  ours.storageFault = full;
  await quietly(clock.runUntil(tokens.refresh()));
  expect(ends).toEqual(['lost']);
});

test('nor is it forgotten when another tab stores what it could not store before', async () => {
  const { clock, ours, other, ends, open } = home(busy, nothing, dead);
  const [first, second] = [open(ours.platform, 1), open(other.platform, 1)];
  await clock.runUntil(first.startSession(granted));
  await clock.runUntil(second.getAccessToken());
  ours.storageFault = full;
  await quietly(clock.runUntil(first.refresh()));
  await quietly(clock.runUntil(second.refresh()));
  ours.storageFault = undefined;
  await clock.advance(130_000); // the longer pause of ours is stored, and is over
  await quietly(clock.runUntil(second.refresh()));
  expect(ends).toEqual(['lost', 'peer']);
});
