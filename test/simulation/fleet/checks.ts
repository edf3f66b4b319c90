import type { LanePause } from '../../../src/core/lane.js';
import type { Violation } from '../world-base.js';
import type { Host } from './host.js';
import { createLaneWatch, type LaneWatch } from './lane-watch.js';
import type { Holding, LeaseLocks } from './lease-locks.js';
import type { Family, Presentation, Provider, ProviderWatch } from './provider.js';
import type { IndexWatch, SharedIndex, SharedStore, StoreWatch } from './shared-stores.js';
import type { LaneFacts, SimWorld } from './sim-world.js';

/** Sees everything, and knows what must not be. */
export interface Checks extends ProviderWatch, IndexWatch, StoreWatch {
  /** A worker begins with a session. */
  opened(host: Host, key: string): void;
  /** A customer's request uses a session. */
  used(key: string): void;
  /** That request is answered, or given up. */
  usedUntilNow(key: string): void;
  /** Such a request was served a token of this grant. */
  served(host: Host, key: string, family: Family, askedAt: number): void;
  /** Somebody asks for a refresh by name. */
  asked(key: string): void;
  signedIn(key: string): void;
  /** A customer begins to sign out; nobody is surprised any more if the session goes. */
  leaves(key: string): void;
  /** The sign-out is done. */
  left(key: string): void;
  acknowledged(keys: readonly string[]): void;
  /** The index has forgotten everything. */
  wiped(): void;
  died(host: Host): void;
  stopped(host: Host): void;
  sweep(): void;
  /** What is not as it has to be once nothing has gone wrong for a while. */
  faults(): Promise<readonly Violation[]>;
  longestReliefMs: number;
}

/** What is checked. */
export interface Scene {
  readonly world: SimWorld;
  readonly locks: LeaseLocks;
  readonly index: SharedIndex;
  readonly store: SharedStore;
  readonly hosts: readonly Host[];
  providerOf(key: string): Provider;
  readonly keys: readonly string[];
}

interface Customer {
  readonly facts: LaneFacts;
  startedAt: number;
  uses: number[];
  /** When the session was used last, or one before it. */
  lastUseAt: number;
  askedAt: number;
  isLeaving: boolean;
  /** Its grants that it has left, and when. */
  readonly left: Map<Family, number>;
  stored:
    | {
        readonly family: Family;
        readonly index: number;
        readonly at: number;
        readonly isMarked: boolean;
        readonly wasMarked: boolean;
        /** How wrong the clock was that says when these tokens were got. */
        readonly issuedSkewMs: number;
      }
    | undefined;
  presentations: (Presentation & { readonly holding: Holding | undefined })[];
  /** What its provider has ended, until it is acknowledged. */
  mustBeListedSince: number | undefined;
  /** How wrong the clocks were that wrote its record and its entry last. */
  recordSkewMs: number;
  entrySkewMs: number;
  /** How far ahead the clocks were that noted its uses. */
  notedAheadMs: number;
  claimedBy: Host | undefined;
  claimedEntryAt: number;
  /** Claims that were not put off, whose jobs have not begun. */
  handedOut: { readonly host: Host; readonly at: number }[];
  /** The job that began last, and when it was claimed. */
  job: { readonly host: Host; readonly at: number } | undefined;
}

/** What a process that died had begun. */
interface Debt {
  readonly key: string;
  readonly presentation: Presentation;
  readonly diedAt: number;
}

const LATE_MS = 1_500;
/** So much later than it was a use may be noted, after a call that took long. */
const NOTED_MS = 25_000;
/** So long a job may wait for those before it, while the provider is silent. */
const QUEUED_MS = 60_000;
/** So long after a disturbance a lane is as it should be again: the longest wait of a session, and the rate's growth. */
const RECOVERY_MS = 100_000;

