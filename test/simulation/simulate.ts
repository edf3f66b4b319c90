import { type Application, type Setting, startApplication } from './application.js';
import { sessionsOf } from './budget.js';
import { BOUND_MS, createCalls } from './calls.js';
import type { Happening } from './event-queue.js';
import { createOracle } from './oracle.js';
import { createPeer, type Peer } from './peer.js';
import { knowsTime } from './proof-circumstances.js';
import { createProofWorld } from './proof-world.js';
import { createSimChannel } from './sim-channel.js';
import { createSimLock, type SimLock } from './sim-lock.js';
import { createSimNetwork } from './sim-network.js';
import { createSimServer } from './sim-server.js';
import { createSimStorage } from './sim-storage.js';
import { makeTrouble } from './trouble.js';
import { createWorld, type World } from './world.js';
import { playSteps, type Violation } from './world-base.js';

/** What came of one seed. */
export interface Outcome {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly faults: ReadonlyMap<string, number>;
  readonly steps: number;
  readonly requests: number;
  readonly requestsPerHour: number;
  readonly longestMs: number;
  /** True milliseconds that passed inside. */
  readonly simulatedMs: number;
}

/** So long everything goes wrong, and so long nothing does any more. */
const TROUBLE_MS = 1_800_000;
const CALM_MS = 600_000;
/** Requests in an hour beside those that the lifetime of the tokens makes necessary, and those that somebody asked for. */
const MOST_REQUESTS = 400;
/** More steps than any seed takes: something runs in circles. */
const MOST_STEPS = 150_000;

/** Runs one seed to its end, or to the first sentence that does not hold. Nothing in it depends on anything but the seed. */
export function simulate(seed: number, lines?: string[], theme?: string): Promise<Outcome> {
  const world = createWorld(seed, lines, theme);
  const { setting, lock } = build(world);
  const outcome = (steps: number): Outcome => ({
    seed,
    violations: world.violations,
    faults: world.faults,
    steps,
    requests: setting.oracle.requests,
    requestsPerHour: ((setting.oracle.requests - setting.oracle.demands) * 3_600_000) / Math.max(1, world.now),
    longestMs: setting.calls.longestMs,
    simulatedMs: world.now,
  });
  const watch = {
    check: () => checkHolder(world, lock()),
    isOver: ({ at }: Happening) => at > TROUBLE_MS + CALM_MS + BOUND_MS,
    judge: () => checkRequests(world, outcome(0).requestsPerHour),
  };
  return playSteps(world, MOST_STEPS, watch, outcome);
}

/** Whatever happens, an hour sees two requests for each lifetime of a token, and some hundred more. */
function checkRequests(world: World, perHour: number): void {
  const { lifetimeMs = Number.POSITIVE_INFINITY } = world.circumstances;
  const most = MOST_REQUESTS + (2 * sessionsOf(world) * 3_600_000) / lifetimeMs;
  if (world.now > TROUBLE_MS && perHour > most) {
    world.violate('few requests', `${Math.ceil(perHour)} an hour, more than ${most}`);
  }
}

/** Nobody sleeps with the lock in hand. */
function checkHolder(world: World, lock: SimLock | undefined): void {
  const holding = lock?.holding;
  if (!holding?.isRunning || holding.open > 0 || holding.isLost || holding.cuts !== holding.peer.cuts) return;
  if (!holding.peer.isDead && !holding.peer.isFrozen && holding.peer.thawedAt !== world.now) {
    world.violate('no sleep under the lock', `${holding.peer.name} holds it and does nothing`);
  }
}

function build(world: World): { setting: Setting; lock: () => SimLock | undefined } {
  const { circumstances, random } = world;
  const server = createSimServer(world);
  const oracle = createOracle(world, server);
  const storage = createSimStorage(world, oracle);
  const network = createSimNetwork(world, server, oracle);
  const channel = createSimChannel(world);
  const isShared = circumstances.lock === 'shared';
  const locks = Array.from({ length: isShared ? circumstances.peers : 1 }, () => createSimLock(world, oracle));
  const lockOf = (slot: number) => locks[isShared ? slot : 0] as SimLock;
  const peers: Peer[] = [];
  const applications = new Map<Peer, Application>();
  const calls = createCalls(world, server, oracle, storage);
  const { marks } = world;
  const leave = (peer: Peer) => crash(peer, true);
  const cut = (peer: Peer) => {
    peer.cut();
    lockOf(peer.slot).forget(peer);
  };
  const abandoned = new Set<string>();
  const alive = () => peers.filter((peer) => !peer.isDead && !peer.disposed);
  const bound = createProofWorld(world, server, oracle, alive);
  const setting: Setting = { world, server, network, storage, oracle, calls, bound, peers, cut, leave, abandoned };

  function create(slot: number): void {
    const generation = peers.filter((peer) => peer.slot === slot).length + 1;
    const peer = createPeer(world, slot, `p${slot + 1}.${generation}`);
    world.trace(() => `${peer.name} is created`);
    peers.push(peer);
    const platform = {
      storage: storage.portFor(peer),
      lock: lockOf(slot).portFor(peer),
      channel: channel.portFor(peer),
      wakeups: peer.wakeups,
      clock: peer.clock,
      random: world.ownRandom.next,
      background: circumstances.background,
      marks: {
        get: (key: string) => marks.get(key) ?? null,
        set: (key: string, value: string | null) => {
          if (peer.isDead) return;
          if (value === null) marks.delete(key);
          else marks.set(key, value);
        },
      },
    };
    applications.set(peer, startApplication(setting, peer, platform));
  }

  const createNext = () => {
    const taken = new Set(alive().map(({ slot }) => slot));
    const free =
      locks.length && Array.from({ length: circumstances.peers }, (_, slot) => slot).find((slot) => !taken.has(slot));
    if (free !== undefined) create(free);
  };
  const crash = (peer: Peer, again: boolean) => {
    peer.die();
    lockOf(peer.slot).forget(peer);
    if (again) create(peer.slot);
  };
  const dispose = (peer: Peer) => {
    peer.disposed = true;
    peer.manager.dispose();
    create(peer.slot);
  };
  const first = random.between(1, circumstances.peers);
  for (let slot = 0; slot < first; slot++) create(slot);
  const [peer] = peers;
  if (peer) applications.get(peer)?.signIn();
  makeTrouble({
    world,
    server,
    storage,
    lock: locks[0] as SimLock,
    oracle,
    alive,
    crash,
    cut,
    create: createNext,
    dispose,
  });
  world.schedule(TROUBLE_MS, () => {
    calm(setting, createNext, alive);
    world.schedule(CALM_MS, () => judge(setting, alive(), applications));
  });
  return { setting, lock: () => (isShared ? undefined : locks[0]) };
}

