// One of many processes that share a session: told lines, says lines. See rounds.ts.
import { createInterface } from 'node:readline';
import { redisChannel, redisLock, redisStorage } from '../../src/adapters/redis.js';
import { createTokenManager, tokenEndpoint } from '../../src/index.js';
import type { Platform } from '../../src/ports/platform.js';
import { node } from '../../src/presets/node.js';
import { libraries } from '../support/redis-clients.js';

/** What a worker is given as JSON. */
export interface WorkerConfig {
  readonly tokenUrl: string;
  /** Default: the manager's own. */
  readonly timeoutMs?: number;
  /** How far its clock is ahead of the real one; told anew with `later`. */
  readonly laterMs?: number;
  readonly file?: string;
  readonly redis?: { readonly library: string; readonly socket: string; readonly leaseMs?: number };
}

const config = JSON.parse(process.argv[2] ?? '') as WorkerConfig;
const { tokenUrl, timeoutMs, file, redis } = config;
let { laterMs = 0 } = config;
const say = (...words: unknown[]) => void process.stdout.write(`${words.join(' ')}\n`);

async function onRedis({ library, socket, leaseMs }: NonNullable<WorkerConfig['redis']>): Promise<Platform> {
  const connect = libraries.find(([name]) => name === library)?.[1];
  if (!connect) throw new Error(`unknown: ${library}`);
  const server = { socket, url: undefined } as never;
  const [{ client }, subscriber] = [await connect(server), await connect(server)];
  return {
    ...node(),
    storage: redisStorage(client),
    lock: redisLock(client, leaseMs === undefined ? {} : { leaseMs }),
    channel: redisChannel(client, subscriber.client),
  };
}

const platform = redis ? await onRedis(redis) : node({ file });
const { clock } = platform;
const tokens = createTokenManager({
  refresh: tokenEndpoint({ url: tokenUrl, clientId: 'fleet', parameters: { worker: String(process.pid) } }),
  platform: { ...platform, clock: { ...clock, now: () => clock.now() + laterMs } },
  ...(timeoutMs === undefined ? {} : { timeoutMs }),
});
tokens.subscribe(() => undefined);
tokens.on('storageFailed', ({ operation, error }) => say('fault', operation, error.code));

createInterface({ input: process.stdin }).on('line', async (line) => {
  const [command, argument = ''] = line.split(/ (.*)/s);
  if (command === 'later') {
    laterMs = Number(argument);
    return;
  }
  try {
    if (command === 'sign-in') await tokens.startSession(JSON.parse(argument));
    say(command === 'sign-in' ? 'signed-in' : 'token', await tokens.getAccessToken());
  } catch (error) {
    say('token', (error as { code?: string }).code ?? error);
  }
});
say('ready');
