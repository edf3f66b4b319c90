import { expect, onTestFinished } from 'vitest';
import { createTokenManager, type TokenManager, type TokenManagerOptions, tokenEndpoint } from '../../../src/index.js';
import type { Channel } from '../../../src/ports/channel.js';
import {
  createFleet,
  type DueIndex,
  type Fleet,
  type FleetEvents,
  type FleetOptions,
  indexed,
  type JobQueue,
  type LaneOptions,
  memoryDueIndex,
} from '../../../src/services/fleet.js';
import {
  type AuthServer,
  type AuthServerOptions,
  createAuthServer,
  type FakeClock,
  fakeClock,
  type Peer,
  peers,
} from '../../../src/testing.js';
import { createSecretWatch, type SecretWatch } from '../../support/secret-watch.js';

/** A queue that hands out nothing: the test calls what works on a job. */
export function heldQueue(): { queue: JobQueue; work(key: string): Promise<void> } {
  let held: ((key: string) => Promise<void>) | undefined;
  const queue: JobQueue = {
    add: async () => undefined,
    waiting: async () => 0,
    process: (_, work) => {
      held = work;
      return async () => undefined;
    },
  };
  return {
    queue,
    async work(key) {
      if (!held) throw new Error('Expected a fleet that works.');
      await held(key);
    },
  };
}

/** One process of a fleet. */
export interface Process {
  readonly peer: Peer;
  readonly fleet: Fleet;
  readonly events: ({ type: keyof FleetEvents } & FleetEvents[keyof FleetEvents])[];
  /** A manager outside the fleet, as a process that knows nothing of it would make. */
  manager(key: string): TokenManager;
  /** The fleet is run; `stopped` resolves with it. */
  readonly stopped: Promise<void>;
}

export interface FleetWorld {
  readonly clock: FakeClock;
  readonly server: AuthServer;
  readonly due: DueIndex;
  readonly watch: SecretWatch;
  /** Starts a process and runs its fleet. */
  process(options?: Partial<FleetOptions>, run?: { feed?: boolean; work?: boolean }): Process;
  /** The manager of a session, as a process of its own opens it. */
  open: FleetOptions['open'];
  /** Signs sessions in, each at the present moment. */
  signIn(...keys: string[]): Promise<void>;
  /** Lets time pass in small steps, so that all that is fed is also answered. */
  pass(ms: number): Promise<void>;
  /** Access tokens in the storage, by key. */
  expiresAt(key: string): number | undefined;
}

const EVENTS = [
  'refreshed',
  'refreshFailed',
  'sessionEnded',
  'lanePaused',
  'laneResumed',
  'workerRelieved',
  'indexFailed',
] as const;

const SILENT: Channel = { announce: () => undefined, subscribe: () => () => undefined };

/** A server, a clock, an index, and as many processes as a test starts. */
export function fleetWorld(
  options: {
    server?: AuthServerOptions;
    lanes?: Record<string, LaneOptions>;
    laneOf?: (key: string) => string;
    manager?: Partial<TokenManagerOptions>;
    due?: (clock: FakeClock) => DueIndex;
    /** Whether processes hear of each other's changes at once. Default: true. */
    hasChannel?: boolean;
  } = {},
): FleetWorld {
  const clock = fakeClock();
  const server = createAuthServer({ clock, accessTokenLifetimeMs: 3_600_000, delayMs: 20, ...options.server });
  const due = options.due?.(clock) ?? memoryDueIndex({ clock });
  const watch = createSecretWatch();
  const [first] = peers(1, { clock, fences: true });
  const { laneOf } = options;
  const hot = Object.entries({ default: {}, ...options.lanes });
  // What a test does not use stays in use all the same, unless the test says otherwise.
  const lanes = Object.fromEntries(hot.map(([lane, given]) => [lane, { hotForMs: 86_400_000, ...given }]));
  const shape = { ...(laneOf && { laneOf }), lanes };
  const refresh = tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch });

  function managerOn(peer: Peer, key: string, more: Partial<TokenManagerOptions> = {}): TokenManager {
    const { platform } = peer;
    const storage = indexed(platform.storage, due, { ...shape, now: clock.now });
    return createTokenManager({
      key,
      refresh: (request) => peer.through(() => refresh(request)),
      platform: { ...platform, storage, ...(options.hasChannel === false && { channel: SILENT }) },
      proactive: false,
      ...options.manager,
      ...more,
    });
  }

  const world: FleetWorld = {
    clock,
    server,
    due,
    watch,
    process(more = {}, run = {}) {
      const peer = first.open();
      const { lock, clock: own } = peer.platform;
      const events: Process['events'] = [];
      const open: FleetOptions['open'] = (key, guard) => managerOn(peer, key, guard);
      const fleet = createFleet({ open, due, lock, clock: own, random: () => 0.5, ...shape, ...more });
      for (const type of EVENTS) {
        fleet.on(type, (event) => {
          watch.see(`event ${type}`, event);
          events.push({ type, ...event });
        });
      }
      const stopped = fleet.run(run);
      onTestFinished(async () => {
        if (peer.state === 'running') await clock.runUntil(fleet.stop());
      });
      return { peer, fleet, events, stopped, manager: (key) => managerOn(peer, key) };
    },
    open: (key, guard) => managerOn(first, key, guard),
    async signIn(...keys) {
      for (const key of keys) {
        const tokens = managerOn(first, key);
        const response = server.signIn({ user: key });
        for (const token of [response.access_token, response.refresh_token ?? '']) watch.learn(token);
        await clock.runUntil(tokens.startSession(response));
        tokens.dispose();
      }
    },
    async pass(ms) {
      const endsAt = clock.now() + ms;
      while (clock.now() < endsAt) await clock.advance(Math.min(10_000, endsAt - clock.now()));
    },
    expiresAt(key) {
      const text = first.items.get(`evertoken:${key}`);
      return text === undefined ? undefined : (JSON.parse(text) as { expiresAt?: number }).expiresAt;
    },
  };
  onTestFinished(async () => {
    watch.see('index', [await due.look(), await due.ended(1_000), await due.attention(1_000)]);
    for (const { refreshToken = '' } of server.tokenRequests) watch.learn(refreshToken);
    expect(watch.leaks(), 'tokens in what others see').toEqual([]);
  });
  return world;
}
