import { OptionsError } from '../errors.js';
import type { World } from './auth-world.js';
import type { Answer, Exchange } from './exchange.js';
import { serve } from './serve.js';

const COOKIE = 'refresh_token';

/** A server that listens on a real port. */
export interface ListeningServer {
  /** Such as `http://127.0.0.1:49152`. */
  readonly origin: string;
  readonly tokenUrl: string;
  readonly revokeUrl: string;
  readonly signInUrl: string;
  readonly apiUrl: string;
  readonly authorizeUrl: string;
  /** Stops listening and breaks every connection. */
  close(): Promise<void>;
}

/** The used part of `node:http`, declared here so that this module loads without Node. */
interface IncomingLike extends AsyncIterable<Uint8Array> {
  readonly method?: string;
  readonly url?: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}
interface OutgoingLike {
  readonly writableFinished: boolean;
  readonly socket: { destroy(): void } | null;
  on(event: 'close', listener: () => void): unknown;
  writeHead(status: number, headers: Record<string, string>): OutgoingLike;
  end(body: string): unknown;
}
interface ServerLike {
  once(event: 'error', listener: (error: unknown) => void): unknown;
  listen(port: number, host: string, listener: () => void): unknown;
  address(): unknown;
  close(listener: () => void): unknown;
  closeAllConnections(): void;
}
interface HttpLike {
  createServer(listener: (incoming: IncomingLike, outgoing: OutgoingLike) => void): ServerLike;
}

/** Listens on a loopback port; 0 for a free one. Rejects where there is no `node:http`, or the port is taken. */
export async function listen(world: World, port: number): Promise<ListeningServer> {
  // Not an import, which bundlers for browsers could not resolve.
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } };
  const http = process?.getBuiltinModule?.('node:http') as HttpLike | undefined;
  if (!http)
    throw new OptionsError('ERR_OPTIONS', 'Expected Node 20.16 or later, which listen() needs; use fetch instead.');
  const server = http.createServer((incoming, outgoing) => void respond(world, incoming, outgoing));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  return {
    origin,
    tokenUrl: `${origin}/token`,
    revokeUrl: `${origin}/revoke`,
    signInUrl: `${origin}/sign-in`,
    apiUrl: `${origin}/api`,
    authorizeUrl: `${origin}/authorize`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function respond(world: World, incoming: IncomingLike, outgoing: OutgoingLike): Promise<void> {
  const gone = new AbortController();
  outgoing.on('close', () => {
    if (!outgoing.writableFinished) gone.abort();
  });
  try {
    const outcome = await serve(world, await readExchange(incoming, gone.signal));
    if (outcome === 'dropped') outgoing.socket?.destroy();
    else outgoing.writeHead(outcome.status, { ...outcome.headers, ...cookieHeader(outcome) }).end(outcome.body);
  } catch {
    outgoing.socket?.destroy(); // the client disconnected while it was sending, or a script threw
  }
}

async function readExchange(incoming: IncomingLike, signal: AbortSignal): Promise<Exchange> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    for (const one of [value ?? []].flat()) headers.append(name, one);
  }
  return {
    method: incoming.method ?? 'GET',
    url: new URL(incoming.url ?? '/', `http://${headers.get('host')}`),
    headers,
    body: new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer()),
    cookie: new RegExp(`(?:^|; *)${COOKIE}=([^;]+)`).exec(headers.get('cookie') ?? '')?.[1],
    signal,
  };
}

/** An HttpOnly cookie; not `Secure`, which some browsers refuse over plain http. */
function cookieHeader({ cookie }: Answer): Record<string, string> {
  if (cookie === undefined) return {};
  const attributes = `Path=/; HttpOnly; SameSite=Strict${cookie === null ? '; Max-Age=0' : ''}`;
  return { 'Set-Cookie': `${COOKIE}=${cookie ?? ''}; ${attributes}` };
}
