import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { subpaths } from '../../../scripts/subpaths.mjs';
import { type AuthServer, createAuthServer } from '../../../src/testing.js';

/** The React application of the documentation, with a server to sign in at. */
export interface ReactApplication {
  readonly url: string;
  readonly server: AuthServer;
  close(): Promise<void>;
}

const source = fileURLToPath(new URL('../../../examples/react-sign-in.tsx', import.meta.url));

/** Serves it as it stands, but for the addresses in it. */
export async function serveReactApplication(): Promise<ReactApplication> {
  const server = createAuthServer();
  const auth = await server.listen();
  let script = '';
  const http = createServer((request, response) => {
    const isScript = request.url === '/app.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(
      isScript ? script : '<!doctype html><html><body></body><script type="module" src="/app.js"></script></html>',
    );
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  script = await bundle({
    'https://auth.example': auth.origin,
    'https://shop.example': url,
    'https://api.example/orders': `${auth.apiUrl}/orders`,
    'https://api.example': auth.origin,
  });
  return {
    url,
    server,
    async close() {
      http.closeAllConnections();
      http.close();
      await auth.close();
    },
  };
}

/** The bundle as a developer has it: React runs effects twice under StrictMode. */
async function bundle(addresses: Record<string, string>): Promise<string> {
  let contents = await readFile(source, 'utf8');
  for (const [written, actual] of Object.entries(addresses)) contents = contents.replaceAll(written, actual);
  const { outputFiles } = await build({
    stdin: { contents, loader: 'tsx', resolveDir: fileURLToPath(new URL('.', import.meta.url)) },
    bundle: true,
    format: 'esm',
    jsx: 'automatic',
    write: false,
    define: { 'process.env.NODE_ENV': '"development"' },
    alias: Object.fromEntries([...subpaths()].map(([name, file]) => [name, fileURLToPath(file)]).reverse()),
    footer: { js: 'globalThis.page = {};' },
  });
  return outputFiles[0]?.text ?? '';
}