export function createChecks(scene: () => Scene, world: SimWorld): Checks {
  const customers = new Map<string, Customer>();
  const watches = new Map(world.circumstances.lanes.map((facts) => [facts.name, createLaneWatch(world, facts)]));
  let debts: Debt[] = [];
  let wipedAt = Number.NEGATIVE_INFINITY;

  function customer(key: string): Customer {
    const known = customers.get(key);
    if (known) return known;
    const fresh: Customer = {
      facts: scene().providerOf(key).facts,
      startedAt: world.now,
      uses: [],
      lastUseAt: Number.NEGATIVE_INFINITY,
      askedAt: Number.NEGATIVE_INFINITY,
      isLeaving: false,
      left: new Map(),
      stored: undefined,
      presentations: [],
      mustBeListedSince: undefined,
      recordSkewMs: 0,
      entrySkewMs: 0,
      notedAheadMs: 0,
      claimedBy: undefined,
      claimedEntryAt: 0,
      handedOut: [],
      job: undefined,
    };
    customers.set(key, fresh);
    return fresh;
  }

  const watchOf = (lane: string) => watches.get(lane) as LaneWatch;
  const isSince = (at: number, ...kinds: ('fault' | 'crash' | 'jump')[]) =>
    kinds.some((kind) => world.lastAt(kind) >= at);
  const isAway = (host: Host) => host.isDead || host.isFrozen || host.thawedAt > world.now - 5_000;

  function checkOrder(one: Customer, now: Customer['presentations'][0]): void {
    const { host, family, index, holding } = now;
    const name = `${host.name} presents ${family.name}-${index}`;
    const leftAt = one.left.get(family);
    if (leftAt !== undefined && world.now > leftAt + 1_000 && !isAway(host)) {
      world.violate('sign-out wins', `${name}, ${world.now - leftAt} ms after the sign-out`);
    }
    const hasLock = holding !== undefined && !holding.isLost;
    if (one.stored?.family === family && index < one.stored.index && hasLock) {
      world.violate('answered refresh token', `${name}, but a later one is stored`);
    }
    const overlap = one.presentations.find(
      (other) =>
        other.family === family &&
        !other.isHeard &&
        !other.isOver &&
        !isAway(other.host) &&
        other.holding?.isLost === false,
    );
    // whoever signs out lets go of a request at once
    if (overlap && hasLock && !one.isLeaving) world.violate('one at a time', `${name} while ${overlap.host.name} does`);
  }

  /** What a worker asks for has to be due: not before its share of the lifetime, and not for a session that nobody uses. */
  function checkDue(one: Customer, { family, index, isWorker, host }: Presentation): void {
    const isFirst = !one.presentations.some((other) => other.family === family && other.index === index);
    const { askedAt } = family;
    const isExcused =
      isSince(askedAt - 60_000, 'jump') || isSince(askedAt, 'crash') || one.askedAt >= askedAt || one.stored?.wasMarked;
    if (!isWorker || !isFirst || isExcused || one.stored?.family !== family || one.stored.index !== index) return;
    const { from, lifetimeMs, hotForMs, keepAliveMs, refreshLifetimeMs = Number.POSITIVE_INFINITY } = one.facts;
    const name = `${host.name} presents ${family.name}-${index}, ${world.now - askedAt} ms after it was got`;
    // The record is as old as the clock that wrote it and the clock of the reader say, and nobody can know better.
    const ageMs = world.now + host.offsetMs - askedAt - one.stored.issuedSkewMs;
    if (ageMs < from * lifetimeMs - LATE_MS) world.violate('not before it is due', name);
    // uses that are close together are noted as of the last of them, which may be after the next sign-in
    // a use noted by a clock that was set back before it was written counts from when it is
    const notedMs = isSince(one.lastUseAt, 'jump') ? 85_000 : NOTED_MS;
    const coldFrom = Math.max(one.startedAt, one.lastUseAt + notedMs) + hotForMs + one.notedAheadMs + 5_000;
    // a job is a key: who was in use when it was handed out is refreshed when its turn comes
    const handedAt = one.job?.host === host ? Math.max(one.job.at, world.now - QUEUED_MS) : world.now;
    const spanMs = Math.min(keepAliveMs, 0.9 * refreshLifetimeMs);
    // an index that was away when the token came still says when the one before it has to be refreshed
    const isStale = isSince(askedAt, 'fault');
    if (handedAt > coldFrom && ageMs < spanMs - LATE_MS && wipedAt < one.startedAt && !isStale) {
      world.violate('unused sessions cost little', name);
    }
  }

  /** By those who see everything, used within the last span in which that has to count. */
  function isHot({ facts: { hotForMs }, startedAt, uses }: Customer): boolean {
    if (world.now < startedAt + hotForMs - 5_000) return true;
    return uses.some((at) => at > world.now - hotForMs + 5_000 && at < world.now - 80_000);
  }

  function checkLate(key: string, one: Customer): void {
    const family = one.stored?.family;
    if (!family?.isAlive || one.isLeaving || !isHot(one) || isTooMuch(one.facts)) return;
    const lateMs = world.now - family.askedAt - one.facts.lifetimeMs;
    if (lateMs > LATE_MS) world.violate('no session in use expires', `${key} expired ${lateMs} ms ago`);
  }

  /** More sessions than the lane's rate suffices for, if all of them come up at once. */
  function isTooMuch({ name, perSecond, concurrency, answerMs, until, lifetimeMs }: LaneFacts): boolean {
    const most = Math.min(perSecond, (1_000 * concurrency) / answerMs);
    const count = scene().keys.filter((key) => scene().providerOf(key).facts.name === name).length;
    return count > (0.8 * most * ((1 - until) * lifetimeMs)) / 1_000;
  }

  function checkDebt({ key, presentation, diedAt }: Debt): boolean {
    const one = customer(key);
    const { family, index } = presentation;
    const reliever = one.presentations.find((other) => other.family === family && other.at > diedAt);
    if (reliever) {
      if (!isSince(diedAt + 1, 'crash', 'fault', 'jump'))
        checks.longestReliefMs = Math.max(checks.longestReliefMs, reliever.at - diedAt);
      return false;
    }
    const watch = watchOf(one.facts.name);
    const isOther =
      isSince(diedAt + 1, 'crash', 'jump') || isSince(diedAt - 3_000, 'fault') || watch.disturbedAt() > diedAt - 5_000;
    const isGone = one.isLeaving || !family.isAlive || one.stored?.family !== family || one.stored.index !== index;
    if (isOther || isGone || isSince(diedAt - 600_000, 'jump')) return false;
    const boundMs = one.facts.takeoverMs + 2 * world.circumstances.leaseMs + 4_000;
    if (world.now < diedAt + boundMs) return true;
    world.violate(
      'relief',
      `${key}, which ${presentation.host.name} had begun when it died ${world.now - diedAt} ms ago`,
    );
    return false;
  }

  const checks: Checks = {
    longestReliefMs: 0,
    presents(presentation) {
      const { family, host } = presentation;
      const one = customer(family.key);
      const holding = scene().locks.holdingOf(`evertoken:${family.key}`, host);
      const full = Object.assign(presentation, { holding });
      checkOrder(one, full);
      checkDue(one, presentation);
      if (presentation.isWorker) watchOf(one.facts.name).asks(host, scene().providerOf(family.key));
      one.presentations = [...one.presentations.slice(-12), full];
    },
    answered(presentation, _, retryAfterS) {
      const { family } = presentation;
      if (retryAfterS !== undefined) watchOf(customer(family.key).facts.name).named(retryAfterS * 1_000);
    },
    reused({ family, index, host }) {
      const before = customer(family.key).presentations.find(
        (other) => other.isGranted && other.family === family && other.index === index,
      );
      if (!before?.isHeard || before.host.isDead || isSince(before.at, 'fault', 'crash')) return;
      world.violate(
        'nobody is lost',
        `${host.name} presents ${family.name}-${index} again, which ${before.host.name} had an answer to`,
      );
    },
    claims(host, lane, entries) {
      const feeder = `evertoken:fleet:${lane}`;
      const isFeeder = scene().locks.holdingOf(feeder, host) || scene().locks.lostAt(feeder, host) > world.now - 5_000;
      if (!isFeeder && !isAway(host)) world.violate('one process feeds a lane', `${host.name} claims in ${lane}`);
      watchOf(lane)?.claims(
        host,
        entries.map(({ key }) => key),
      );
      for (const { key, at } of entries) {
        Object.assign(customer(key), { claimedBy: host, claimedEntryAt: at });
        customer(key).handedOut.push({ host, at: world.now });
      }
    },
    puts(host, key) {
      const one = customer(key);
      one.entrySkewMs = host.offsetMs;
      if (one.claimedBy !== host) return;
      one.claimedBy = undefined;
      one.handedOut.pop();
      watchOf(one.facts.name).putOff(host, key);
    },
    touches(host, keys) {
      for (const key of keys) customer(key).notedAheadMs = Math.max(customer(key).notedAheadMs, host.offsetMs);
    },
    pauses(host, lane, pause: LanePause) {
      watches.get(lane)?.pauses(host, pause);
    },
    opened(host, key) {
      const one = customer(key);
      if (one.claimedBy === host) one.claimedBy = undefined;
      one.job = one.handedOut.find((claim) => claim.host === host) ?? { host, at: world.now };
      one.handedOut = one.handedOut.filter((claim) => claim.host !== host);
      watchOf(one.facts.name).opened(host, key);
    },
    stored(host, name, text) {
      const key = name.slice('evertoken:'.length);
      if (!scene().keys.includes(key)) return;
      const { refreshToken = '', unanswered } = JSON.parse(text) as { refreshToken?: string; unanswered?: boolean };
      const [, family = '', index] = refreshToken.split('-');
      const found = scene().providerOf(key).named(family);
      const one = customer(key);
      if (!found) return void world.violate('own tokens', `${host.name} stores no token of ${key}`);
      if (one.left.has(found)) world.violate('sign-out wins', `${host.name} stores ${family}, which was signed out`);
      if (found.key !== key) world.violate('own tokens', `${host.name} stores a token of ${found.key} for ${key}`);
      one.recordSkewMs = host.offsetMs;
      const same = one.stored?.family === found && one.stored.index === Number(index) ? one.stored : undefined;
      one.stored = {
        family: found,
        index: Number(index),
        at: world.now,
        isMarked: unanswered === true,
        wasMarked: same?.isMarked === true,
        issuedSkewMs: same?.issuedSkewMs ?? host.offsetMs,
      };
    },
    removed(host, name, before) {
      const key = name.slice('evertoken:'.length);
      if (before === undefined || !scene().keys.includes(key)) return;
      const one = customer(key);
      const { family, wasMarked } = one.stored ?? {};
      one.stored = undefined;
      if (one.isLeaving || !family) return;
      world.trace(() => `${host.name} ends ${key}`);
      if (family.toldDeadAt === undefined)
        world.violate('nobody is ended', `${host.name} ends ${key}, whose provider has not said so`);
      // what was begun before, and not answered, is told as lost, which says nothing about the provider
      if (family.isAlive && !wasMarked) watchOf(one.facts.name).endedWrongly(host);
      one.mustBeListedSince = world.now;
    },
    used(key) {
      world.trace(() => `${key} is used`);
      customer(key).uses.push(world.now);
      customer(key).lastUseAt = world.now;
    },
    usedUntilNow(key) {
      customer(key).lastUseAt = world.now;
    },
    served(host, key, family, askedAt) {
      const leftAt = customer(key).left.get(family);
      if (leftAt === undefined || askedAt < leftAt + 1_000 || isAway(host) || isSince(askedAt - 1_000, 'fault', 'jump'))
        return;
      world.violate('sign-out wins', `${host.name} serves ${family.name}, ${askedAt - leftAt} ms after the sign-out`);
    },
    asked(key) {
      customer(key).askedAt = world.now;
    },
    signedIn(key) {
      Object.assign(customer(key), { startedAt: world.now, uses: [], isLeaving: false, mustBeListedSince: undefined });
    },
    leaves(key) {
      customer(key).isLeaving = true;
      customer(key).mustBeListedSince = undefined;
    },
    left(key) {
      const family = scene().providerOf(key).familyOf(key);
      if (family) customer(key).left.set(family, world.now);
    },
    acknowledged(keys) {
      for (const key of keys) customer(key).mustBeListedSince = undefined;
    },
    wiped() {
      wipedAt = world.now;
      for (const one of customers.values()) one.mustBeListedSince = undefined;
    },
    died(host) {
      const others = scene().hosts.filter(
        (other) => other !== host && !other.isSafe && !other.isDead && !other.isFrozen && !other.isEnding,
      );
      if (others.length === 0) return;
      for (const [key, one] of customers) {
        const begun = one.presentations.find((other) => other.host === host && !other.isHeard && !other.isOver);
        if (begun && one.stored?.isMarked) debts.push({ key, presentation: begun, diedAt: world.now });
        if (one.claimedBy === host) one.claimedBy = undefined;
      }
    },
    stopped(host) {
      if (host.keepAlive > 0) world.violate('nothing is left', `${host.keepAlive} timers keep ${host.name} alive`);
      if (isSince(world.now - 20_000, 'fault', 'jump')) return;
      for (const [key, one] of customers) {
        if (one.claimedBy === host)
          world.violate('claims go back', `${host.name} keeps ${key}, which it has not begun`);
      }
    },
    sweep() {
      debts = debts.filter(checkDebt);
      for (const watch of watches.values()) watch.look(scene());
      if (isSince(world.now - 2 * RECOVERY_MS, 'crash', 'fault') || isSince(0, 'jump')) return;
      for (const [key, one] of customers) {
        if (watchOf(one.facts.name).disturbedAt() < world.now - RECOVERY_MS) checkLate(key, one);
      }
    },
    faults: () => findFaults(scene(), customers, wipedAt),
  };
  return checks;
}

