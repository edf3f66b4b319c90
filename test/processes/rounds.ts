import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAuthServer, type TokenRequest } from '../../src/testing.js';
import { type Child, startChild } from '../support/child.js';
import type { WorkerConfig } from './worker.js';

/** What many rounds came to. */
export interface Tally {
  readonly rounds: number;
  /** Rounds with one request, although eight processes wanted a token and one was killed. */
  readonly oneRequest: number;
  /** Rounds with a second request, because the one who had asked was killed before it had stored the answer. */
  readonly askedAgain: number;
  /** Families that the server revoked; each is explained by a kill between the server's rotation and the write. */
  readonly revoked: number;
  /** Kills of the process that was refreshing; the others hit one that waited. */
  readonly killedRefreshing: number;
  readonly slowestRoundMs: number;
  readonly medianRoundMs: number;
  /** How often the file was looked at while it was being replaced: each time it was whole, and 0600. */
  readonly looks: number;
  /** Everything that should not have been; empty. */
  readonly faults: readonly string[];
}

/** Longer than a token lives: by so much the clocks of all processes are put forward from round to round. */
const ROUND_MS = 7_200_000;

/**
 * Many processes want a token at the same moment, round after round, and one of them is killed.
 *
 * Tokens expire by the clock that the processes are told, so that a round may take as long as the machine likes. The server
 * takes 8 ms to act and 8 ms to answer, so that a kill meets every stage of a refresh.
 */
export async function playRounds(
  where: Omit<WorkerConfig, 'tokenUrl' | 'timeoutMs'>,
  { rounds, processes = 8 }: { rounds: number; processes?: number },
): Promise<Tally> {
  const server = createAuthServer({ delayMs: 8, answerDelayMs: 8 });
  const { tokenUrl, close } = await server.listen();
  let laterMs = 0;
  const start = () => {
    const config: WorkerConfig = { ...where, tokenUrl, timeoutMs: 3_000, laterMs };
    return startChild(join(import.meta.dirname, 'worker.ts'), [JSON.stringify(config)]);
  };
  let workers = Array.from({ length: processes }, start);
  const faults: string[] = [];
  const durations: number[] = [];
  const tally = { oneRequest: 0, askedAgain: 0, killedRefreshing: 0 };
  const watch = watchFile(where.file, faults);
  let needsSignIn = true;

  for (let round = 0; round < rounds; round++) {
    await Promise.all(workers.map((worker, index) => (round === 0 || index === processes - 1) && worker.next('ready')));
    if (needsSignIn) await signIn(workers, JSON.stringify(server.signIn()));
    needsSignIn = false;
    laterMs += ROUND_MS;
    for (const worker of workers) worker.tell(`later ${laterMs}`);

    const [requestsBefore, revokedBefore] = [server.tokenRequests.length, server.counts.familiesRevoked];
    const began = performance.now();
    for (const worker of workers) worker.tell('go');
    // every other kill is meant for the one that refreshes, and the rest for whomever it meets
    for (let tries = 0; round % 2 === 0 && server.tokenRequests.length === requestsBefore && tries < 500; tries++)
      await sleep(1);
    await sleep(Math.random() * (round % 2 === 0 ? 30 : 60));
    const refreshing = server.tokenRequests.slice(requestsBefore).at(-1)?.parameters.worker;
    const victim = workers.find(({ pid }) => String(pid) === refreshing) ?? workers[round % processes];
    if (!victim) throw new Error('no workers');
    victim.signal('SIGKILL');
    await victim.gone;
    if (refreshing) tally.killedRefreshing++;
    const rest = workers.filter((worker) => worker !== victim);
    const answers = await Promise.all(rest.map((worker) => worker.next('token')));
    durations.push(performance.now() - began);

    const requests = server.tokenRequests.slice(requestsBefore);
    const isRevoked = server.counts.familiesRevoked > revokedBefore;
    const fault = judge(requests, answers, isRevoked, victim);
    if (fault) faults.push(`round ${round + 1}: ${fault}`);
    if (requests.length === 1) tally.oneRequest++;
    if (requests.length === 2) tally.askedAgain++;
    needsSignIn = isRevoked;
    workers = [...rest, start()];
  }

  watch.stop();
  for (const worker of workers) worker.signal('SIGKILL');
  await Promise.all(workers.map(({ gone }) => gone));
  await close();
  durations.sort((a, b) => a - b);
  const { familiesRevoked: revoked } = server.counts;
  const [slowestRoundMs, medianRoundMs] = [durations.at(-1) ?? 0, durations[durations.length >> 1] ?? 0].map(
    Math.round,
  );
  return {
    rounds,
    ...tally,
    revoked,
    slowestRoundMs: slowestRoundMs ?? 0,
    medianRoundMs: medianRoundMs ?? 0,
    looks: watch.looks,
    faults,
  };
}