/** From here on nothing goes wrong any more. */
function calm({ world, server, storage, bound }: Setting, create: () => void, alive: () => Peer[]): void {
  world.trace(() => '=== calm');
  world.isCalm = true;
  world.calmAt = world.now;
  server.mood = 'up';
  storage.isDown = false;
  storage.isFull = false;
  storage.intrude(false);
  bound?.calm();
  if (alive().length === 0) create();
  for (const peer of alive()) {
    peer.thaw();
    peer.isAwake = true;
    peer.isOnline = true;
    peer.wake();
  }
}

/** In the end everybody who is signed in has a token that the server takes. */
function judge(
  { world, storage, oracle, abandoned }: Setting,
  alive: Peer[],
  applications: Map<Peer, Application>,
): void {
  const isShared = world.circumstances.lock === 'shared' && world.circumstances.peers > 1;
  const { storageDiesAt, isDeathTold, isCookie, givesRefreshTokens, proofs } = world.circumstances;
  // peers may have refreshed a session that is stored where nobody can read it; whose a cookie is, the server knows
  const canRefresh = (peer: Peer, sessionId: string | undefined) =>
    givesRefreshTokens &&
    (storageDiesAt === undefined ||
      (isCookie && isDeathTold && storage.isKnownDead(peer)) ||
      (sessionId !== undefined && !oracle.wasStored(sessionId)));
  const isDead = storageDiesAt !== undefined;
  // where nothing tells a page that its clock is wrong, its proofs are refused until it is right
  const isLost = proofs !== undefined && !knowsTime(proofs) && world.jumpedAt > 0;
  for (const peer of alive) {
    const { status, sessionId } = peer.manager.getSnapshot();
    if (sessionId !== undefined && abandoned.has(sessionId) && !isDead) {
      world.violate('sign-out wins', `${peer.name} has ${sessionId}, which a page had signed out of as it left`);
    }
    world.trace(() => `in the end ${peer.name} is ${status} ${sessionId ?? ''}`);
    if (
      world.circumstances.hasChannel &&
      !isDead &&
      sessionId !== undefined &&
      storage.text?.includes(sessionId) === false
    ) {
      world.violate(
        'fresh in the end',
        `${peer.name} has ${sessionId}, the storage has ${oracle.describe(storage.text)}`,
      );
    }
    if (status === 'none') continue;
    let isOver = false;
    const askedAt = world.wall();
    void applications
      .get(peer)
      ?.request()
      .then((isAccepted) => {
        isOver = true;
        const now = peer.manager.getSnapshot();
        const isSame = now.sessionId === sessionId;
        // a clock that was set back makes a wait that the server asked for longer, by an hour at most
        const isLong = world.wasSetBack && (now.retryAt ?? 0) > world.wall();
        const isReadable = storageDiesAt === undefined || canRefresh(peer, undefined);
        if (now.status === 'loading' && isReadable && !isLong)
          world.violate('fresh in the end', `${peer.name} still does not know its session`);
        if (status !== 'active' || !isSame || isLong || isShared || isLost || !canRefresh(peer, sessionId)) return;
        if (!isAccepted) world.violate('fresh in the end', `${peer.name} is refused by the API`);
        // what was good when it was asked for may expire on the way to the API
        else if ((now.expiresAt ?? Number.POSITIVE_INFINITY) <= askedAt || (now.retryAt ?? 0) > world.wall())
          world.violate('fresh in the end', `${peer.name} has an old token, or still waits for its next attempt`);
      });
    world.schedule(60_000, () => {
      if (!isOver) world.violate('fresh in the end', `${peer.name} still waits after a minute`);
    });
  }
}
