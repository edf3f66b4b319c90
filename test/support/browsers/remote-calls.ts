import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Calls into a page that asks for them itself, so that nothing but the page has to be alive. */
export interface RemoteCalls {
  /** Run in the page with an address, this makes it ask there. */
  readonly script: string;
  /** The address for the page that comes next; calls wait for it, and no page before it gets any more. */
  nextPage(): string;
  /** Runs the text of a function in the page. */
  call<T>(task: string, args: unknown[]): Promise<T>;
  close(): void;
}

type Settle = (answer: { value?: unknown; error?: string }) => void;

let hosts = 0;

/** One server on one loopback address for one tab: browsers keep few connections to the same one. */
export async function serveRemoteCalls(): Promise<RemoteCalls> {
  const calls: string[] = [];
  const settles = new Map<number, Settle>();
  let asking: ServerResponse | undefined;
  let count = 0;
  let pages = 0;
  const hand = (): void => {
    const call = asking && calls.shift();
    if (call === undefined) return;
    asking?.end(call);
    asking = undefined;
  };
  const server = createServer((request, response) => {
    response.setHeader('access-control-allow-origin', '*');
    if (request.method === 'GET') {
      if (request.url !== `/${pages}`) return response.end('"left"');
      asking = response;
      return hand();
    }
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      const answer = JSON.parse(body);
      settles.get(answer.id)?.(answer);
      settles.delete(answer.id);
      response.end();
    });
  });
  hosts = (hosts % 200) + 1;
  server.listen(0, `127.0.1.${hosts}`);
  await once(server, 'listening');
  const { address, port } = server.address() as AddressInfo;
  return {
    nextPage() {
      // its request looks alive for some time after it was left, and a call that it is handed would be lost
      asking?.end('"left"');
      asking = undefined;
      return `http://${address}:${port}/${++pages}`;
    },
    script: `(${askForCalls.toString()})(arguments[0])`,
    call: (task, args) =>
      new Promise((resolve, reject) => {
        const id = ++count;
        settles.set(id, ({ value, error }) =>
          error === undefined ? resolve(value as never) : reject(new Error(error)),
        );
        calls.push(JSON.stringify({ id, task, args }));
        hand();
      }),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Runs in the page. */
async function askForCalls(url: string): Promise<void> {
  const aWhile = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 100));
  // a connection that ends as it is used again loses what it was given
  const answer = (body: object): Promise<unknown> =>
    fetch(url, { method: 'POST', body: JSON.stringify(body) }).catch(() => aWhile().then(() => answer(body)));
  for (;;) {
    const call = await fetch(url).then(
      (response) => response.json(),
      aWhile, // such as after the back/forward cache
    );
    if (call === 'left') return;
    if (!call) continue;
    Promise.resolve()
      .then(() => new Function(`return (${call.task})(...arguments)`)(...call.args))
      .then(
        (value) => answer({ id: call.id, value }),
        (error) => answer({ id: call.id, error: String(error) }),
      );
  }
}
