// Makes one module of a simulation and runs it: `npm run simulate -- --seeds 100000`, `-- --seed 7`, `-- --mutations`;
// `npm run simulate:fleet`, with the same arguments, for the fleet.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const [first, ...rest] = process.argv.slice(2);
const isFleet = first === 'fleet';
const root = join(import.meta.dirname, '..');
const cache = join(root, 'node_modules', '.cache');
mkdirSync(cache, { recursive: true });
// inside the project, so that what is left outside the module is found
const folder = mkdtempSync(join(cache, 'simulation-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const outfile = join(folder, 'run.mjs');
await build({
  entryPoints: [join(root, 'test', 'simulation', isFleet ? 'fleet/run.ts' : 'run.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  external: ['esbuild'],
  logLevel: 'error',
});
const { run } = await import(outfile);
process.exitCode = await run({ root, folder, args: isFleet ? rest : process.argv.slice(2) });
