// `npm run playground` serves the playground on a loopback port; `npm run playground -- --build FOLDER` writes its files.
import { cpSync, createReadStream, existsSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../', import.meta.url));
const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

/** Writes the playground into a folder: three files that any static host serves. */
export async function buildPlayground(folder) {
  mkdirSync(folder, { recursive: true });
  await build({
    entryPoints: [join(root, 'playground/main.ts')],
    outfile: join(folder, 'main.js'),
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    external: ['node:*', 'msw'], // which the testing tools load on demand, and nobody demands here
    logLevel: 'error',
  });
  for (const name of ['index.html', 'style.css']) cpSync(join(root, 'playground', name), join(folder, name));
}

/** Serves a folder on loopback; resolves to the server. */
export function servePlayground(folder, port = 0) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const file = join(folder, pathname === '/' ? 'index.html' : pathname);
    if (!resolve(file).startsWith(resolve(folder)) || !existsSync(file)) return response.writeHead(404).end();
    response.setHeader('content-type', types[extname(file)] ?? 'application/octet-stream');
    createReadStream(file).pipe(response);
  });
  return new Promise((done) => server.listen(port, '127.0.0.1', () => done(server)));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [flag, folder = join(root, 'playground/dist')] = process.argv.slice(2);
  await buildPlayground(folder);
  if (flag === '--build') console.log(`The playground is in ${folder}.`);
  else {
    const server = await servePlayground(folder, Number(process.env.PORT ?? 5199));
    console.log(`http://127.0.0.1:${server.address().port}/`);
  }
}
