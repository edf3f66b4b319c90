import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build, type Plugin } from 'esbuild';

/** A safeguard taken out of the code: a text in a file, and what stands there instead. */
export interface Patch {
  /** Below `src`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Makes one module of the worker, with the patches applied to the code it tests; fails where a text is not there any more. */
export async function buildWorker(root: string, outfile: string, patches: readonly Patch[] = []): Promise<string> {
  const applied = new Set<Patch>();
  const plugin: Plugin = {
    name: 'patches',
    setup: ({ onLoad }) => {
      onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, ({ path }) => {
        const file = relative(join(root, 'src'), path);
        let contents = readFileSync(path, 'utf8');
        for (const patch of patches.filter((patch) => patch.file === file)) {
          if (contents.split(patch.find).length !== 2) {
            throw new Error(`expected exactly once in src/${file}, adapt test/simulation/mutations.ts: ${patch.find}`);
          }
          contents = contents.replace(patch.find, () => patch.replace);
          applied.add(patch);
        }
        return { contents, loader: 'ts' };
      });
    },
  };
  await build({
    entryPoints: [join(root, 'test', 'simulation', 'worker.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'silent',
    plugins: [plugin],
  });
  for (const { file } of patches.filter((patch) => !applied.has(patch))) throw new Error(`src/${file} is not there`);
  return outfile;
}
