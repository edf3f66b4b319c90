import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Dialect, Origins } from './dialects.js';

/** An embedded server at two origins, of the authorization server and of the API, that speaks a dialect and counts. */
export interface Front {
  readonly origins: Origins;
  /** The requests, without those that a browser makes to ask whether it may. */
  readonly seen: readonly Seen[];
  close(): void;
}

/** One request and its answer. */
export interface Seen {
  readonly path: string;
  readonly status: number;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Hands everything on to the server at this origin, which is to believe that it is asked directly. */
export async function serveFront(upstream: string, dialect: Dialect): Promise<Front> {
  const seen: Seen[] = [];
  const servers = [createServer(answer), createServer(answer)];
  for (const server of servers) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const [issuer = '', api = ''] = servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const origins = { issuer, api };

  function answer(incoming: IncomingMessage, outgoing: ServerResponse): void {
    respond(incoming, outgoing).catch(() => outgoing.destroy());
  }

  async function respond(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const form = new URLSearchParams((await readAll(incoming)).toString());
    const asked = incoming.url ?? '/';
    const path = dialect.ask?.(asked, form) ?? asked;
    const { status, headers, body } = await send(upstream + path, incoming, form);
    const { pathname } = new URL(path, upstream);
    if (incoming.method !== 'OPTIONS') seen.push({ path: pathname, status });
    const own = dialect.own?.(pathname, origins);
    const isJson = headers['content-type']?.startsWith('application/json');
    const told = own ?? (isJson && dialect.answer?.(pathname, JSON.parse(`${body}`), origins));
    const bytes = told ? Buffer.from(JSON.stringify(told)) : body;
    outgoing.writeHead(own ? 200 : status, { ...headers, 'content-length': bytes.length });
    outgoing.end(bytes);
  }
  return {
    origins,
    seen,
    close() {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
}

function send(url: string, { method, headers }: IncomingMessage, form: URLSearchParams): Promise<Answer> {
  const body = form.size > 0 ? form.toString() : '';
  const { 'content-length': _length, 'transfer-encoding': _coding, connection: _kept, ...kept } = headers;
  return new Promise((resolve, reject) => {
    const onward = request(
      url,
      { method, headers: { ...kept, 'content-length': Buffer.byteLength(body) } },
      (answer) => {
        const { 'content-length': _own, 'transfer-encoding': _chunked, connection: _open, ...told } = answer.headers;
        readAll(answer).then(
          (bytes) => resolve({ status: answer.statusCode ?? 502, headers: told, body: bytes }),
          reject,
        );
      },
    );
    onward.on('error', reject);
    onward.end(body);
  });
}

async function readAll(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
