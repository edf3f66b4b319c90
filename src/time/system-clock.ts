import type { Clock } from '../ports/clock.js';

type Run = <Args extends unknown[], Result>(task: (...args: Args) => Result, ...args: Args) => Result;

/** Globals of Node, Bun, Deno and workers. */
interface Runtime {
  process?: { getBuiltinModule?(id: string): { AsyncLocalStorage?: { snapshot?(): Run } } | undefined };
}

/**
 * The system's time and timers; one without `keepAlive` does not keep Node running.
 *
 * Timers run in the async context in which the clock was made, and keep no other one alive: what a request has put into
 * an `AsyncLocalStorage` is neither seen nor held by a timer that was set during that request.
 */
export function systemClock(): Clock {
  const { process } = globalThis as Runtime;
  const { AsyncLocalStorage } = process?.getBuiltinModule?.('node:async_hooks') ?? {};
  const run: Run = AsyncLocalStorage?.snapshot?.() ?? ((task, ...args) => task(...args));
  return {
    now: () => Date.now(),
    after: (delayMs, task, options) => {
      let timer: unknown;
      try {
        timer = run(setTimeout, task, delayMs);
      } catch {
        timer = setTimeout(task, delayMs); // workerd: a clock that was made during a request, used by another one
      }
      // Node and Bun give an object, browsers and React Native a number
      if (!options?.keepAlive) (timer as { unref?: () => void }).unref?.();
      return () => clearTimeout(timer as Parameters<typeof clearTimeout>[0]);
    },
  };
}
