import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { TokenResponse } from 'evertoken';
import { type Here, openPlace, type Place } from './place.js';
import type { Ask, Flight, Seen } from './provider.js';

/** What is done to a worker, and how forgiving the provider is. */
export interface Scenario {
  readonly name: string;
  readonly signal: 'SIGKILL' | 'SIGTERM';
  /** So long a used refresh token may come again; 0: never. */
  readonly reuseWindowMs: number;
  readonly store: Place['store'];
  readonly rounds: number;
}

/** What came of it. */
export interface Tally {
  readonly name: string;
  rounds: number;
  /** Requests in flight when the signal came. */
  inFlight: number;
  /** Sessions whose provider has ended them, as a used refresh token came too late. */
  lost: number;
  /** Of these, how many `fleet.ended()` told as lost or rejected. */
  told: number;
  /** Sessions that were lost although their answer was not on the way. */
  others: number;
  /** The longest time from the signal to the next request for what was in flight, in milliseconds. */
  relievedMs: number;
  /** The longest time from the signal to the end of the process. */
  endedMs: number;
  /** Sessions that were not refreshed at all within the round. */
  forgotten: number;
}

const SESSIONS = 64;
const IN_FLIGHT = 32;
const FIRST_MS = 8_000;
const ROUND_MS = 12_000;
const children = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

function start(file: string, ...args: string[]): ChildProcess {
  const child = fork(join(import.meta.dirname, file), args);
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

async function ask<T>(child: ChildProcess, question: Ask): Promise<T> {
  const answer = next(child, (message) => Array.isArray(message));
  child.send(question);
  return (await answer) as T;
}

/** The next message of a kind. */
function next(child: ChildProcess, isWanted: (message: unknown) => boolean): Promise<unknown> {
  return new Promise((resolve) => {
    const hear = (message: unknown) => {
      if (!isWanted(message)) return;
      child.off('message', hear);
      resolve(message);
    };
    child.on('message', hear);
  });
}

/** Two workers, 64 sessions that come up at once, and a signal for the one that has 32 of them in flight; over and over. */
export async function play(scenario: Scenario): Promise<Tally> {
  const { name, rounds, reuseWindowMs, store } = scenario;
  const provider = start('provider.ts', String(reuseWindowMs));
  const [url] = await once(provider, 'message');
  const place: Place = { store, url, name };
  const here = openPlace(place);
  const tally: Tally = {
    name,
    rounds: 0,
    inFlight: 0,
    lost: 0,
    told: 0,
    others: 0,
    relievedMs: 0,
    endedMs: 0,
    forgotten: 0,
  };
  let workers = [await startWorker(place), await startWorker(place)];
  const listening = new AbortController();
  const service = here.fleet.run({ feed: false, work: false, signal: listening.signal });
  for (let round = 0; round < rounds; round++) {
    workers = await playRound(scenario, here, provider, workers, tally);
    workers = [...workers, ...(workers.length < 2 ? [await startWorker(place)] : [])];
  }
  for (const worker of workers) worker.kill('SIGTERM');
  await Promise.all(workers.map((worker) => once(worker, 'exit')));
  listening.abort();
  await service;
  await here.fleet.stop();
  await here.close();
  provider.kill();
  return tally;
}

async function startWorker(place: Place): Promise<ChildProcess> {
  const child = start('worker.ts');
  child.send(place);
  await once(child, 'message');
  return child;
}

async function playRound(
  { name, signal }: Scenario,
  here: Here,
  provider: ChildProcess,
  workers: readonly ChildProcess[],
  tally: Tally,
): Promise<ChildProcess[]> {
  const keys = Array.from({ length: SESSIONS }, (_, index) => `${name}/c${index}`);
  const flying = next(provider, (message) => !Array.isArray(message)) as Promise<Flight>;
  provider.send({ ask: 'watch', inFlight: IN_FLIGHT } satisfies Ask);
  const responses = await ask<TokenResponse[]>(provider, { ask: 'sign-in', keys, forMs: FIRST_MS });
  await Promise.all(
    keys.map(async (key, index) => {
      const tokens = here.open(key);
      await tokens.startSession(responses[index]);
      tokens.dispose();
    }),
  );
  const flight = await flying;
  const victim = workers.find(({ pid }) => pid === flight.pid);
  if (!victim) throw new Error(`Expected one of the workers to ask, got process ${flight.pid}.`);
  const at = Date.now();
  victim.kill(signal);
  await once(victim, 'exit');
  tally.endedMs = Math.max(tally.endedMs, Date.now() - at);
  await pause(ROUND_MS - (Date.now() - at));
  const seen = await ask<Seen[]>(provider, { ask: 'seen' });
  await count(here, tally, { flight, at, seen, keys, isKill: signal === 'SIGKILL' });
  return workers.filter((worker) => worker !== victim);
}

interface Round {
  readonly flight: Flight;
  readonly at: number;
  readonly seen: readonly Seen[];
  readonly keys: readonly string[];
  readonly isKill: boolean;
}

async function count({ fleet, due }: Here, tally: Tally, { flight, at, seen, keys, isKill }: Round): Promise<void> {
  tally.rounds++;
  tally.inFlight += flight.keys.length;
  const begun = new Set(flight.keys);
  const ended = (await fleet.ended({ limit: 1_000 })).map(({ key }) => key);
  await fleet.acknowledge(ended);
  for (const key of keys) {
    const own = seen.filter((one) => one.key === key);
    const isLost = own.length > 0 && own.at(-1)?.granted === false;
    if (isLost) {
      tally.lost++;
      if (ended.includes(key)) tally.told++;
      if (!own.some((one) => one.pid === flight.pid && one.granted)) tally.others++;
    }
    if (own.length === 0) tally.forgotten++;
    const next = own.find((one) => one.at >= at && one.pid !== flight.pid);
    const isRelieved = isKill && begun.has(key);
    if (isRelieved && next) tally.relievedMs = Math.max(tally.relievedMs, next.at - at);
    if (isRelieved && !next && !(await isFresh(due, key))) tally.forgotten++;
  }
}

/**
 * Nothing was in hand any more: on a busy machine the signal comes so late that the answers had come and were stored,
 * and nobody has to relieve whom nothing holds up. What was in hand, and is not relieved, keeps its mark or has expired.
 */
async function isFresh(due: Here['due'], key: string): Promise<boolean> {
  const { urgent, expiresAt = 0 } = (await due.get(key)) ?? {};
  return !urgent && expiresAt > Date.now() + ROUND_MS;
}
