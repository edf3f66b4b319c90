import type { LanePause } from '../../../src/core/lane.js';
import type { Scene } from './checks.js';
import type { Host } from './host.js';
import type { Provider } from './provider.js';
import type { LaneFacts, SimWorld } from './sim-world.js';

/** Sees what is started in a lane, and knows its rate and its pauses. */
export interface LaneWatch {
  claims(host: Host, keys: readonly string[]): void;
  /** It was claimed, and not begun. */
  putOff(host: Host, key: string): void;
  opened(host: Host, key: string): void;
  /** A worker asks the provider. */
  asks(host: Host, provider: Provider): void;
  pauses(host: Host, pause: LanePause): void;
  /** The provider has named how long to wait. */
  named(forMs: number): void;
  /** A session ended on the word of a provider that was wrong. */
  endedWrongly(host: Host): void;
  /** When the lane was last not as it should be. */
  disturbedAt(): number;
  look(scene: Pick<Scene, 'providerOf' | 'keys' | 'index'>): void;
}

interface Claim {
  readonly host: Host;
  readonly key: string;
  readonly at: number;
  isPutOff: boolean;
}

const WINDOW_MS = 10_000;
/** As long as a process starts, a rate grows, and a probe of a process that died is waited for. */
const IDLE_MS = 45_000;
/** Until there is a process in the place of one that died. */
const STARTING_MS = 20_000;
/** What was seen and decided just before a pause may still be on its way. */
const GRACE_MS = 3_000;

