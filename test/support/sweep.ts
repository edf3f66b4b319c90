import type { TokenManager, TokenManagerOptions } from '../../src/index.js';
import { createWorld, type Seen, STORAGE_SPEEDS, type StorageSpeed, type World } from './world.js';

/** How the session came to the manager under test. */
type Beginning = 'signed in' | 'from storage';

/** One interruption of a refresh: at which moment, and how many promise jobs later. */
interface Strike {
  readonly speed: StorageSpeed;
  readonly beginning: Beginning;
  /** Which of the moments of a refresh; -1 is the call itself. */
  readonly at: number;
  readonly jobs: number;
}

/** A refresh that was interrupted, when everything about it has settled. */
export interface Struck {
  readonly world: World;
  readonly tokens: TokenManager;
  readonly events: readonly Seen[];
  /** What had been emitted when the interruption came. */
  readonly before: readonly Seen[];
  readonly callers: readonly {
    token?: string;
    error?: Error & { code?: string };
    wasSettled: boolean;
    /** The call was made after the interruption, which came in the midst of the calls. */
    isLater: boolean;
  }[];
  readonly first: string;
  /** Where the refresh was: the last moment, the storage and the number of promise jobs after it. */
  readonly where: string;
}

/** What interrupts: synchronously, in the midst of a port's call if it comes to that. */
type Act = (world: World, tokens: TokenManager) => Promise<unknown> | undefined;

const LIFETIME = 600_000;
const JOBS = [0, 1, 2, 3, 5, 8, 13];

/**
 * Interrupts a refresh at every call of a port, at every time one settles, and at promise jobs after each.
 *
 * For all storage speeds, and for a session just signed in as well as one found in storage. Returns all moments that were met.
 */
export async function sweep(
  act: Act,
  check: (struck: Struck) => void | Promise<void>,
  options: Partial<TokenManagerOptions> | ((world: World) => Partial<TokenManagerOptions>) = {},
): Promise<Set<string>> {
  const met = new Set<string>();
  for (const beginning of ['signed in', 'from storage'] as const) {
    for (const speed of STORAGE_SPEEDS) {
      for (let at = -1, isReached = true; isReached; at++) {
        for (const jobs of JOBS) {
          const struck = await strike({ speed, beginning, at, jobs }, act, options);
          isReached = struck !== undefined;
          if (!struck) break;
          met.add(`${speed} ${at} ${struck.moment}`);
          await check(struck);
        }
      }
    }
  }
  return met;
}

async function strike(
  { speed, beginning, at, jobs }: Strike,
  act: Act,
  options: Parameters<typeof sweep>[2],
): Promise<(Struck & { moment: string }) | undefined> {
  const world = createWorld({
    storage: speed,
    server: { delayMs: 30, answerDelayMs: 30, accessTokenLifetimeMs: LIFETIME },
  });
  const { clock } = world;
  const given = typeof options === 'function' ? options(world) : options;
  const started = world.manager(given);
  const first = world.server.signIn();
  await world.run(started.tokens.startSession(first));
  await clock.advance(LIFETIME);
  if (beginning === 'from storage') started.tokens.dispose();
  const { tokens, events } = beginning === 'from storage' ? world.manager(given) : started;
  world.moments.length = 0;

  let before: readonly Seen[] | undefined;
  let moment = '';
  const settled = [false, false, false];
  const settledBefore: boolean[] = [];
  let acted: Promise<unknown> | undefined;
  const hit = () => {
    before = [...events];
    settledBefore.push(...settled);
    acted = act(world, tokens);
    acted?.catch(() => undefined);
  };
  world.onMoment = (name, index) => {
    if (index !== at) return;
    moment = name;
    later(jobs, hit);
  };
  const isLater: boolean[] = [];
  const promises = settled.map(() => {
    isLater.push(before !== undefined);
    return tokens.getAccessToken();
  });
  if (at === -1) later(jobs, hit);
  const outcomes = promises.map((promise, index) =>
    promise
      .then(
        (token) => ({ token }),
        (error: Error) => ({ error }),
      )
      .finally(() => {
        settled[index] = true;
      }),
  );
  await clock.advance(5_000);
  if (!before) {
    tokens.dispose();
    return undefined;
  }
  world.onMoment = undefined;
  const callers = await clock.runUntil(Promise.all(outcomes));
  await clock.runUntil(Promise.resolve(acted));
  await clock.advance(60_000);
  const where = `${moment || 'call'} +${jobs}, ${speed} storage, ${beginning}`;
  return {
    world,
    tokens,
    events,
    before,
    callers: callers.map((caller, index) => ({
      ...caller,
      wasSettled: settledBefore[index] === true,
      isLater: isLater[index] === true,
    })),
    first: first.access_token,
    where,
    moment: moment || 'call',
  };
}

function later(jobs: number, task: () => void): void {
  if (jobs === 0) task();
  else void Promise.resolve().then(() => later(jobs - 1, task));
}
