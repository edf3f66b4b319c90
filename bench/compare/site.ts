import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress } from 'node:zlib';
import { build, type Loader } from 'esbuild';
import { subpaths } from '../../scripts/subpaths.mjs';

/** An application at an origin of its own. */
export interface Site {
  readonly url: string;
  /** Bytes of its script, minified and compressed by Brotli. */
  readonly bytes: number;
  close(): void;
}

/** What an application is served with. */
export interface SiteOptions {
  /** Written in the source, and what is served in its place; `https://shop.example` becomes the site itself. */
  readonly addresses?: Readonly<Record<string, string>>;
  /** What the page finds as `settings`. */
  readonly settings?: object;
  /** How far its clock is ahead, in milliseconds. */
  readonly aheadMs?: number;
}

const root = new URL('../../', import.meta.url);

/** The lines of an application's source, as they are counted. */
export async function countLines(source: string): Promise<number> {
  return (await readFile(new URL(source, root), 'utf8')).trimEnd().split('\n').length;
}

/** Bundles and serves one source file, as users get it. */
export async function serveSite(source: string, options: SiteOptions = {}): Promise<Site> {
  let script = '';
  const { aheadMs = 0, settings = {} } = options;
  const head = `<script>Object.assign(globalThis, { settings: ${JSON.stringify(settings)} }); (${prepare})(${aheadMs})</script>`;
  const server = createServer((request, response) => {
    const isScript = request.url === '/app.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(
      isScript ? script : `<!doctype html>${head}<body></body><script type="module" src="/app.js"></script>`,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  script = await bundle(source, { ...options.addresses, 'https://shop.example': url });
  // behind: this process serves the other sites meanwhile
  const { length: bytes } = await promisify(brotliCompress)(script);
  return {
    url,
    bytes,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function bundle(source: string, addresses: Readonly<Record<string, string>>): Promise<string> {
  const file = fileURLToPath(new URL(source, root));
  let contents = await readFile(file, 'utf8');
  for (const [written, actual] of Object.entries(addresses)) contents = contents.replaceAll(written, actual);
  const { outputFiles } = await build({
    stdin: {
      contents,
      loader: (file.split('.').at(-1) ?? 'js') as Loader,
      resolveDir: fileURLToPath(new URL('.', `file://${file}`)),
    },
    bundle: true,
    minify: true,
    target: 'es2022',
    format: 'esm',
    jsx: 'automatic',
    write: false,
    logLevel: 'error',
    define: { 'process.env.NODE_ENV': '"production"' },
    alias: Object.fromEntries([...subpaths()].map(([name, path]) => [name, fileURLToPath(path)]).reverse()),
    footer: { js: 'globalThis.page ??= {};' },
  });
  return outputFiles[0]?.text ?? '';
}

/** Runs in the page, before the application: sets its clock, and notes when it sends what to the API. */
function prepare(aheadMs: number): void {
  const Real = Date;
  const Shifted = class extends Real {
    constructor(...all: unknown[]) {
      super(...((all.length > 0 ? all : [Real.now() + aheadMs]) as []));
    }
    static override now(): number {
      return Real.now() + aheadMs;
    }
  };
  if (aheadMs !== 0) Object.assign(globalThis, { Date: Shifted });
  const noted = { clicks: [] as number[], waits: [] as number[], again: 0 };
  const send = globalThis.fetch;
  globalThis.fetch = (...all) => {
    const [input] = all;
    if (/\/api\//.test(input instanceof Request ? input.url : String(input))) {
      const clickedAt = noted.clicks.shift();
      if (clickedAt === undefined) noted.again++;
      else noted.waits.push(performance.now() - clickedAt);
    }
    return send(...all);
  };
  Object.assign(globalThis, { noted });
}
