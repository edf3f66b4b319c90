import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createAuthServer } from '../../src/testing.js';
import { startChild } from '../support/child.js';

const childEntry = join(import.meta.dirname, 'behind-a-proxy-child.ts');
/** A host that only the proxy finds. */
const ORIGIN = 'http://auth.evertoken.test';

/** A proxy on loopback, by CONNECT or by the whole address; without a port behind it, it answers by itself. */
async function startProxy(port: number | undefined, own?: { status: number; body: string }): Promise<string> {
  const sockets = new Set<Socket>();
  const proxy: Server = createServer((incoming, outgoing) => {
    const { pathname } = new URL(incoming.url ?? '/');
    if (own) {
      outgoing.writeHead(own.status, { 'content-type': 'text/html' }).end(own.body);
      return;
    }
    const head = [...Object.entries(incoming.headers)].map(([name, value]) => `${name}: ${value}`);
    const onward = connect(port ?? 0, '127.0.0.1', () => {
      onward.write(`${incoming.method} ${pathname} HTTP/1.1\r\n${head.join('\r\n')}\r\nconnection: close\r\n\r\n`);
      incoming.pipe(onward, { end: false });
      onward.pipe(outgoing.socket as Socket);
    });
    onward.on('error', () => outgoing.destroy());
  });
  proxy.on('connect', (_, socket: Socket) => {
    if (own) {
      // what such a proxy does inside a tunnel: it answers for everybody
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.once('data', () =>
        socket.end(
          `HTTP/1.1 ${own.status} X\r\ncontent-type: text/html\r\ncontent-length: ${own.body.length}\r\nconnection: close\r\n\r\n${own.body}`,
        ),
      );
      return;
    }
    const onward = connect(port ?? 0, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.pipe(socket);
      socket.pipe(onward);
    });
    onward.on('error', () => socket.destroy());
  });
  proxy.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}

async function runBehind(proxy: string, response: object) {
  const within = ['env', 'NODE_USE_ENV_PROXY=1', `HTTP_PROXY=${proxy}`, 'NO_PROXY='];
  const child = startChild(childEntry, [ORIGIN, JSON.stringify(response)], { within });
  const said = await child.next('said');
  await child.gone;
  return said;
}

test('behind a proxy that the environment names, refreshes, calls and the revocation go through it', async () => {
  const server = createAuthServer({ origin: ORIGIN });
  const { origin, close } = await server.listen();
  onTestFinished(close);
  const proxy = await startProxy(Number(new URL(origin).port));
  expect(await runBehind(proxy, server.signIn())).toBe('said refreshed 200 active');
  expect(server.tokenRequests).toHaveLength(1);
  expect(server.counts).toMatchObject({ refreshesGranted: 1, familiesRevoked: 1, reusesDetected: 0 });
});

test.each([
  ['407', { status: 407, body: 'Proxy Authentication Required' }],
  ['a login page', { status: 200, body: '<!doctype html><title>Sign in to the network</title>' }],
  ['403 in HTML', { status: 403, body: '<html>This page is blocked.</html>' }],
])('a proxy that answers for the token endpoint with %s ends no session', async (_, own) => {
  const server = createAuthServer();
  expect(await runBehind(await startProxy(undefined, own), server.signIn())).toMatch(
    /^said ERR_REFRESH_(RESPONSE|UNAVAILABLE|NETWORK) .+ active$/,
  );
});
