// Run as a process of its own: node hygiene-child.mjs <what>
import { getEventListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  createFetch,
  createTokenManager,
  inProcess,
  type Platform,
  type RefreshTokens,
  type TokenManagerOptions,
  tokenEndpoint,
} from '../../src/index.js';
import { createAuthServer } from '../../src/testing.js';

const say = (line: string) => void process.stdout.write(`${line}\n`);
const unref = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms).unref());

function create(lifetimeMs: number, options: Partial<TokenManagerOptions> = {}) {
  const server = createAuthServer({ accessTokenLifetimeMs: lifetimeMs });
  const endpoint = tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch });
  const refresh: RefreshTokens = (request) => endpoint(request); // names no client: the key is 'session'
  const platform = options.platform ?? inProcess();
  const tokens = createTokenManager({ refresh, platform, proactive: false, ...options });
  return {
    server,
    tokens,
    refresh,
    platform,
    api: createFetch(tokens, { origins: [server.origin], fetch: server.fetch }),
  };
}

async function fetchOnce(proactive: boolean): Promise<void> {
  const { server, tokens, api } = create(3_600_000, { proactive });
  await tokens.startSession(server.signIn());
  tokens.subscribe(() => undefined);
  if ((await api(`${server.apiUrl}/me`)).ok) say('done');
}

/** Nothing but the manager's own waiting keeps this process alive. */
async function expired(options: Partial<TokenManagerOptions> = {}): Promise<void> {
  const { server, tokens, refresh, platform } = create(20);
  await tokens.startSession(server.signIn());
  const slow = createTokenManager({
    platform,
    proactive: false,
    refresh: async (request) => {
      await unref(200);
      server.set({ accessTokenLifetimeMs: 3_600_000 });
      return refresh(request);
    },
    ...options,
  });
  const until = Date.now() + 25;
  while (Date.now() < until); // the token expires
  const token = await slow.getAccessToken();
  if (server.inspect(token)?.active) say('done');
}

async function retry(): Promise<void> {
  const { server, tokens } = create(20, { retry: { minDelayMs: 200 } });
  await tokens.startSession(server.signIn());
  server.set({ accessTokenLifetimeMs: 3_600_000 });
  server.next({ status: 503 });
  const until = Date.now() + 25;
  while (Date.now() < until);
  const token = await tokens.getAccessToken();
  if (server.inspect(token)?.active && server.tokenRequests.length === 2) say('done');
}

async function lock(): Promise<void> {
  const platform = inProcess();
  void platform.lock.run('evertoken:session', new AbortController().signal, () => unref(300));
  const { server, tokens } = create(3_600_000, { platform });
  await tokens.startSession(server.signIn());
  if (await tokens.getAccessToken()) say('done');
}

async function signOut(): Promise<void> {
  const revoke = async () => {
    await unref(200);
    say('done');
  };
  const { server, tokens } = create(3_600_000, { revoke });
  await tokens.startSession(server.signIn());
  await tokens.endSession();
}

async function hang(): Promise<void> {
  const { server, tokens } = create(20, {
    refresh: () => new Promise(() => undefined),
    timeoutMs: 300,
    retry: { attempts: 1 },
  });
  await tokens.startSession(server.signIn());
  const until = Date.now() + 25;
  while (Date.now() < until);
  const error = await tokens.getAccessToken().catch((reason) => reason);
  if (error.code === 'ERR_REFRESH_TIMEOUT') say('done');
}

async function leave(): Promise<void> {
  const { server, tokens } = create(3_600_000, { refresh: () => new Promise(() => undefined), timeoutMs: 1_000_000 });
  await tokens.startSession(server.signIn());
  const abort = new AbortController();
  const waiting = tokens.refresh({ signal: abort.signal });
  setTimeout(() => abort.abort(), 50);
  await waiting.catch(() => say('left'));
}

async function thousand(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const counts = { wakeups: 0, subscriptions: 0 };
  const shared = inProcess();
  const counting = (name: keyof typeof counts, end: () => void) => {
    counts[name]++;
    return () => {
      counts[name]--;
      end();
    };
  };
  const platform: Platform = {
    ...shared,
    channel: {
      announce: shared.channel.announce,
      subscribe: (key, listener) => counting('subscriptions', shared.channel.subscribe(key, listener)),
    },
    wakeups: { ...shared.wakeups, subscribe: (listener) => counting('wakeups', shared.wakeups.subscribe(listener)) },
  };
  const server = createAuthServer({ accessTokenLifetimeMs: 3_600_000, keepRequests: 10 });
  const refresh = tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch });
  const { signal } = new AbortController();
  let rounds = 0;
  const stored: string[] = [];

  async function round(): Promise<void> {
    server.reset();
    // a name of ten thousand characters: whoever keeps it is seen
    const key = `${rounds++} ${'x'.repeat(10_000)}`;
    const tokens = createTokenManager({ refresh, platform, key, proactive: true });
    const api = createFetch(tokens, { origins: [server.origin], fetch: server.fetch });
    tokens.subscribe(() => undefined);
    tokens.on('refreshed', () => undefined);
    await tokens.startSession(server.signIn());
    await tokens.refresh({ signal });
    await api(`${server.apiUrl}/me`, { signal });
    await tokens.endSession();
    await tokens.startSession(server.signIn());
    if (rounds % 2) await tokens.endSession();
    else tokens.refresh({ signal }).catch(() => undefined);
    tokens.dispose();
    stored.push(`evertoken:${key}`);
  }
  const heap = async () => {
    for (let turn = 0; turn < 5; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      for (const key of stored.splice(0)) platform.storage.removeItem(key);
      collect();
    }
    return process.memoryUsage().heapUsed;
  };
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  for (let warm = 0; warm < 300; warm++) await round();
  const start = { heap: await heap(), timers: timers() };
  for (let one = 0; one < 1_000; one++) await round();
  const bytesEach = ((await heap()) - start.heap) / 1_000;
  const abortListeners = getEventListeners(signal, 'abort').length;
  say(`grown ${JSON.stringify({ ...counts, timers: timers() - start.timers, abortListeners, bytesEach })}`);
}

const tasks: Record<string, () => unknown> = {
  'fetch-once': () => fetchOnce(false),
  proactive: () => fetchOnce(true),
  expired,
  retry,
  lock,
  'sign-out': signOut,
  hang,
  leave,
  thousand,
};
await tasks[process.argv[2] ?? '']?.();
