// Run as a process of its own: compares the world before and after importing and creating.
const see = () => ({
  globals: Reflect.ownKeys(globalThis).length,
  prototypes: [Object, Array, Promise, Error, Function, String].map(
    ({ prototype }) => Reflect.ownKeys(prototype).length,
  ),
  resources: process.getActiveResourcesInfo().join(),
  listeners: process.eventNames().map((name) => `${String(name)} ${process.listenerCount(name)}`),
  timers: calls,
});
let calls = 0;
for (const name of [
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'fetch',
  'BroadcastChannel',
] as const) {
  const original = globalThis[name] as (...args: unknown[]) => unknown;
  const counting = (...args: unknown[]) => {
    calls++;
    return original(...args);
  };
  Object.assign(globalThis, { [name]: counting });
}

const before = JSON.stringify(see());
const { createFetch, createTokenManager, tokenEndpoint } = await import('../../src/index.js');
const refresh = tokenEndpoint({ url: 'https://auth.example/token', clientId: 'app' });
const tokens = createTokenManager({ refresh });
tokens.on('refreshed', () => undefined);
createFetch(tokens, { origins: ['https://api.example'] });
tokens.getSnapshot();
const after = JSON.stringify(see());
process.stdout.write(`${after === before ? 'imported nothing but names' : `before ${before}, after ${after}`}\n`);

export {};
