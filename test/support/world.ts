import { inspect } from 'node:util';
import { expect, onTestFinished } from 'vitest';
import {
  createTokenManager,
  inProcess,
  type Platform,
  type RefreshTokens,
  type TokenEvents,
  type TokenManager,
  type TokenManagerOptions,
  type TokenStorage,
  tokenEndpoint,
} from '../../src/index.js';
import {
  type AuthServer,
  type AuthServerOptions,
  createAuthServer,
  type FakeClock,
  fakeClock,
} from '../../src/testing.js';
import { consoleCalls } from './console-calls.js';
import { createSecretWatch, type SecretWatch } from './secret-watch.js';

/** How the storage answers: at once, in a promise, or after 20 ms. */
export type StorageSpeed = 'sync' | 'fast' | 'slow';
export const STORAGE_SPEEDS: readonly StorageSpeed[] = ['sync', 'fast', 'slow'];

/** An event with its type. */
export type Seen = { [Type in keyof TokenEvents]: { readonly type: Type } & TokenEvents[Type] }[keyof TokenEvents];

/** Wake-ups that happen when the test says so. */
export interface ManualWakeups {
  fire(): void;
  awake: boolean;
  online: boolean;
  readonly listeners: number;
}

/** One server, one clock and one platform that any number of managers share. */
export interface World {
  readonly clock: FakeClock;
  readonly server: AuthServer;
  readonly platform: Platform;
  readonly wakeups: ManualWakeups;
  readonly watch: SecretWatch;
  /** What the storage holds, by key. */
  readonly stored: Map<string, string>;
  /** The ports that were called, and when they settled, in order: `getItem`, `getItem settled`, `lock granted` ... */
  readonly moments: string[];
  /** Is told of every moment while it lasts. */
  onMoment: ((name: string, index: number) => void) | undefined;
  /** Names a moment that a port does not see. */
  reach(name: string): void;
  /** Trades refresh tokens at the server; its call and its answer are moments. */
  readonly refresh: RefreshTokens;
  /** A manager on this platform, with all its events. */
  manager(options?: Partial<TokenManagerOptions>): { tokens: TokenManager; events: Seen[] };
  /** Lets time run until the promise settles. */
  run<T>(promise: Promise<T>): Promise<T>;
  /** Lets time run until the promise is rejected, and gives the reason; fails if it is fulfilled. */
  failure(promise: Promise<unknown>): Promise<Error & { code?: string; retryAt?: number }>;
}

export const EVENT_TYPES = [
  'sessionStarted',
  'refreshStarted',
  'refreshed',
  'refreshFailed',
  'requestRejected',
  'requestPassedOver',
  'storageFailed',
  'revokeFailed',
  'sessionEnded',
] as const satisfies readonly (keyof TokenEvents)[];

const ASYNC = new Set<string | symbol>([
  'getAccessToken',
  'replaceAccessToken',
  'refresh',
  'startSession',
  'endSession',
]);

/** Makes a world; when the test ends, nothing that others saw of it may show a part of a token. */
export function createWorld(options: { server?: AuthServerOptions; storage?: StorageSpeed } = {}): World {
  const clock = fakeClock();
  const server = createAuthServer({ clock, accessTokenLifetimeMs: 600_000, ...options.server });
  const watch = createSecretWatch();
  const stored = new Map<string, string>();
  const wakeups = manualWakeups();
  const endpoint = tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch });
  const world: World = {
    clock,
    server,
    watch,
    stored,
    wakeups,
    platform: { ...inProcess(), clock, wakeups: wakeups.port },
    moments: [],
    onMoment: undefined,
    reach(name) {
      world.moments.push(name);
      world.onMoment?.(name, world.moments.length - 1);
    },
    async refresh(request) {
      world.reach('refresh called');
      const response = await endpoint(request);
      world.reach('response arrived');
      return response;
    },
    manager: (given) => watchedManager(world, given),
    run: (promise) => clock.runUntil(promise),
    async failure(promise) {
      const outcome = await clock.runUntil(
        promise.then(
          (value) => ({ value }),
          (error: Error) => ({ error }),
        ),
      );
      if ('value' in outcome) throw new Error('expected a rejection, but the promise was fulfilled');
      watch.see('error', outcome.error);
      return outcome.error;
    },
  };
  world.platform.storage = watchedStorage(world, options.storage ?? 'sync');
  watchLock(world);
  watchChannel(world);
  onTestFinished(() => {
    for (const values of consoleCalls) watch.see('console', values);
    for (const { refreshToken = '' } of server.tokenRequests) watch.learn(refreshToken);
    for (const { accessToken = '' } of server.apiRequests) watch.learn(accessToken);
    expect(watch.leaks(), 'tokens in what others see').toEqual([]);
  });
  return world;
}

