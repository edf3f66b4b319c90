// A thousand sessions in one process, idle and busy: `npm run sessions`, or `npm run sessions -- 10` for ten busy seconds.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTokenManager, type RefreshTokens, type TokenManager, tokenEndpoint } from 'evertoken';
import { node } from 'evertoken/node';
import { createAuthServer } from 'evertoken/testing';
import { median } from './measure.mjs';

const SESSIONS = 1_000;
const ROUNDS = 9;
const LIFETIME_S = 7;
const REFRESHES_PER_MINUTE = 10_000;
// 4.1 kB, rounded
const IDLE_BYTES = 4_150;

interface TokenPair {
  access_token: string;
  refresh_token: string;
  expires_in: number;
}

/** What a thousand idle sessions cost. */
interface Idle {
  readonly bytesPerSession: number;
  readonly timers: number;
}

/** What a thousand sessions did whose access tokens live for seven seconds. */
interface Busy {
  readonly refreshes: number;
  readonly perMinute: number;
  /** Access tokens that had expired before the next one was there. */
  readonly late: number;
  readonly failed: number;
  /** The least time, in milliseconds, between a new token and the expiry of the one before. */
  readonly leastMarginMs: number;
  readonly processorUse: number;
}

/** Sessions of short opaque tokens in memory, of which nothing is asked. */
async function measureIdle(): Promise<Idle> {
  const text = (kind: string, index: number) => Buffer.from(`${kind}-${index}-`.padEnd(43, 'x')).toString('latin1');
  const pair = (index: number): TokenPair => ({
    access_token: text('at', index),
    refresh_token: text('rt', index),
    expires_in: 3_600,
  });
  const refresh: RefreshTokens = async () => pair(0);
  const signIn = async (): Promise<TokenManager[]> => {
    const platform = node();
    const managers = Array.from({ length: SESSIONS }, (_, index) =>
      createTokenManager({ refresh, platform, key: `user-${index}` }),
    );
    for (const [index, tokens] of managers.entries()) {
      await tokens.startSession(pair(index));
      await tokens.getAccessToken();
    }
    return managers;
  };
  for (const tokens of await signIn()) tokens.dispose(); // so that code is compiled, and counted to nobody
  const timersBefore = timers();
  const heaps = [await heap()];
  const all: TokenManager[][] = [];
  for (let round = 0; round < ROUNDS; round++) {
    all.push(await signIn());
    heaps.push(await heap());
  }
  // the middle one: code that the engine compiles meanwhile is counted to one round, and let go of in another
  const rounds = all.map((_, round) => Math.round(((heaps[round + 1] ?? 0) - (heaps[round] ?? 0)) / SESSIONS));
  return { bytesPerSession: median(rounds), timers: timers() - timersBefore };
}

async function heap(): Promise<number> {
  for (let round = 0; round < 4; round++) {
    globalThis.gc?.();
    await sleep(20);
  }
  return process.memoryUsage().heapUsed;
}

function timers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
}

/** Sessions that refresh ahead of expiry, against a server in a process of its own. */
async function measureBusy(tokenUrl: string, pairs: readonly TokenPair[], forMs: number): Promise<Busy> {
  const platform = node();
  const tally = { refreshes: 0, late: 0, failed: 0, leastMarginMs: Number.POSITIVE_INFINITY };
  const managers: TokenManager[] = [];
  for (const [index, pair] of pairs.entries()) {
    const tokens = createTokenManager({
      refresh: tokenEndpoint({ url: tokenUrl, clientId: 'fleet' }),
      platform,
      proactive: true,
      key: `user-${index}`,
    });
    managers.push(tokens);
    let expiresAt = Number.POSITIVE_INFINITY;
    tokens.on('refreshed', (event) => {
      tally.refreshes++;
      const marginMs = expiresAt - event.at;
      tally.leastMarginMs = Math.min(tally.leastMarginMs, marginMs);
      if (marginMs < 0) tally.late++;
      expiresAt = event.expiresAt ?? Number.POSITIVE_INFINITY;
    });
    tokens.on('refreshFailed', () => tally.failed++);
    tokens.on('sessionEnded', () => tally.failed++);
    await tokens.startSession(pair);
    expiresAt = tokens.getSnapshot().expiresAt ?? Number.POSITIVE_INFINITY;
    await sleep((LIFETIME_S * 1_000 * 0.7) / SESSIONS); // they sign in one after the other, as users do
  }
  const [began, usedBefore] = [performance.now(), process.cpuUsage()];
  tally.refreshes = 0;
  await sleep(forMs);
  const tookMs = performance.now() - began;
  const used = process.cpuUsage(usedBefore);
  const busy: Busy = {
    ...tally,
    leastMarginMs: Math.round(tally.leastMarginMs),
    perMinute: Math.round((tally.refreshes * 60_000) / tookMs),
    processorUse: Math.round((used.user + used.system) / 10 / tookMs) / 100,
  };
  for (const tokens of managers) tokens.dispose();
  return busy;
}

/** Runs this file again for one part of it, in a process of its own, and gives what it reports. */
async function inOwnProcess<T>(part: string, ...args: string[]): Promise<{ report: T; end(): void }> {
  const child = fork(new URL(import.meta.url), [part, ...args], {
    execArgv: ['--expose-gc', ...process.execArgv.filter((flag) => flag !== '--expose-gc')],
  });
  const [report] = (await once(child, 'message')) as [T];
  return { report, end: () => void child.kill() };
}

const [part, first = '', second = ''] = process.argv.slice(2);
if (part === 'idle') {
  process.send?.(await measureIdle());
} else if (part === 'server') {
  const server = createAuthServer({ accessTokenLifetimeMs: LIFETIME_S * 1_000, keepRequests: 1 });
  const { tokenUrl } = await server.listen();
  process.send?.({ tokenUrl, pairs: Array.from({ length: SESSIONS }, () => server.signIn()) });
} else if (part === 'busy') {
  process.once('message', async (pairs: TokenPair[]) =>
    process.send?.(await measureBusy(first, pairs, Number(second))),
  );
} else {
  const forMs = Number(part ?? 60) * 1_000;
  const { report: idle } = await inOwnProcess<Idle>('idle');
  const server = await inOwnProcess<{ tokenUrl: string; pairs: TokenPair[] }>('server');
  const child = fork(new URL(import.meta.url), ['busy', server.report.tokenUrl, String(forMs)]);
  child.send(server.report.pairs);
  const [busy] = (await once(child, 'message')) as [Busy];
  child.kill();
  server.end();
  console.log(`${SESSIONS} idle sessions: ${idle.bytesPerSession} bytes each, ${idle.timers} timers`);
  console.log(`${SESSIONS} busy sessions for ${forMs / 1_000} s, access tokens of ${LIFETIME_S} s:`);
  console.table(busy);
  const faults = [
    idle.bytesPerSession > IDLE_BYTES && `more than ${IDLE_BYTES} bytes for an idle session`,
    idle.timers > 0 && 'idle sessions have timers',
    busy.perMinute < REFRESHES_PER_MINUTE && `fewer than ${REFRESHES_PER_MINUTE} refreshes a minute`,
    busy.late > 0 && 'some tokens expired before the next one was there',
    busy.failed > 0 && 'some refreshes failed',
  ].filter((fault) => fault !== false);
  for (const fault of faults) console.error(fault);
  process.exitCode = faults.length > 0 ? 1 : 0;
}
