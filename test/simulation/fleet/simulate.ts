import type { Outcome } from '../simulate.js';
import { playSteps } from '../world-base.js';
import { type Checks, createChecks, type Scene } from './checks.js';
import { createCustomers } from './customers.js';
import { createDisturbances } from './disturbances.js';
import { createFleetProcess, createSharedChannel, type FleetProcess, laneOf } from './fleet-process.js';
import { createHost, type Host } from './host.js';
import { createLeaseLocks } from './lease-locks.js';
import { createProvider, type Provider } from './provider.js';
import { createSharedIndex, createSharedStore } from './shared-stores.js';
import { createSimWorld, type SimWorld } from './sim-world.js';

/** So long everything goes wrong. */
const TROUBLE_MS = 200_000;
/** Then nothing does any more, at least so long, and at most until everything is as it has to be. */
const CALM_MS = 70_000;
const LONGEST_CALM_MS = 560_000;
const SWEEP_MS = 5_000;
/** More steps than any seed takes: something runs in circles. */
const MOST_STEPS = 400_000;

interface Play {
  readonly checks: Checks;
  readonly providers: readonly Provider[];
  isOver: boolean;
}

/** Runs one seed of the fleet to its end, or to the first sentence that does not hold. Nothing in it depends on anything but the seed. */
export function simulate(seed: number, lines?: string[], theme?: string): Promise<Outcome> {
  const world = createSimWorld(seed, lines, theme);
  const play = build(world);
  const { checks, providers } = play;
  const outcome = (steps: number): Outcome => ({
    seed,
    violations: world.violations,
    faults: world.faults,
    steps,
    requests: providers.reduce((sum, { requests }) => sum + requests, 0),
    requestsPerHour: 0,
    longestMs: checks.longestReliefMs,
    simulatedMs: world.now,
  });
  return playSteps(world, MOST_STEPS, { isOver: () => play.isOver }, outcome);
}

function build(world: SimWorld): Play {
  const { circumstances, random } = world;
  const { lanes, processes, sessions } = circumstances;
  const keys = Array.from({ length: sessions }, (_, index) => `${lanes[index % lanes.length]?.name}/c${index}`);
  const hosts: Host[] = [];
  const fleets: FleetProcess[] = [];
  const checks = createChecks(() => scene, world);
  const providers = lanes.map((facts) => createProvider(world, facts, checks));
  const locks = createLeaseLocks(world);
  const scene: Scene = {
    world,
    locks,
    index: createSharedIndex(world, checks),
    store: createSharedStore(world, checks),
    hosts,
    keys,
    providerOf: (key) => providers.find(({ facts }) => facts.name === laneOf(key)) as Provider,
  };
  const channel = createSharedChannel(world);
  const alive = () => fleets.filter(({ host }) => !host.isDead && !host.isEnding);

  function open(name: string, isSafe: boolean): FleetProcess {
    const host = createHost(world, name, isSafe);
    hosts.push(host);
    host.onDeath = () => {
      locks.silenced(host);
      if (!isSafe) checks.died(host);
      const waitMs = world.isCalm ? 200 : random.pick([200, 3_000, 20_000]);
      world.schedule(waitMs, () => alive().length < processes && start());
    };
    return createFleetProcess(scene, checks, channel, host);
  }

  function start(): void {
    const one = open(`p${fleets.length + 1}`, false);
    one.host.offsetMs = random.between(-300, 300);
    world.trace(() => `${one.host.name} starts`);
    fleets.push(one);
    void one.fleet.run();
  }

  const web = open('web', true);
  void web.fleet.run({ feed: false, work: false });
  for (let count = 0; count < processes; count++) start();
  const customers = createCustomers(scene, checks, web, alive, providers);
  const reindex = () => web.fleet.reindex(keys);
  const disturbances = createDisturbances(scene, checks, providers, alive, start, reindex);
  customers.begin();
  world.schedule(3_000, disturbances.begin);
  world.schedule(TROUBLE_MS, disturbances.end);
  const play: Play = { checks, providers, isOver: false };
  const sweep = () => {
    checks.sweep();
    world.schedule(SWEEP_MS, sweep);
    if (world.now < TROUBLE_MS + CALM_MS) return;
    void checks.faults().then((faults) => {
      const isLate = world.now >= TROUBLE_MS + LONGEST_CALM_MS;
      if (isLate) for (const { invariant, detail } of faults) world.violate(invariant, detail);
      play.isOver = isLate || faults.length === 0;
    });
  };
  world.schedule(SWEEP_MS, sweep);
  return play;
}
