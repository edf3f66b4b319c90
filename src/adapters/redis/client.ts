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

/** The newest connection error of each client; the error of a failed command does not contain it. */
const faults = new WeakMap<object, { newest: unknown }>();

/**
 * Makes a function that runs a script on a client, the only use of the client.
 *
 * Every script touches one key, so that a cluster takes it. Plain EVAL: the scripts are short, and a script cache is
 * lost with every failover. Rejects with a {@link Complaint}.
 */
export function scriptRunner(client: RedisLike): RunScript {
  const run = runnerOf(client);
  return async (script, key, ...rest) => {
    const fault = watch(client);
    try {
      const answer = await run(script, key, ...rest);
      fault.newest = undefined;
      return answer;
    } catch (error) {
      throw complaint(error, fault.newest);
    }
  };
}

function runnerOf(client: RedisLike): RunScript {
  const { eval: run, evalsha, evalSha } = Object(client) as Record<'eval' | 'evalsha' | 'evalSha', unknown>;
  if (typeof run === 'function' && typeof evalsha === 'function' && isIoRedis(client)) {
    const ioredis = client as IoRedisLike;
    return async (script, key, ...rest) => ioredis.eval(script, 1, key, ...rest.map(String));
  }
  if (typeof run === 'function' && typeof evalSha === 'function') {
    const nodeRedis = client as NodeRedisLike;
    return async (script, key, ...rest) => nodeRedis.eval(script, { keys: [key], arguments: rest.map(String) });
  }
  throw new OptionsError(
    'ERR_OPTIONS',
    `Expected a client of ioredis (5 or later) or node-redis (4 or later), ${came(client)}`,
  );
}

/** Tells ioredis by `defineCommand`, because `evalsha` of other libraries differs; a plain object is accepted. */
function isIoRedis(client: object): boolean {
  return Object.getPrototypeOf(client) === Object.prototype || 'defineCommand' in client;
}

function came(client: unknown): string {
  if (typeof client === 'string' || client instanceof URL)
    return 'got an address; make a client of it: new Redis(url).';
  if (typeof (client as { then?: unknown } | undefined)?.then === 'function') return 'got a promise; await it first.';
  const { evalsha, send_command: command, createScript } = Object(client) as Record<string, unknown>;
  if (command && evalsha) return 'got a client of node-redis 3 or earlier, which takes callbacks; update it.';
  if (createScript && evalsha)
    return 'got one of @upstash/redis, which speaks HTTP; use ioredis with the rediss:// address of that database.';
  const name = Object(client) === client ? (client as object).constructor?.name : undefined;
  const what = name && /^\w{1,40}$/.test(name) && name !== 'Object' ? `an object of class ${name}` : typeof client;
  return `got ${what}. For another library, write a storage and a lock of your own.`;
}

/** Listens only if the application does: without a listener, a client reports errors in its own way. */
function watch(client: object): { newest: unknown } {
  const known = faults.get(client);
  if (known) return known;
  const { listenerCount, on } = client as { listenerCount?: (event: string) => number; on?: unknown };
  const fault: { newest: unknown } = { newest: undefined };
  if (typeof on !== 'function' || !(Number(listenerCount?.call(client, 'error')) > 0)) return fault;
  faults.set(client, fault);
  on.call(client, 'error', (error: unknown) => {
    fault.newest = error;
  });
  return fault;
}

/** The short reason of a failure; the original message and error may contain the value that was written. */
export interface Complaint {
  readonly name: string;
  readonly code: string;
  /** What to say of it. */
  readonly text: string;
}

function complaint(error: unknown, fault: unknown): Complaint {
  const { name, message } = Object(error) as { name?: unknown; message?: unknown };
  // such as OOM, READONLY, LOADING, CLUSTERDOWN; for the error of a script, a client puts "ERR" in front
  const reply = /^(?:ERR .*?-)?([A-Z]{3,20})\b/.exec(String(message ?? ''))?.[1];
  const kind = (error as Error | undefined)?.constructor?.name;
  const facts = [codeOf(error), reply, codeOf(fault), kind, name];
  const code = String(facts.find((fact) => typeof fact === 'string' && /^\w{2,60}$/.test(fact)) ?? 'unknown');
  const command = /\bthe '([a-z|]{1,20})' command/.exec(String(message ?? ''))?.[1];
  const about = command ? `${code} for the command ${command}` : code;
  return {
    name: typeof name === 'string' && /^\w{1,40}$/.test(name) ? name : 'Error',
    code,
    text: `${about}. ${advice(code)}`,
  };
}

/** The code of the error or of its causes: another error, the last node of a cluster, one of several addresses. */
function codeOf(error: unknown, depth = 0): unknown {
  const { code, cause, lastNodeError, errors } = Object(error) as Record<string, unknown>;
  if (typeof code === 'string' || depth > 3) return code;
  const beneath = cause ?? lastNodeError ?? (Array.isArray(errors) ? errors[0] : undefined);
  return beneath && codeOf(beneath, depth + 1);
}

/** What to do about it. */
function advice(code: string): string {
  switch (code) {
    case 'OOM':
      return 'Redis is out of memory; raise maxmemory or free some.';
    case 'MISCONF':
      return 'Redis cannot write to its disk, and refuses until it can; look into its log.';
    case 'READONLY':
      return 'This is a replica, perhaps after a failover; the client has to connect to the primary.';
    case 'NOAUTH':
    case 'NOPERM':
    case 'WRONGPASS':
      return 'Check the user and its permissions: EVAL, the commands in the scripts, and reading and writing these keys.';
    case 'ECONNREFUSED':
      return 'Nothing listens there; check the address, and that Redis runs.';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'The name of the host is not known; check the address.';
    case 'ClientClosedError':
      return 'The client is closed, or was never connected; call connect().';
    default:
      return /CERT|SIGNATURE|SELF_SIGNED|_TLS_|SSL/.test(code)
        ? 'The certificate of the server is not trusted; give the client the authority that signed it.'
        : 'It is tried again with the next call.';
  }
}
