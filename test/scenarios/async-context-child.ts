// Run as a process of its own: node async-context-child.mjs <preset>
import { AsyncLocalStorage } from 'node:async_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createTokenManager, inProcess } from '../../src/index.js';
import { node } from '../../src/presets/node.js';

const say = (line: string) => void process.stdout.write(`${line}\n`);
const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));
const preset = process.argv[2] === 'node' ? node : inProcess;
const requests = new AsyncLocalStorage<object>();

async function refreshedAhead(): Promise<void> {
  let refreshed = (_: unknown): void => undefined;
  const store = new Promise<unknown>((resolve) => {
    refreshed = resolve;
  });
  const tokens = createTokenManager({
    refresh: async () => {
      refreshed(requests.getStore());
      return { access_token: 'next', expires_in: 600 };
    },
    platform: preset(),
    proactive: true,
  });
  const first = { access_token: 'first', refresh_token: 'refresh', expires_in: 4 };
  const alive = setTimeout(() => undefined, 10_000);
  await requests.run({}, () => tokens.startSession(first));
  await requests.run({}, () => tokens.getAccessToken());
  say((await store) === undefined ? 'refreshed outside' : 'refreshed in a request');
  clearTimeout(alive);
  tokens.dispose();
}

async function collected(): Promise<void> {
  const tokens = createTokenManager({
    refresh: async () => ({ access_token: 'next', expires_in: 600 }),
    platform: preset(),
    proactive: true,
  });
  let store: WeakRef<object> | undefined;
  const serve = async () => {
    const facts = {};
    store = new WeakRef(facts);
    await requests.run(facts, async () => {
      await tokens.startSession({ access_token: 'first', refresh_token: 'refresh', expires_in: 600 });
      await tokens.getAccessToken();
      await tokens.refresh();
    });
  };
  await serve();
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  for (let count = 0; count < 20 && store?.deref(); count++) {
    await turn();
    gc();
  }
  say(store?.deref() ? 'kept alive' : 'collected');
  tokens.dispose();
}

await refreshedAhead();
await collected();
