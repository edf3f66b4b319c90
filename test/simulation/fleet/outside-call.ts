import type { Host } from './host.js';
import type { SimWorld } from './sim-world.js';

/** What a dead process waits for. */
function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}

/**
 * A call of a process to something outside it: it may be slow, be refused, be done although it is refused, and be the
 * last thing that the process does, just before it or just after it.
 */
export function outsideCall<T>(
  world: SimWorld,
  host: Host,
  what: string,
  isDown: boolean,
  apply: () => T | PromiseLike<T>,
): Promise<T> {
  const { random, circumstances } = world;
  if (host.isDead) return never();
  const mayDie = circumstances.hasCrashes && !host.isSafe;
  const mayFail = circumstances.hasFaults && !host.isSafe;
  if (mayDie && world.fails(`dies before ${what}`, 0.0002)) {
    host.die();
    return never();
  }
  const isRefused = !host.isSafe && (isDown || (mayFail && world.fails(`${what} refused`, 0.002)));
  const isDoneAllTheSame = isRefused && !isDown && random.chance(0.4);
  if (isRefused) world.disturb('fault');
  const run = async (): Promise<T> => {
    if (!isRefused) return apply();
    if (isDoneAllTheSame) await apply();
    throw new Error(`${what} refused`);
  };
  const dies = mayDie && world.fails(`dies after ${what}`, 0.0002);
  const isSlow = mayFail && world.fails(`slow ${what}`, 0.003);
  if (isSlow) world.disturb('fault');
  const delayMs = isSlow ? random.wait(700) : random.chance(0.15) ? random.between(1, 6) : 0;
  if (delayMs === 0) {
    const outcome = run();
    if (!dies) return outcome;
    void outcome.catch(() => undefined);
    host.die();
    return never();
  }
  return new Promise((resolve, reject) => {
    world.schedule(delayMs / 2, () => {
      if (host.isDead && random.chance(0.5)) return; // its message did not get so far
      const settle = (settled: () => void) =>
        host.deliver(delayMs / 2, () => {
          if (dies) host.die();
          else settled();
        });
      run().then(
        (value) => settle(() => resolve(value)),
        (error: unknown) => settle(() => reject(error)),
      );
    });
  });
}
