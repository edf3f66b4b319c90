// Compares the names that each subpath of the built package has at run time, as ES module and as CommonJS, with
// test/exports.json. A name that appears or goes is a change of the public surface: `npm run check:exports -- --update`
// writes the list, and the diff is read in review.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const root = new URL('../', import.meta.url);
const list = new URL('test/exports.json', root);
const require = createRequire(import.meta.url);
const { name, exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

const found = {};
const faults = [];
for (const subpath of Object.keys(exports).filter((key) => key !== './package.json')) {
  const specifier = name + subpath.slice(1); // resolved through our own `exports`, as a user's import is
  const [esm, cjs] = [await import(specifier), require(specifier)].map((names) => Object.keys(names).sort());
  if (esm.join() !== cjs.join()) faults.push(`${specifier}: import has ${esm}; require has ${cjs}`);
  if (esm.includes('default')) faults.push(`${specifier}: has a default export`);
  found[subpath] = esm;
}

if (process.argv.includes('--update')) writeFileSync(list, `${JSON.stringify(found, null, 2)}\n`);
const expected = JSON.parse(readFileSync(list, 'utf8'));
for (const subpath of new Set([...Object.keys(found), ...Object.keys(expected)])) {
  const [is, was] = [found[subpath] ?? [], expected[subpath] ?? []];
  const added = is.filter((key) => !was.includes(key));
  const gone = was.filter((key) => !is.includes(key));
  if (added.length) faults.push(`${subpath}: new and not in test/exports.json: ${added.join(', ')}`);
  if (gone.length) faults.push(`${subpath}: in test/exports.json and gone: ${gone.join(', ')}`);
}

for (const fault of faults) console.error(fault);
const names = Object.values(found).flat().length;
if (faults.length === 0) console.log(`${Object.keys(found).length} subpaths with ${names} names, as listed`);
process.exitCode = faults.length ? 1 : 0;