export function createLaneWatch(world: SimWorld, facts: LaneFacts): LaneWatch {
  const { name, perSecond, concurrency } = facts;
  const { processes } = world.circumstances;
  let recent: Claim[] = [];
  let paused: { readonly reason: LanePause['reason']; readonly at: number; readonly untilAt: number } | undefined;
  let namedAt = 0;
  let namedUntilAt = 0;
  let disturbedAt = Number.NEGATIVE_INFINITY;
  let claimedAt = 0;
  /** When nothing was due, or a pause began or ended. */
  let idleAt = 0;
  /** Requests of each process in the present outage. */
  let outage: { readonly at: number; readonly hosts: Set<Host>; requests: number } | undefined;
  const wronglyEnded = new Map<Host, number>();
  let startedSinceResumed = 0;
  let provider: Provider | undefined;

  const isExcused = (at: number) =>
    (['crash', 'fault'] as const).some((kind) => world.lastAt(kind) >= at - 5_000) ||
    world.lastAt('jump') > world.now - 700_000;

  const claimOf = (host: Host, key: string) =>
    [...recent].reverse().find((one) => one.host === host && one.key === key);

  function checkRate(): void {
    const from = world.now - WINDOW_MS;
    recent = recent.filter(({ at }) => at > from - 1_000);
    const burst = Math.max(1, 0.2 * perSecond);
    const most = (WINDOW_MS / 1_000) * perSecond + burst + processes + 3;
    const count = recent.filter(({ at, isPutOff }) => at > from && at < world.now && !isPutOff).length;
    if (count > most) world.violate('the rate is kept', `${name} starts ${count} in 10 s, more than ${most}`);
  }

  function checkPauses(host: Host): void {
    if (namedUntilAt > world.now + 1_000 && world.now > namedAt + GRACE_MS && !isExcused(namedAt)) {
      world.violate(
        'Retry-After holds the lane',
        `${host.name} feeds ${name}, ${namedUntilAt - world.now} ms too early`,
      );
    }
    if (!paused || paused.reason === 'resumed' || isExcused(paused.at)) return;
    if (world.now > paused.at + GRACE_MS && world.now < paused.untilAt - 1_500) {
      world.violate(
        'a pause holds',
        `${host.name} feeds ${name}, ${paused.reason} for ${paused.untilAt - world.now} ms more`,
      );
    }
  }

  /** How many a lane may start in an outage: each process until it sees it, what is under way then, and the probes. */
  function checkOutage(): void {
    if (!outage || isExcused(outage.at)) return;
    const sinceMs = world.now - outage.at;
    const each = 10 + concurrency + Math.max(1, 0.2 * perSecond);
    const most = outage.hosts.size * each + sinceMs / 5_000 + 3;
    if (outage.requests > most) {
      world.violate('the brake in an outage', `${outage.requests} of ${name} in ${sinceMs} ms, more than ${most}`);
    }
  }

  /** What is due is claimed, unless the lane is held; a pause of a clock that is wrong holds it no longer than meant. */
  async function checkIdle({ index }: Pick<Scene, 'index'>): Promise<void> {
    const heldUntilAt = paused && paused.reason !== 'resumed' ? paused.untilAt : 0;
    const [counts] = await index.bare.look(name);
    if (!counts?.due) idleAt = world.now;
    const crashedAt = world.lastAt('crash');
    // a pause that a clock ahead has written lasts as long as was meant in each process that finds it
    const pause = counts?.paused;
    const foundUntilAt = pause && pause.until > world.wall() ? crashedAt + STARTING_MS + (pause.forMs ?? 0) : 0;
    const held = Math.max(heldUntilAt, namedUntilAt, foundUntilAt);
    const since = Math.max(idleAt, claimedAt, held, crashedAt, world.lastAt('fault'));
    if (world.now > since + IDLE_MS)
      world.violate('a pause ends', `${name} starts nothing for ${world.now - since} ms`);
  }

  return {
    asks(host, { mood, moodAt }) {
      const isAway = (mood === 'down' || mood === 'silent') && world.now > moodAt + GRACE_MS;
      if (!isAway) outage = undefined;
      else {
        if (outage?.at !== moodAt) outage = { at: moodAt, hosts: new Set(), requests: 0 };
        outage.hosts.add(host);
        outage.requests++;
        checkOutage();
      }
    },
    claims(host, keys) {
      claimedAt = world.now;
      checkRate();
      checkPauses(host);
      for (const key of keys) recent.push({ host, key, at: world.now, isPutOff: false });
    },
    putOff(host, key) {
      const claim = claimOf(host, key);
      if (claim) claim.isPutOff = true;
    },
    opened(host, key) {
      const claim = claimOf(host, key);
      if (paused?.reason !== 'resumed' || !claim || claim.at < paused.at) return;
      // from its end, which a success may tell later
      const sinceMs = world.now - Math.min(paused.at, paused.untilAt);
      startedSinceResumed++;
      if (sinceMs < 4_500 && startedSinceResumed > 8 + processes && !isExcused(paused.at)) {
        world.violate('a slow start', `${name} starts ${startedSinceResumed} within ${sinceMs} ms of a pause`);
      }
    },
    pauses(host, pause) {
      const leftMs = pause.until - host.clock.now();
      if (pause.reason === 'resumed') startedSinceResumed = 0;
      idleAt = world.now;
      if (pause.isForced) namedUntilAt = 0; // `resume(lane)` ends whatever holds the lane
      paused = { reason: pause.reason, at: world.now, untilAt: world.now + leftMs };
      if (pause.reason === 'deaths') world.count('held for deaths');
      disturbedAt = world.now;
    },
    named(forMs) {
      // What excuses a pause that is forgotten is of the time when that one was named, not a shorter one since.
      if (world.now + forMs < namedUntilAt) return;
      namedAt = world.now;
      namedUntilAt = world.now + forMs;
    },
    endedWrongly(host) {
      const most = 20 + concurrency + 5;
      const count = (wronglyEnded.get(host) ?? 0) + 1;
      wronglyEnded.set(host, count);
      if (count > most)
        world.violate('the brake on deaths', `${host.name} ends ${count} of ${name}, more than ${most}`);
    },
    disturbedAt: () => disturbedAt,
    look(scene) {
      void checkIdle(scene);
      const { providerOf, keys } = scene;
      provider ??= keys.map(providerOf).find((one) => one.facts === facts);
      if (!provider) return;
      if (provider.mood !== 'up') disturbedAt = world.now;
      disturbedAt = Math.max(disturbedAt, provider.moodAt); // it may have been away between two looks
      if (provider.mood !== 'deaf') wronglyEnded.clear();
      if (paused && paused.reason !== 'resumed') disturbedAt = world.now;
    },
  };
}