/** What is not yet, or not any more, as records and providers say. */
async function findFaults(
  { world, store, index, keys }: Scene,
  customers: ReadonlyMap<string, Customer>,
  wipedAt: number,
): Promise<Violation[]> {
  const [ended, lanes, ...entries] = await Promise.all([
    index.bare.ended(10_000),
    index.bare.look(),
    ...keys.map((key) => index.bare.get(key)),
  ]);
  const faults: Violation[] = [];
  const complain = (invariant: string, detail: string) => faults.push({ invariant, detail, at: world.now });
  const listed = new Set(ended.map(({ key }) => key));
  for (const { lane, paused } of lanes) {
    if (paused?.reason === 'deaths') complain('lanes go on in the end', `${lane} is held for deaths`);
  }
  for (const [position, key] of keys.entries()) {
    const one = customers.get(key);
    const entry = entries[position];
    const text = store.items.get(`evertoken:${key}`);
    if (!one) continue;
    const { mustBeListedSince: since } = one;
    if (since !== undefined && since > wipedAt && since < world.now - 30_000 && !listed.has(key)) {
      complain('ended sessions are listed', `${key}, which its provider has ended`);
    }
    if (text === undefined) continue;
    if (!entry) {
      complain('no session is forgotten', `${key} has no entry in the index`);
      continue;
    }
    // what a wrong clock has written holds until that moment
    if (Math.max(Math.abs(one.recordSkewMs), Math.abs(one.entrySkewMs)) > 2_000) continue;
    const { expiresAt = 0 } = JSON.parse(text) as { expiresAt?: number };
    // a use in the future was noted by a wrong clock
    const isHot = entry.usedAt <= world.wall() && entry.usedAt + one.facts.hotForMs > world.wall() + 5_000;
    const state = () => `${key} at ${world.wall()}: ${JSON.stringify(entry)}`;
    if (isHot && expiresAt < world.wall() - LATE_MS) complain('fresh in the end', `expired: ${state()}`);
    if (entry.at < world.wall() - 10_000) complain('fresh in the end', `due for long: ${state()}`);
    if (entry.stuck) complain('fresh in the end', `needs attention: ${state()}`);
  }
  return faults;
}
