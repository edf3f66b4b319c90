import type { Clock } from '../../../src/ports/clock.js';
import type { SimWorld } from './sim-world.js';

/** A process: it has a clock of its own, can freeze, and can die at any moment. */
export interface Host {
  readonly name: string;
  readonly startedAt: number;
  isDead: boolean;
  isFrozen: boolean;
  /** It was told to end, and begins nothing more. */
  isEnding: boolean;
  thawedAt: number;
  /** How far its clock is ahead, in milliseconds. */
  offsetMs: number;
  /** Nothing happens to it: the customers' side. */
  readonly isSafe: boolean;
  /** Runs something inside this process, after a delay: later when it is frozen, never when it is dead. */
  deliver(delayMs: number, run: () => void): () => void;
  freeze(): void;
  thaw(): void;
  /** Called when it has died. */
  onDeath: (() => void) | undefined;
  die(): void;
  readonly clock: Clock;
  /** Timers that would keep the process alive. */
  keepAlive: number;
}

export function createHost(world: SimWorld, name: string, isSafe: boolean): Host {
  const backlog: (() => void)[] = [];

  function enter(run: () => void): void {
    if (host.isDead) return;
    if (host.isFrozen) backlog.push(run);
    else run();
  }

  const host: Host = {
    name,
    startedAt: world.now,
    isDead: false,
    isFrozen: false,
    isEnding: false,
    thawedAt: Number.NEGATIVE_INFINITY,
    offsetMs: 0,
    isSafe,
    deliver(delayMs, run) {
      let isCancelled = false;
      const guarded = () => {
        if (!isCancelled) run();
      };
      const happening = world.schedule(delayMs, () => enter(guarded));
      return () => {
        isCancelled = true;
        happening.run = undefined;
      };
    },
    freeze() {
      world.disturb('crash');
      world.trace(() => `${name} freezes`);
      host.isFrozen = true;
    },
    thaw() {
      if (!host.isFrozen || host.isDead) return;
      world.disturb('crash');
      world.trace(() => `${name} thaws, ${backlog.length} waiting`);
      host.isFrozen = false;
      host.thawedAt = world.now;
      for (const run of backlog.splice(0)) world.schedule(0, () => enter(run));
    },
    onDeath: undefined,
    die() {
      if (host.isDead) return;
      world.disturb('crash');
      world.trace(() => `${name} dies`);
      host.isDead = true;
      host.isFrozen = false;
      host.onDeath?.();
    },
    clock: {
      now: () => world.wall() + host.offsetMs,
      after(delayMs, task, options) {
        if (host.isDead) return () => undefined;
        const weight = options?.keepAlive ? 1 : 0;
        host.keepAlive += weight;
        let isOver = false;
        const over = () => {
          if (!isOver) host.keepAlive -= weight;
          isOver = true;
        };
        const cancel = host.deliver(delayMs, () => {
          over();
          task();
        });
        return () => {
          over();
          cancel();
        };
      },
    },
    keepAlive: 0,
  };
  return host;
}
