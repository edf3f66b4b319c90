import { OptionsError } from '../../errors.js';

/** What is called of an ioredis client (5 and later), a cluster's included. */
export interface IoRedisLike {
  eval(script: string, numberOfKeys: number, ...keysAndArguments: string[]): Promise<unknown>;
  readonly evalsha: unknown;
}

/** What is called of a node-redis client (4 and later), a cluster's included. */
export interface NodeRedisLike {
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
  readonly evalSha: unknown;
}

/** A connected client of one of the two libraries; it is neither opened nor closed here. */
export type RedisLike = IoRedisLike | NodeRedisLike;

/** Runs a script on one key; settles as the client does. */
export type RunScript = (script: string, key: string, ...rest: (string | number)[]) => Promise<unknown>;

/**
 * The one thing that is asked of a client: to run a script.
 *
 * Every script touches one key, so that a cluster takes it. Plain EVAL: the scripts are short, and a script cache is
 * lost with every failover.
 */
export function scriptRunner(client: RedisLike): RunScript {
  if (typeof (client as Partial<IoRedisLike> | undefined)?.evalsha === 'function') {
    const ioredis = client as IoRedisLike;
    return async (script, key, ...rest) => ioredis.eval(script, 1, key, ...rest.map(String));
  }
  if (typeof (client as Partial<NodeRedisLike> | undefined)?.evalSha === 'function') {
    const nodeRedis = client as NodeRedisLike;
    return async (script, key, ...rest) => nodeRedis.eval(script, { keys: [key], arguments: rest.map(String) });
  }
  throw new OptionsError('ERR_OPTIONS', `Expected a client of ioredis or node-redis, got ${typeof client}.`);
}

/** What Redis or the client complained of, in one word; their messages and objects may hold what was being written. */
export function complaint(error: unknown): { readonly name: string; readonly code: string } {
  const { name, code, message } = (error ?? {}) as { name?: unknown; code?: unknown; message?: unknown };
  // such as OOM, READONLY, LOADING, CLUSTERDOWN; a client puts what a script ran into behind "ERR"
  const reply = /^(?:ERR .*?-)?([A-Z]{3,20})\b/.exec(String(message ?? ''))?.[1];
  const kind = (error as Error | undefined)?.constructor?.name;
  const word = [code, reply, kind, name].find((fact) => typeof fact === 'string' && /^\w{2,40}$/.test(fact));
  return {
    name: typeof name === 'string' && /^\w{1,40}$/.test(name) ? name : 'Error',
    code: String(word ?? 'unknown'),
  };
}

/** What to do about it. */
export function advice(code: string): string {
  switch (code) {
    case 'OOM':
      return 'Redis is out of memory; raise maxmemory or free some.';
    case 'READONLY':
      return 'This is a replica, perhaps after a failover; the client has to connect to the primary.';
    case 'NOAUTH':
    case 'NOPERM':
    case 'WRONGPASS':
      return 'Check the user and its permissions: EVAL, and reading and writing these keys.';
    default:
      return 'It is tried again with the next call.';
  }
}
