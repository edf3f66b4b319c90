import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import { type AuthServer, type AuthServerOptions, createAuthServer } from 'evertoken/testing';
import { build } from 'vite';
import { subpaths } from '../../scripts/subpaths.mjs';
import { listen } from './listen.js';

/** The page, and the authorization server that it signs in to, at one origin. */
export interface SpaServer {
  readonly origin: string;
  readonly port: number;
  readonly server: AuthServer;
  close(): Promise<void>;
}

/** Options of {@link serveSpa}; those of the authorization server as well. */
export interface SpaServerOptions extends AuthServerOptions {
  /** The port to listen on, on loopback, or the next one that is free; default any. */
  port?: number;
  /** Changes the document before it is served at this address. */
  document?: (html: string, url: URL) => string;
}

type Files = ReadonlyMap<string, string | Uint8Array>;

/** What the authorization server answers at the origin of the page. */
const ENDPOINTS = /^\/(token|revoke|sign-in|api|authorize|par|logout|userinfo|\.well-known)(\/|$)/;

const types: Record<string, string> = { html: 'text/html', js: 'text/javascript', css: 'text/css' };

/** Builds the page and serves it, together with the endpoints of an authorization server. */
export async function serveSpa({ port = 0, document, ...options }: SpaServerOptions = {}): Promise<SpaServer> {
  const server = createAuthServer({ accessTokenLifetimeMs: 30_000, dpop: 'accepted', ...options });
  const endpoints = await server.listen();
  const files = await buildPage();
  const http = createServer((incoming, outgoing) => {
    const url = new URL(incoming.url ?? '/', 'http://page');
    if (ENDPOINTS.test(url.pathname)) return forward(incoming, outgoing, endpoints.origin);
    if (url.pathname === '/figures') return outgoing.end(JSON.stringify(figures(server)));
    const name = url.pathname.slice(1) || 'index.html';
    const file = files.get(name);
    const type = types[name.split('.').at(-1) ?? ''] ?? 'text/plain';
    outgoing.writeHead(file === undefined ? 404 : 200, {
      'content-type': `${type}; charset=utf-8`,
      'service-worker-allowed': '/',
      'access-control-allow-origin': '*', // a sandboxed frame has no origin of its own
    });
    outgoing.end(type === 'text/html' && document ? document(String(file), url) : file);
  });
  const open = await listen(http, port);
  return {
    origin: `http://127.0.0.1:${open}`,
    port: open,
    server,
    async close() {
      http.closeAllConnections();
      http.close();
      await endpoints.close();
    },
  };
}

let built: Promise<Files> | undefined;

/** Builds once; the files stay in memory. */
function buildPage(): Promise<Files> {
  built ??= build({
    root: fileURLToPath(new URL('.', import.meta.url)),
    configFile: false,
    logLevel: 'warn',
    build: { write: false, modulePreload: false },
    resolve: {
      alias: [...subpaths()].map(([name, source]) => ({
        find: new RegExp(`^${name}$`),
        replacement: fileURLToPath(source),
      })),
    },
  }).then((result) => {
    const { output } = result as { output: { fileName: string; code?: string; source?: string | Uint8Array }[] };
    return new Map(output.map(({ fileName, code, source }) => [fileName, code ?? source ?? '']));
  });
  return built;
}

function forward(incoming: IncomingMessage, outgoing: ServerResponse, origin: string): void {
  const onward = request(origin + incoming.url, { method: incoming.method, headers: incoming.headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  onward.on('error', () => outgoing.destroy());
  outgoing.on('close', () => onward.destroy());
  incoming.pipe(onward);
}

function figures({ counts, tokenRequests, apiRequests }: AuthServer): Record<string, number> {
  const { refreshesGranted: refreshes, reusesDetected: reuses } = counts;
  const proofs = apiRequests.filter(({ headers, status }) => headers.dpop !== undefined && status === 200).length;
  return { refreshes, requests: tokenRequests.length, reuses, calls: apiRequests.length, proofs };
}