async function signIn([first, ...others]: Child[], tokens: string): Promise<void> {
  first?.tell(`sign-in ${tokens}`);
  await first?.next('signed-in');
  // the others learn of it through the channel, or where it is lost, with their next call
  for (const worker of others) {
    for (let tries = 0; ; tries++) {
      worker.tell('go');
      if (!(await worker.next('token')).startsWith('token ERR_')) break;
      if (tries > 100) throw new Error('a sign-in did not reach the other processes');
      await sleep(10);
    }
  }
}

/** What was wrong with a round, if anything. */
function judge(
  requests: readonly TokenRequest[],
  answers: readonly string[],
  isRevoked: boolean,
  victim: Child,
): string | undefined {
  const [first, second, ...more] = requests;
  const distinct = new Set(answers);
  const byVictim = first?.parameters.worker === String(victim.pid);
  if (!first) return 'nobody asked';
  if (more.length > 0) return `${requests.length} requests: ${requests.map(toldBy(requests, victim)).join(', ')}`;
  // a second request is right only after the first one was killed: with its token if it had not been stored
  if (second && !byVictim) return 'two requests, and the one who asked first lives';
  const isLost = second !== undefined && first.granted && second.reused && second.refreshToken === first.refreshToken;
  if (isRevoked !== isLost) return isRevoked ? 'revoked for no reason' : 'a reuse that the server did not see';
  if (isRevoked)
    return answers.every((answer) => answer === 'token ERR_SESSION_LOST' || answer === 'token ERR_NO_SESSION')
      ? undefined
      : `revoked, and answered ${[...distinct]}`;
  if (distinct.size > 1 || answers.some((answer) => answer.startsWith('token ERR_')))
    return `answers differ: ${[...distinct]}`;
  return undefined;
}

/** Who asked, when, with which of the refresh tokens, and what came of it. */
function toldBy(requests: readonly TokenRequest[], victim: Child): (request: TokenRequest) => string {
  const seen = [...new Set(requests.map(({ refreshToken }) => refreshToken))];
  return ({ at, refreshToken, granted, reused, parameters }) => {
    const who = parameters.worker === String(victim.pid) ? 'the killed one' : parameters.worker;
    const outcome = granted ? 'granted' : reused ? 'reused' : 'refused';
    return `${who} after ${at - (requests[0]?.at ?? 0)} ms with token ${seen.indexOf(refreshToken)} ${outcome}`;
  };
}

/** Looks at the file all the time: it is whole and private, or not there yet. */
function watchFile(file: string | undefined, faults: string[]): { readonly looks: number; stop(): void } {
  const state = { looks: 0, stop: () => clearInterval(timer) };
  const timer = setInterval(() => {
    if (!file) return;
    try {
      const text = readFileSync(file, 'utf8');
      state.looks++;
      JSON.parse(text);
      const mode = statSync(file).mode & 0o777;
      if (mode !== 0o600) faults.push(`the file had mode ${mode.toString(8)}`);
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOENT')
        faults.push(`the file could not be read: ${(error as Error).name}`);
    }
  }, 2);
  return state;
}
