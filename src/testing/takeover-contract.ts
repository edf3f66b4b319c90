import type { Lock } from '../ports/lock.js';
import { later, type Promises, same, sleep, turns, until } from './contract.js';
import { type Holder, hold, type LockUnderTest, never, secondOf } from './lock-holder.js';

/** The most by which two clocks of one machine may differ through rounding. */
const ROUNDING_MS = 2;

/** The checks of a lock that takes over from a holder that is past `holdMs`. */
export function takeover(holdMs: number, shared: boolean): Promises<LockUnderTest> {
  const other = (subject: LockUnderTest): Lock => (shared ? secondOf(subject) : subject.lock);
  const freeze = async ({ lock }: LockUnderTest, key: string): Promise<Holder> => {
    const holder = hold(lock, key, never(), { holdMs });
    await holder.granted;
    return holder;
  };
  const thaw = async (holder: Holder) => {
    holder.release();
    same(await holder.done, 'held', 'the result of the late holder');
  };
  return {
    'takes the lock from a holder that is past holdMs, and not before': async (subject, key) => {
      const time = stopwatch(subject, holdMs * 20); // before the grant, or a machine that is busy then makes it look early
      const holder = await freeze(subject, key);
      let takenMs = 0;
      const take = async () => {
        takenMs = time.elapsedMs();
      };
      const taking = later(other(subject).run(key, never(), take));
      await time.passUntil(() => takenMs > 0);
      await taking;
      if (takenMs < holdMs - ROUNDING_MS)
        throw new Error(`Expected the lock to be held ${holdMs} ms, got ${takenMs} ms.`);
      await thaw(holder);
    },
    'tells the holder that it has lost the lock': async (subject, key) => {
      const holder = await freeze(subject, key);
      const lease = await holder.granted;
      const taking = later(other(subject).run(key, never(), async () => undefined));
      await stopwatch(subject, holdMs * 20).passUntil(() => lease.signal.aborted);
      await taking;
      await thaw(holder);
    },
    'lets waiters take over one at a time': async (subject, key) => {
      const holder = await freeze(subject, key);
      let inside = 0;
      let done = 0;
      const tasks = Array.from({ length: 4 }, (_, index) =>
        (index % 2 > 0 ? other(subject) : subject.lock).run(key, never(), async () => {
          same(++inside, 1, 'how many of those who waited are inside at once');
          await sleep(5);
          inside--;
          done++;
        }),
      );
      await Promise.all([Promise.all(tasks), stopwatch(subject, holdMs * 20).passUntil(() => done === tasks.length)]);
      await thaw(holder);
    },
    'does not let the end of a late holder release the lock of its successor': async (subject, key) => {
      const holder = await freeze(subject, key);
      const successor = hold(other(subject), key, never(), { holdMs: 60_000 });
      let granted = false;
      void successor.granted.then(() => {
        granted = true;
      });
      await stopwatch(subject, holdMs * 20).passUntil(() => granted);
      await thaw(holder);
      const third = later(subject.lock.run(key, never(), async () => successor.released));
      await sleep(20);
      successor.release();
      same(await third, true, 'whether the successor had released when the next one was let in:');
      await successor.done;
    },
  };
}

/** Counts the time of the lock: real, or made to pass by the factory. */
function stopwatch(
  { elapse }: LockUnderTest,
  limitMs: number,
): {
  elapsedMs: () => number;
  passUntil: (condition: () => boolean) => Promise<void>;
} {
  const startedAt = performance.now();
  let passedMs = 0;
  return {
    elapsedMs: () => (elapse ? passedMs : performance.now() - startedAt),
    passUntil: async (condition) => {
      if (!elapse) return until(condition);
      while (!condition()) {
        if (passedMs > limitMs) throw new Error(`Expected the lock to be taken over within ${limitMs} ms.`);
        passedMs += 1; // counted before, so that a task that runs in this millisecond sees it as elapsed
        await elapse(1);
        await turns(1);
      }
    },
  };
}
