import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildSchema, execute, parse, subscribe, validate } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { Server } from 'socket.io';
import { expect, onTestFinished, test, vi } from 'vitest';
import { WebSocketServer } from 'ws';
import { createSubscriptions } from '../../examples/frameworks/graphql-ws.js';
import { connect } from '../../examples/frameworks/socket-io.js';
import { signedIn } from '../support/signed-in.js';

/** A server of socket.io that lets in whoever has a good access token. */
async function socketServer() {
  const world = await signedIn({ retry: { attempts: 1 } });
  const http = createServer();
  const io = new Server(http);
  const presented: string[] = [];
  io.use((socket, next) => {
    const { token } = socket.handshake.auth;
    presented.push(token);
    next(world.server.inspect(token)?.active ? undefined : new Error('unauthorized'));
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const socket = connect(world.tokens, url, { reconnectionDelay: 1 });
  onTestFinished(async () => {
    socket.disconnect();
    await io.close();
  });
  return { ...world, io, socket, presented };
}

test('S7: a socket of socket.io presents a fresh access token whenever it connects', async () => {
  const { io, socket, presented, clock, tokens } = await socketServer();
  await expect.poll(() => socket.connected).toBe(true);
  await clock.advance(700_000); // the access token has expired meanwhile
  socket.io.engine.close(); // the connection breaks
  await vi.waitFor(() => expect(presented).toHaveLength(2), { timeout: 10_000 });
  await expect.poll(() => socket.connected).toBe(true);
  expect(io.engine.clientsCount).toBe(1);
  expect(presented[1]).toBe(await tokens.getAccessToken());
  expect(presented[1]).not.toBe(presented[0]);
});

test('S7: a socket that is refused connects once more with another access token, and gives up where that is refused too', async () => {
  const { socket, presented, server, io } = await socketServer();
  await expect.poll(() => socket.connected).toBe(true);
  server.revokeAccessTokens();
  socket.io.engine.close();
  await vi.waitFor(() => expect(presented).toHaveLength(3), { timeout: 10_000 });
  await expect.poll(() => socket.connected).toBe(true);
  expect(new Set(presented).size).toBe(2);

  const refused = vi.fn();
  socket.on('connect_error', refused);
  io.use((_, next) => next(new Error('unauthorized')));
  socket.io.engine.close();
  await vi.waitFor(() => expect(refused).toHaveBeenCalledTimes(2), { timeout: 10_000 });
  await new Promise((resolve) => setImmediate(resolve));
  expect(socket.active).toBe(false);
  expect(server.tokenRequests).toHaveLength(2);
});

test('S7: subscriptions over graphql-ws connect with a fresh access token, and replace one that is refused', async () => {
  const { tokens, server: auth } = await signedIn();
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await new Promise((resolve) => server.once('listening', resolve));
  const presented: string[] = [];
  const { dispose } = useServer(
    {
      schema: buildSchema('type Query { me: String } type Subscription { me: String }'),
      ...{ execute, parse, subscribe, validate }, // those of the module that has made the schema
      onConnect: ({ connectionParams }) => {
        const token = String(connectionParams?.accessToken);
        presented.push(token);
        return auth.inspect(token)?.active ?? false; // false closes by 4403
      },
      roots: { query: { me: () => 'ada' } },
    },
    server,
  );
  const { port } = server.address() as AddressInfo;
  const client = createSubscriptions(tokens, `ws://127.0.0.1:${port}`, { retryWait: async () => undefined });
  onTestFinished(async () => {
    await client.dispose();
    await dispose();
    server.close();
  });
  auth.revokeAccessTokens();
  for await (const { data } of client.iterate({ query: '{ me }' })) expect(data).toEqual({ me: 'ada' });
  expect(presented).toHaveLength(2);
  expect(presented[1]).not.toBe(presented[0]);
  expect(auth.tokenRequests).toHaveLength(1);
});
