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

/** The text of a file below `src` with the patches in it; throws where a text is not there exactly once. */
export function applyPatches(root: string, file: string, patches: readonly Patch[]): string {
  let contents = readFileSync(join(root, 'src', file), 'utf8');
  for (const { find, replace } of patches) {
    if (contents.split(find).length !== 2) {
      throw new Error(`expected exactly once in src/${file}, adapt test/simulation/mutations.ts: ${find}`);
    }
    contents = contents.replace(find, () => replace);
  }
  return contents;
}

/** Makes one module of the worker, with the patches applied to the code it tests; fails where a text is not there any more. */
export async function buildWorker(
  root: string,
  outfile: string,
  patches: readonly Patch[] = [],
  worker = 'test/simulation/worker.ts',
): Promise<string> {
  const applied = new Set<Patch>();
  const plugin: Plugin = {
    name: 'patches',
    setup: ({ onLoad }) => {
      onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, ({ path }) => {
        const file = relative(join(root, 'src'), path);
        const own = patches.filter((patch) => patch.file === file);
        for (const patch of own) applied.add(patch);
        return { contents: applyPatches(root, file, own), loader: 'ts' };
      });
    },
  };
  await build({
    entryPoints: [join(root, worker)],
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
