// Run as a process of its own: node async-context-services-child.mjs fleet|limits
import { AsyncLocalStorage } from 'node:async_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createTokenManager, inProcess, type TokenManager } from '../../src/index.js';
import { limitSession } from '../../src/integrations/limits.js';
import { createFleet, indexed, memoryDueIndex } from '../../src/services/fleet.js';

const say = (line: string) => void process.stdout.write(`${line}\n`);
const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));
const requests = new AsyncLocalStorage<object>();
const refresh = async () => ({ access_token: 'next', refresh_token: 'refresh', expires_in: 600 });

/** What a request uses; `first` are the tokens of the session. */
interface Service {
  begin(first: { access_token: string; refresh_token: string; expires_in: number }): Promise<unknown>;
  use(): Promise<unknown>;
}

function fleet(): Service {
  const due = memoryDueIndex();
  const platform = inProcess();
  const storage = indexed(platform.storage, due);
  const open = (key: string, guard: object): TokenManager =>
    createTokenManager({ key, refresh, platform: { ...platform, storage }, ...guard });
  const made = createFleet({ open, due, lock: platform.lock });
  return {
    begin: (first) => made.session('a').startSession(first),
    use: () => made.session('a').getAccessToken(),
  };
}

function limits(): Service {
  const platform = inProcess();
  const tokens = createTokenManager({ refresh, platform, proactive: false });
  const { storage } = platform;
  const limited = limitSession(tokens, { idleMs: 60_000, storage: storage as never });
  return { begin: (first) => tokens.startSession(first), use: () => limited.getAccessToken() };
}

/** Whether the timers that are set while the request is served belong to it. */
async function timersOf(service: Service): Promise<string> {
  const { setTimeout: original } = globalThis;
  let [inside, outside] = [0, 0];
  globalThis.setTimeout = ((...given: Parameters<typeof original>) => {
    if (requests.getStore()) inside++;
    else outside++;
    return original(...given);
  }) as typeof original;
  await requests.run({}, () => service.use());
  await turn();
  globalThis.setTimeout = original;
  return inside > 0 ? `${inside} timers of the request` : outside > 0 ? 'timers of no request' : 'no timer at all';
}

async function fateOf(service: Service): Promise<string> {
  let store: WeakRef<object> | undefined;
  const serve = async () => {
    const facts = {};
    store = new WeakRef(facts);
    await requests.run(facts, () => service.use());
  };
  await serve();
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  for (let count = 0; count < 20 && store?.deref(); count++) {
    await turn();
    gc();
  }
  return store?.deref() ? 'kept alive' : 'collected';
}

const make = process.argv[2] === 'fleet' ? fleet : limits;
const [one, other] = [make(), make()];
for (const service of [one, other]) {
  await service.begin({ access_token: 'first', refresh_token: 'refresh', expires_in: 600 });
}
say(await timersOf(one));
say(await fateOf(other));
process.exit();
