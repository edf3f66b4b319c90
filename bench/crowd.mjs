// Very many callers at once on a token that has expired, beside what one would write by hand.
import { createTokenManager, inProcess } from 'evertoken';
import { median } from './measure.mjs';

const CALLERS = 10_000;
const ENDPOINT_MS = 50;
const LIFETIME_MS = 3_600_000;

const answerAfter = (delayMs, answer) => new Promise((resolve) => setTimeout(resolve, delayMs, answer));

/** A token source over a clock that `time` moves ahead: `getToken`, and how often its endpoint was asked. */
function ours(time) {
  const platform = inProcess();
  const clock = { ...platform.clock, now: () => platform.clock.now() + time.skippedMs };
  const source = { requests: 0 };
  const answer = () => ({ access_token: `at-${source.requests}`, refresh_token: 'rt', expires_in: LIFETIME_MS / 1000 });
  const tokens = createTokenManager({
    proactive: false,
    platform: { ...platform, clock },
    refresh: () => {
      source.requests++;
      return answerAfter(ENDPOINT_MS, answer());
    },
  });
  return Object.assign(source, { start: () => tokens.startSession(answer()), getToken: () => tokens.getAccessToken() });
}

/** The recipe: one promise for all who wait. No storage, no tabs, no retries, no sign-out. */
function recipe(time) {
  const source = { requests: 0 };
  const now = () => Date.now() + time.skippedMs;
  let token = 'at-0';
  let expiresAt = 0;
  let pending;
  const refresh = async () => {
    source.requests++;
    token = await answerAfter(ENDPOINT_MS, `at-${source.requests}`);
    expiresAt = now() + LIFETIME_MS;
    pending = undefined;
    return token;
  };
  const getToken = async () => {
    if (now() < expiresAt) return token;
    pending ??= refresh();
    return pending;
  };
  return Object.assign(source, { start: getToken, getToken });
}

/** Milliseconds until all have their token, and bytes that each one takes while it waits. */
async function crowd(source, time) {
  time.skippedMs += LIFETIME_MS + 1_000;
  const before = source.requests;
  globalThis.gc?.();
  const heapBefore = process.memoryUsage().heapUsed;
  const began = performance.now();
  const waiting = Array.from({ length: CALLERS }, async () => source.getToken());
  const bytes = (process.memoryUsage().heapUsed - heapBefore) / CALLERS;
  const served = await Promise.all(waiting);
  const ms = performance.now() - began;
  if (source.requests !== before + 1) throw new Error(`expected 1 request, there were ${source.requests - before}`);
  if (new Set(served).size !== 1) throw new Error('callers were served different tokens');
  return { ms, bytes };
}

/** The medians of rounds in turns: `{ ms, bytes }` of ours and of the recipe. */
export async function measureCrowd(rounds = 15, warmUp = 3) {
  const time = { skippedMs: 0 };
  const sides = { ours: ours(time), theirs: recipe(time) };
  const samples = { ours: [], theirs: [] };
  for (const source of Object.values(sides)) await source.start();
  for (let round = -warmUp; round < rounds; round++) {
    for (const [side, source] of Object.entries(sides)) {
      const sample = await crowd(source, time);
      if (round >= 0) samples[side].push(sample);
    }
  }
  const medianOf = (side, figure) => median(samples[side].map((sample) => sample[figure]));
  return Object.fromEntries(
    Object.keys(sides).map((side) => [side, { ms: medianOf(side, 'ms'), bytes: medianOf(side, 'bytes') }]),
  );
}
