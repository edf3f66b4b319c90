type Turn = (next: () => void) => void;

// Taken when the module loads, so that a test runner's own fake timers cannot stop the turns later.
const immediate = (globalThis as { setImmediate?: Turn }).setImmediate;
const Channel = globalThis.MessageChannel;
const timeout = globalThis.setTimeout;

/** Makes a function that resolves after one turn of the event loop, when every promise job there is has run. */
export function createTurn(): () => Promise<void> {
  const post = immediate ? (next: () => void) => immediate(next) : (posted() ?? ((next: () => void) => timeout(next)));
  return () => new Promise((resolve) => post(resolve));
}

/** Resolves after a millisecond or a few of real time, for work that goes on elsewhere. */
export function rest(): Promise<void> {
  return new Promise((resolve) => timeout(resolve, 1));
}

/** A turn by a posted message, because browsers delay nested timers by 4 ms. */
function posted(): Turn | undefined {
  if (typeof Channel !== 'function') return undefined;
  const { port1, port2 } = new Channel();
  const waiting: Array<() => void> = [];
  port1.onmessage = () => waiting.shift()?.();
  return (next) => {
    waiting.push(next);
    port2.postMessage(0);
  };
}
