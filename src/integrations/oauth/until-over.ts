import type { ErrandHost } from '../../manager/errand-host.js';

/** How often is looked whether work is dead by the clock. */
const LOOK_MS = 5_000;

/**
 * Waits until work has settled, or calls `dead` once it is dead by the clock; never rejects.
 *
 * Whose work was cut off has taken its timers along: whoever waits looks for himself.
 */
export function untilOver(
  host: Pick<ErrandHost, 'settings' | 'isAlive'>,
  work: Promise<unknown>,
  aliveAt: () => number,
  dead: () => void,
): Promise<void> {
  return new Promise((resolve) => {
    let cancel = (): void => undefined;
    const settle = () => {
      cancel();
      resolve();
    };
    const look = () => {
      if (host.isAlive(aliveAt())) {
        cancel = host.settings.platform.clock.after(LOOK_MS, look);
        return;
      }
      dead();
      resolve();
    };
    look();
    work.then(settle, settle);
  });
}
