import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openEvents } from '../../examples/frameworks/server-sent-events.js';
import { signedIn } from '../support/signed-in.js';

test('S7: a stream of events that reconnects presents a fresh access token, and goes on where it was', async () => {
  const { tokens, server: auth } = await signedIn();
  const asked: { status: number; last: string | undefined; token: string }[] = [];
  const server = createServer((request, response) => {
    const token = request.headers.authorization?.replace('Bearer ', '') ?? '';
    const last = request.headers['last-event-id'] as string | undefined;
    const status = auth.inspect(token)?.active ? 200 : 401;
    asked.push({ status, last, token });
    if (status === 401) return void response.writeHead(401, { connection: 'close' }).end();
    response.writeHead(200, { 'content-type': 'text/event-stream', connection: 'close' });
    response.end(`retry: 1\nid: ${Number(last ?? 0) + 1}\ndata: event ${Number(last ?? 0) + 1}\n\n`);
    auth.revokeAccessTokens(token);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const events = openEvents(tokens, `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`);
  onTestFinished(async () => {
    events.close();
    await new Promise((resolve) => server.close(resolve));
  });
  const heard: string[] = [];
  events.addEventListener('message', ({ data }) => void heard.push(data));
  await vi.waitFor(() => expect(heard.slice(0, 3)).toEqual(['event 1', 'event 2', 'event 3']), { timeout: 10_000 });
  events.close();
  expect(asked.slice(0, 5).map(({ status, last }) => [status, last])).toEqual([
    [200, undefined],
    [401, '1'],
    [200, '1'],
    [401, '2'],
    [200, '2'],
  ]);
  expect(new Set(asked.filter(({ status }) => status === 200).map(({ token }) => token)).size).toBeGreaterThan(2);
});
