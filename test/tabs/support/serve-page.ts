import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { build } from 'esbuild';

/** Serves an empty page that runs a bundle of the module, on a loopback port. */
export async function servePage(module: string): Promise<{ url: string; close(): void }> {
  const { outputFiles } = await build({ entryPoints: [module], bundle: true, format: 'esm', write: false });
  const script = outputFiles[0]?.text ?? '';
  const server: Server = createServer((request, response) => {
    const isScript = request.url?.startsWith('/page.js');
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(
      isScript ? script : '<!doctype html><title>loading</title><script type="module" src="/page.js"></script>',
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