function watchedManager(
  world: World,
  given: Partial<TokenManagerOptions> = {},
): { tokens: TokenManager; events: Seen[] } {
  const { watch, platform, refresh } = world;
  const manager = createTokenManager({ refresh, platform, proactive: false, ...given });
  const events: Seen[] = [];
  for (const type of EVENT_TYPES) {
    manager.on(type, (event) => {
      events.push({ type, ...event } as Seen);
      watch.see(`event ${type}`, event);
      watch.see('snapshot', manager.getSnapshot());
    });
  }
  onTestFinished(() => {
    watch.see('snapshot', manager.getSnapshot());
    watch.see('manager', manager);
  });
  // Looks on from beside: the promise that the caller gets is the manager's own.
  const tokens = new Proxy(manager, {
    get(target, name, receiver) {
      const member: unknown = Reflect.get(target, name, receiver);
      if (typeof member !== 'function' || !ASYNC.has(name)) return member;
      return (...args: unknown[]) => {
        if (name === 'startSession') watch.learn(inspect(args, { depth: 3, maxStringLength: 10_000 }));
        const result: unknown = member.apply(target, args);
        if (result instanceof Promise) {
          result.then(watch.learn, (error) => watch.see(`error of ${String(name)}`, error));
        }
        return result;
      };
    },
  });
  return { tokens, events };
}

function watchedStorage({ stored, watch, reach, clock }: World, speed: StorageSpeed): TokenStorage {
  function answer<T>(name: string, key: string, work: () => T): T | Promise<T> {
    watch.see('storage key', key);
    reach(name);
    const done = () => {
      const value = work();
      reach(`${name} settled`);
      return value;
    };
    if (speed === 'sync') return done();
    if (speed === 'fast') return Promise.resolve().then(done);
    return new Promise<void>((resolve) => clock.after(20, resolve, { keepAlive: true })).then(done);
  }
  return {
    getItem: (key) => answer('getItem', key, () => stored.get(key) ?? null),
    setItem: (key, value) => {
      watch.learn(value);
      return answer('setItem', key, () => void stored.set(key, value));
    },
    removeItem: (key) => answer('removeItem', key, () => void stored.delete(key)),
  };
}

function watchLock({ platform, watch, reach }: World): void {
  const { lock } = platform;
  platform.lock = {
    async run(key, signal, task, options) {
      watch.see('lock name', [key, options]);
      reach('lock asked');
      try {
        return await lock.run(
          key,
          signal,
          (lease) => {
            reach('lock granted');
            return task(lease);
          },
          options,
        );
      } finally {
        reach('lock released');
      }
    },
  };
}

function watchChannel({ platform, watch, reach }: World): void {
  const { channel } = platform;
  platform.channel = {
    subscribe: (key, listener) => channel.subscribe(key, listener),
    announce: (...said) => {
      watch.see('announcement', said);
      reach('announced');
      channel.announce(...said);
    },
  };
}

function manualWakeups(): ManualWakeups & { port: Platform['wakeups'] } {
  const listeners = new Set<() => void>();
  const manual = {
    fire: () => {
      for (const listener of listeners) listener();
    },
    awake: true,
    online: true,
    get listeners() {
      return listeners.size;
    },
    port: {
      subscribe: (listener: () => void) => {
        const own = () => listener();
        listeners.add(own);
        return () => void listeners.delete(own);
      },
      isAwake: () => manual.awake,
      isOnline: () => manual.online,
    },
  };
  return manual;
}
