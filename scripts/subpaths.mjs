import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);

/**
 * What users import, and the source it stands for: `evertoken/testing` and the URL of `src/testing.ts`. Read from the
 * list of the build, so that examples, tests and the package agree.
 */
export function subpaths() {
  const build = readFileSync(new URL('tsup.config.ts', root), 'utf8');
  const entries = [...build.matchAll(/^ {4}'?([\w-]+)'?: '(src\/[\w./-]+\.ts)',$/gm)];
  return new Map(
    entries.map(([, name, path]) => [name === 'index' ? 'evertoken' : `evertoken/${name}`, new URL(path, root)]),
  );
}

/** For vitest: examples import what users import, and get the sources. */
export function sourceAliases() {
  return [...subpaths()].map(([name, source]) => ({
    find: new RegExp(`^${name}$`),
    replacement: fileURLToPath(source),
  }));
}
