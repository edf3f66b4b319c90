// Lets Node run the TypeScript of this repository as it stands, with nothing built:
// `node --import ./scripts/typescript.mjs examples/demonstration/main.ts`. Node strips the types by itself; what is left
// to do is to find `session.ts` where an import says `session.js`, and the sources where it says `evertoken`.
import { existsSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { subpaths } from './subpaths.mjs';

const root = new URL('../', import.meta.url).href;
const sources = subpaths();

registerHooks({
  resolve(specifier, context, nextResolve) {
    const source = sources.get(specifier);
    if (source) return nextResolve(source.href, context);
    if (/^\.\.?\/.*\.js$/.test(specifier) && context.parentURL?.startsWith(root)) {
      const url = new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL);
      if (existsSync(url)) return nextResolve(url.href, context);
    }
    return nextResolve(specifier, context);
  },
});
