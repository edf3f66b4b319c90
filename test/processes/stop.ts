import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAuthServer } from '../../src/testing.js';
import { startChild } from '../support/child.js';
import type { WorkerConfig } from './worker.js';

/** A request to the token endpoint may take this long, so a lock may be held for 5 000 ms more. */
const TIMEOUT_MS = 500;

/** What a process that was stopped in the middle of a refresh did when it went on. */
export interface StopTally {
  readonly stoppedMs: number;
  /** What its own caller was told. */
  readonly answer: string;
  /** Everything that should not have been; empty. */
  readonly faults: readonly string[];
}

/**
 * Stops a process with the lock in its hands for longer than it may hold it, while another one signs in anew.
 *
 * When it goes on, the answer to its old request is waiting for it; it must not overwrite the new session.
 */
export async function playStop(where: Omit<WorkerConfig, 'tokenUrl' | 'timeoutMs'>): Promise<StopTally> {
  const server = createAuthServer({ accessTokenLifetimeMs: 300, answerDelayMs: 50 });
  const { tokenUrl, close } = await server.listen();
  const config = JSON.stringify({ ...where, tokenUrl, timeoutMs: TIMEOUT_MS } satisfies WorkerConfig);
  const [stopped, other] = [0, 1].map(() => startChild(join(import.meta.dirname, 'worker.ts'), [config]));
  if (!stopped || !other) throw new Error('no workers');
  const faults: string[] = [];
  await Promise.all([stopped.next('ready'), other.next('ready')]);
  stopped.tell(`sign-in ${JSON.stringify(server.signIn())}`);
  await stopped.next('signed-in');
  await sleep(320);

  stopped.tell('go');
  while (server.tokenRequests.length === 0) await sleep(1);
  stopped.signal('SIGSTOP');
  const began = performance.now();
  server.set({ accessTokenLifetimeMs: 3_600_000, answerDelayMs: 0 });
  other.tell(`sign-in ${JSON.stringify(server.signIn({ user: 'grace' }))}`);
  const signedIn = (await other.next('signed-in')).split(' ')[1];
  await sleep(Math.max(0, TIMEOUT_MS + 6_000 - (performance.now() - began)));
  const stoppedMs = Math.round(performance.now() - began);
  stopped.signal('SIGCONT');
  const answer = await stopped.next('token');
  await sleep(200);

  // a process that starts now sees what is stored
  const third = startChild(join(import.meta.dirname, 'worker.ts'), [config]);
  await third.next('ready');
  third.tell('go');
  const stored = (await third.next('token')).split(' ')[1];
  if (stored !== signedIn) faults.push('the stopped process overwrote what was newer');
  if (server.inspect(stored ?? '')?.user !== 'grace') faults.push('what is stored is not the new session');
  for (const worker of [stopped, other, third]) worker.signal('SIGKILL');
  await Promise.all([stopped, other, third].map(({ gone }) => gone));
  await close();
  return { stoppedMs, answer: answer.startsWith('token ERR_') ? answer.slice(6) : 'a token', faults };
}
