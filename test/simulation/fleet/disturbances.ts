import type { Checks, Scene } from './checks.js';
import type { FleetProcess } from './fleet-process.js';
import type { Mood, Provider } from './provider.js';

/** What goes wrong by itself, until it is calm. */
export interface Disturbances {
  begin(): void;
  /** Ends all of it. */
  end(): void;
}

/** `stop() takes 15 s at most`, and what it meets takes a moment. */
const STOP_MS = 15_500;
const BOUND_MS = 14_400;

export function createDisturbances(
  scene: Scene,
  checks: Checks,
  providers: readonly Provider[],
  alive: () => readonly FleetProcess[],
  start: () => void,
  reindex: () => Promise<unknown>,
): Disturbances {
  const { world, index, store, locks } = scene;
  const { random, circumstances } = world;
  const { trouble, hasCrashes, hasFaults, hasJumps } = circumstances;

  /** Again and again, as often as the trouble is great. */
  function often(meanMs: number, run: () => void): void {
    if (trouble === 0) return;
    world.schedule(random.wait(meanMs / trouble), () => {
      if (world.isCalm) return;
      run();
      often(meanMs, run);
    });
  }

  function changeMood(provider: Provider): void {
    const [busy, deaf] = circumstances.theme === 'crowd' ? [6, 3] : [3, 1];
    const drawn: Mood = random.weigh({ down: 4, silent: 2, busy, misconfigured: 1, deaf });
    const mood: Mood = circumstances.theme === 'overload' ? 'overloaded' : drawn;
    if (provider.mood !== 'up') return;
    provider.turn(mood);
    world.count(`provider ${mood}`);
    world.trace(() => `${provider.facts.name} is ${mood}`);
    world.schedule(random.pick([3_000, 15_000, 60_000, 120_000]) * (0.5 + random.next()), () => {
      provider.turn('up');
      world.trace(() => `${provider.facts.name} is up`);
    });
  }

  function someone(run: (process: FleetProcess) => void): void {
    const living = alive();
    if (living.length > 0) run(random.pick(living));
  }

  function die({ host }: FleetProcess): void {
    world.count('killed');
    host.die();
  }

  function freeze({ host }: FleetProcess): void {
    world.count('frozen');
    host.freeze();
    locks.silenced(host);
    world.schedule(random.pick([800, 4_000, 15_000]) * (0.5 + random.next()), host.thaw);
  }

  /** As SIGTERM does. */
  function stop({ host, fleet }: FleetProcess): void {
    if (host.isEnding) return;
    host.isEnding = true;
    world.count('stopped');
    world.disturb('crash');
    world.trace(() => `${host.name} is told to end`);
    const startedAt = world.now;
    const isExcused = () => host.isDead || host.isFrozen || host.thawedAt >= startedAt;
    let isOver = false;
    void fleet.stop().then(() => {
      isOver = true;
      if (host.isDead) return;
      world.trace(() => `${host.name} has ended`);
      // at its bound, something may still be under way
      if (!isExcused() && world.now < startedAt + BOUND_MS) checks.stopped(host);
      host.die();
    });
    world.schedule(STOP_MS, () => {
      if (!isOver && !isExcused()) world.violate('stop() ends', `${host.name} still runs after ${STOP_MS} ms`);
      if (!isOver) host.die();
    });
  }

  function jump({ host }: FleetProcess): void {
    const far = random.weigh({ seconds: 2, minutes: 3, hours: 1 });
    const byMs = { seconds: 20_000, minutes: 1_500_000, hours: 5_400_000 }[far] * (random.next() - 0.5) * 2;
    world.count('clock set');
    world.disturb('jump');
    world.trace(() => `the clock of ${host.name} is set by ${Math.round(byMs)} ms`);
    host.offsetMs += Math.round(byMs);
    world.schedule(random.wait(60_000), () => {
      world.disturb('jump');
      world.trace(() => `the clock of ${host.name} is right again`);
      host.offsetMs = 0;
    });
  }

  function down(what: { isDown: boolean }, name: string): void {
    world.count(`${name} down`);
    world.trace(() => `${name} is down`);
    world.disturb('fault');
    what.isDown = true;
    world.schedule(random.between(300, 7_000), () => {
      world.trace(() => `${name} is back`);
      world.disturb('fault');
      what.isDown = false;
    });
  }

  function wipe(): void {
    world.count('index wiped');
    world.trace(() => 'the index is wiped');
    index.wipe();
    checks.wiped();
    world.schedule(random.between(1_000, 5_000), () => {
      checks.wiped();
      void reindex();
    });
  }

  return {
    begin() {
      if (circumstances.theme === 'stops') return often(20_000, () => someone(stop));
      if (hasCrashes) often(90_000, () => someone(die));
      if (circumstances.theme === 'kills') return;
      for (const provider of providers) often(70_000, () => changeMood(provider));
      if (hasCrashes) {
        often(120_000, () => someone(freeze));
        often(120_000, () => someone(stop));
      }
      if (hasJumps) often(90_000, () => someone(jump));
      if (hasFaults) {
        often(150_000, () => down(index, 'index'));
        often(200_000, () => down(store, 'store'));
        often(300_000, () => down(locks, 'locks'));
        often(600_000, wipe);
      }
    },
    end() {
      world.isCalm = true;
      world.trace(() => '=== calm');
      for (const provider of providers) provider.turn('up');
      for (const shared of [index, store, locks]) shared.isDown = false;
      for (const { host } of alive()) {
        host.thaw();
        if (Math.abs(host.offsetMs) > 1_000) world.disturb('jump');
        host.offsetMs = 0;
      }
      if (alive().length === 0) start();
    },
  };
}
