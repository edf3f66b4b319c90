import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { subpaths } from '../../scripts/subpaths.mjs';

/** Makes one module of a TypeScript file, so that a process of its own can run it; deleted on exit. */
export function bundle(entry: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'evertoken-bundle-'));
  chmodSync(folder, 0o755); // for processes of other users
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const outfile = join(folder, `${basename(entry, '.ts')}.mjs`);
  buildSync({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    // what examples import is what lies here, built or not
    alias: Object.fromEntries([...subpaths()].map(([name, source]) => [name, fileURLToPath(source)])),
    // packages made for require() ask for it
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'error',
  });
  return outfile;
}
