// Writes the API reference from the comments of the sources: a page for each subpath.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Application } from 'typedoc';
import { subpaths } from '../scripts/subpaths.mjs';

const site = fileURLToPath(new URL('./', import.meta.url));

/** Writes the pages into a folder; `README.md` there lists them. */
export async function writeApi(folder) {
  rmSync(folder, { recursive: true, force: true });
  const app = await Application.bootstrapWithPlugins({
    plugin: ['typedoc-plugin-markdown'],
    entryPoints: [...subpaths().values()].map((url) => fileURLToPath(url)),
    tsconfig: join(site, 'tsconfig.api.json'),
    outputs: [{ name: 'markdown', path: folder }],
    name: 'API reference',
    readme: 'none',
    router: 'module',
    logLevel: 'Error',
    skipErrorChecking: true, // `npm run typecheck` does that
    excludePrivate: true,
    excludeInternal: true,
    excludeExternals: true,
    disableSources: true,
    groupOrder: ['Functions', 'Classes', 'Interfaces', 'Type Aliases', '*'],
    hideBreadcrumbs: true,
    hidePageHeader: true,
    sanitizeComments: true,
    useCodeBlocks: true,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    typeDeclarationFormat: 'table',
    tableColumnSettings: { hideSources: true, hideModifiers: true },
  });
  const project = await app.convert();
  if (!project) throw new Error('Expected typedoc to read the sources, but it gave up; its errors are above.');
  const names = new Map([...subpaths()].map(([subpath, url]) => [fileURLToPath(url), pageOf(subpath)]));
  for (const module of project.children ?? []) {
    const source = project.getSymbolIdFromReflection(module)?.fileName;
    module.name = names.get(String(source)) ?? module.name; // which its page is called after
  }
  await app.generateOutputs(project);
  for (const subpath of subpaths().keys()) retitle(join(folder, `${pageOf(subpath)}.md`), subpath);
  mendAnchors(folder);
  const index = join(folder, 'README.md');
  const list = [...subpaths().keys()].map((subpath) => `- [\`${subpath}\`](${pageOf(subpath)}.md)`);
  writeFileSync(
    join(folder, 'index.md'),
    `# API reference\n\nMade from the comments of the sources: what each subpath exports, with units, bounds, defaults and errors.\n\n${list.join('\n')}\n`,
  );
  rmSync(index);
}

/** `evertoken/axios` is described in `axios.md`, the root in `evertoken.md`. */
export function pageOf(subpath) {
  return subpath.replace('evertoken/', '');
}

function retitle(file, subpath) {
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^# .*/, `# ${subpath}`));
}

/** typedoc counts an anchor that a page has once as its second one: `#lockerrorcode-1`. */
function mendAnchors(folder) {
  const pages = new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
  for (const [name, text] of pages) {
    const mended = text.replace(/\((?:\.\/)?([\w-]*(?:\.md)?)#([\w-]+)-1\)/g, (whole, page, anchor) => {
      const target = pages.get(page || name) ?? '';
      const headings = target.match(new RegExp(`^#+ \\W*${anchor}\\W*$`, 'gim')) ?? [];
      return target.includes(`<a id="${anchor}-1"></a>`) || headings.length !== 1 ? whole : `(${page}#${anchor})`;
    });
    writeFileSync(join(folder, name), mended);
  }
}
