// An HTTP service that calls an upstream API for many users: several processes, one Redis.
//
//   REDIS_URL=redis://127.0.0.1:6379 node --import ./scripts/typescript.mjs examples/node-service/main.ts
//   curl -X PUT localhost:8080/users/ada/session -d @tokens.json     # the token response of a sign-in
//   curl localhost:8080/users/ada/items
import cluster from 'node:cluster';
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { isTokenError, type TokenResponse } from 'evertoken';
import { Redis } from 'ioredis';
import { createUsers } from './users.js';

const {
  AUTH_URL = 'http://127.0.0.1:4000',
  REDIS_URL = 'redis://127.0.0.1:6379',
  PORT = '8080',
  PROCESSES = '4',
  // 32 bytes in hexadecimal, from where secrets are kept; without it, a restart finds sessions that nobody can read
  ENCRYPTION_KEY = randomBytes(32).toString('hex'),
} = process.env;

async function serve(): Promise<void> {
  const [client, subscriber] = [new Redis(REDIS_URL), new Redis(REDIS_URL)];
  for (const redis of [client, subscriber]) redis.on('error', ({ message }) => console.error(`Redis: ${message}`));
  const users = createUsers({
    client,
    subscriber,
    tokenUrl: `${AUTH_URL}/token`,
    apiOrigin: new URL(AUTH_URL).origin,
    encryptionKey: Buffer.from(ENCRYPTION_KEY, 'hex'),
  });

  async function answer(request: IncomingMessage): Promise<[status: number, body: string]> {
    const [, id, what = ''] = /^\/users\/(\w+)\/(\w+)$/.exec(request.url ?? '') ?? [];
    if (id === undefined) return [404, 'not found'];
    const { tokens, api } = users.user(id);
    switch (`${request.method} ${what}`) {
      case 'PUT session':
        await tokens.startSession(JSON.parse(await read(request)) as TokenResponse);
        return [201, `signed in, says process ${process.pid}`];
      case 'DELETE session':
        await tokens.endSession();
        return [200, 'signed out'];
      default: {
        const response = await api(`${AUTH_URL}/api/${what}`);
        return [response.status, await response.text()];
      }
    }
  }

  const server = createServer(async (request, response) => {
    const [status, body] = await answer(request).catch((error: unknown): [number, string] => {
      if (!isTokenError(error)) return [500, 'internal error'];
      // the user has to sign in; or: later, everything is kept
      return error.name === 'SessionError' ? [401, error.code] : [503, error.code];
    });
    response.writeHead(status, { 'content-type': 'text/plain' }).end(body);
  });
  server.listen(Number(PORT), '127.0.0.1', () => process.send?.('listening'));
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

if (cluster.isPrimary) {
  let listening = 0;
  const start = () =>
    cluster.fork({ ENCRYPTION_KEY }).on('message', () => {
      if (++listening === Number(PROCESSES)) console.log(`${PROCESSES} processes listen on port ${PORT}`);
    });
  for (let i = 0; i < Number(PROCESSES); i++) start();
  cluster.on('exit', start); // whichever dies is replaced; what it was doing, another one takes over
} else {
  await serve();
}
