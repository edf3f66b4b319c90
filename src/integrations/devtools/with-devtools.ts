import { owner, ownerOf } from '../../core/owner.js';
import type { TokenManagerOptions } from '../../manager/options.js';
import type { TokenManager } from '../../manager/token-manager.js';
import { inProcess } from '../../presets/in-process.js';
import { createFaults, type Faults } from './faults.js';
import { keepJournal } from './journal.js';

type Platform = NonNullable<TokenManagerOptions['platform']>;
type Refresh = TokenManagerOptions['refresh'];

const PORTS = ['storage', 'lock', 'channel', 'wakeups', 'clock'] as const;
const SLOW_MS = 5_000;
const BUSY_S = 30;

/** What the devtools know of a manager that was made for them. */
export interface Simulation {
  readonly faults: Faults;
  readonly leewayMs: number | undefined;
}

const simulations: WeakMap<TokenManager, Simulation> = /* @__PURE__ */ new WeakMap();

/** The switches of a manager, where it was made for them. */
export function simulationOf(tokens: TokenManager): Simulation | undefined {
  return simulations.get(tokens);
}

/**
 * Lets the devtools break what a manager stands on: its storage, lock, network and clock.
 *
 * The manager meets each fault as it meets a real one. While nothing is broken every part does what it did. For
 * development alone: each part costs one call more.
 *
 * @example
 * const create = import.meta.env.DEV ? withDevtools(createTokenManager) : createTokenManager;
 */
export function withDevtools(
  create: (options: TokenManagerOptions) => TokenManager,
): (options: TokenManagerOptions) => TokenManager {
  return (options) => {
    const platform = options?.platform === undefined ? inProcess() : options.platform;
    const isWrong =
      typeof options?.refresh !== 'function' || PORTS.some((port) => typeof platform?.[port] !== 'object');
    if (isWrong) return create(options); // which says what is wrong with them
    const faults = createFaults(platform.clock);
    const { revoke } = options;
    const tokens = create({
      ...options,
      platform: breakPlatform(platform, faults),
      refresh: breakRefresh(options.refresh, platform, faults),
      ...(typeof revoke === 'function' && {
        revoke: async (request) => {
          if (faults.broken.network) throw brokenHere();
          return revoke(request);
        },
      }),
    });
    simulations.set(tokens, { faults, leewayMs: options.leewayMs });
    keepJournal(tokens); // until the manager goes
    countCallers(tokens, faults);
    return tokens;
  };
}

function breakPlatform(platform: Platform, faults: Faults): Platform {
  const { storage, lock, clock, wakeups } = platform;
  return {
    ...platform,
    storage: breakStorage(storage, faults),
    lock: breakLock(lock, faults),
    clock: {
      now: faults.now,
      after: (delayMs, task, options) => clock.after(delayMs, task, options),
    },
    wakeups: {
      isAwake: () => wakeups.isAwake(),
      isOnline: () => !faults.broken.network && wakeups.isOnline(),
      subscribe: (listener) => {
        const stops = [wakeups.subscribe(listener), faults.onWake(listener)];
        return () => {
          for (const stop of stops) stop();
        };
      },
    },
  };
}

function breakStorage(storage: Platform['storage'], { broken, uses, while: whileBroken }: Faults): Platform['storage'] {
  function meet<T>(count: 'reads' | 'writes', work: () => T | PromiseLike<T>, adds?: boolean): T | PromiseLike<T> {
    uses[count]++;
    if (broken.storage === 'fails' || (adds && broken.storage === 'full')) throw brokenHere();
    // what has hung is done late, as by a real storage
    return broken.storage === 'hangs' ? whileBroken('storage', 'hangs').then(work) : work();
  }
  return {
    getItem: (key) => meet('reads', () => storage.getItem(key)),
    setItem: (key, value, options) => meet('writes', () => storage.setItem(key, value, options), true),
    removeItem: (key, options) => meet('writes', () => storage.removeItem(key, options)),
    get fault() {
      return storage.fault;
    },
  };
}

function breakLock(lock: Platform['lock'], faults: Faults): Platform['lock'] {
  const { broken, uses } = faults;
  return {
    async run(key, signal, task, options) {
      uses.lock = 'waiting';
      try {
        if (broken.lock === 'held') await faults.while('lock', 'held', signal);
        return await lock.run(
          key,
          signal,
          async (lease) => {
            uses.lock = 'held';
            const taken = new AbortController();
            const look = () => {
              if (broken.lock === 'lost') taken.abort();
            };
            look();
            const stop = faults.subscribe(look);
            try {
              return await task({ ...lease, signal: AbortSignal.any([lease.signal, taken.signal]) });
            } finally {
              stop();
            }
          },
          options,
        );
      } finally {
        uses.lock = 'free';
      }
    },
  };
}

function breakRefresh(refresh: Refresh, platform: Platform, faults: Faults): Refresh {
  const broken: Refresh = async (request) => {
    if (faults.broken.network) throw brokenHere();
    switch (faults.takeAnswer()) {
      case undefined:
        return refresh(request);
      case '503':
        return new Response(null, { status: 503 });
      case '429':
        return new Response(null, { status: 429, headers: { 'Retry-After': String(BUSY_S) } });
      case 'dead':
        return Response.json({ error: 'invalid_grant' }, { status: 400 });
      case 'slow':
        await new Promise<void>((resolve) => platform.clock.after(SLOW_MS, resolve));
        return refresh(request);
      case 'lost': {
        const answer = await refresh(request);
        if (answer instanceof Response) await answer.body?.cancel();
        throw brokenHere();
      }
    }
  };
  const name = ownerOf(refresh);
  // the sessions are those of the endpoint and the client that the function names
  return name === undefined ? broken : Object.assign(broken, { [owner]: name });
}

/** As `fetch` says that there is no network. */
function brokenHere(): TypeError {
  return new TypeError('Broken by the devtools.');
}

/** Callers of these two get the very promise of the manager. */
function countCallers(tokens: TokenManager, { uses }: Faults): void {
  for (const name of ['getAccessToken', 'refresh'] as const) {
    const call = tokens[name] as (...args: never) => Promise<unknown>;
    const counted = (...args: never): Promise<unknown> => {
      const outcome = call(...args);
      uses.callers++;
      const done = () => {
        uses.callers--;
      };
      outcome.then(done, done);
      return outcome;
    };
    Object.assign(tokens, { [name]: counted });
  }
}
