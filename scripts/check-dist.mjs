// What only the built files can show, as part of `npm run check:package`: source maps that give away neither sources nor
// paths of the machine that built them, no look-up of a package in what Node loads, one copy of the errors per format,
// no import of a chunk that takes nothing from it, and no sentence in the errors of what pages load.
import { readdirSync, readFileSync } from 'node:fs';
import { hasBareImport } from './bare-imports.mjs';
import { longMessages } from './long-messages.mjs';

const dist = new URL('../dist/', import.meta.url);
const files = readdirSync(dist, { recursive: true, encoding: 'utf8' }).map((name) => name.replaceAll('\\', '/'));
const read = (name) => readFileSync(new URL(name, dist), 'utf8');
const { peerDependencies } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const faults = [];

for (const name of files.filter((file) => file.endsWith('.map'))) {
  const { sources, sourcesContent } = JSON.parse(read(name));
  if (sourcesContent?.some(Boolean)) faults.push(`${name}: holds the sources themselves`);
  for (const source of sources) {
    if (/^(\/|\w+:)/.test(source)) faults.push(`${name}: names a source by a path of this machine, ${source}`);
  }
}

for (const name of files.filter((file) => /\.c?js$/.test(file))) {
  if (hasBareImport(read(name))) faults.push(`${name}: imports a chunk and takes nothing from it`);
}

const formats = {
  'for bundlers': files.filter((name) => /^[\w-]+\.js$/.test(name)),
  'for pages': files.filter((name) => /^for-pages\/[\w-]+\.js$/.test(name)),
  'for Node': files.filter((name) => /^for-node\/[\w-]+\.js$/.test(name)),
  'as CommonJS': files.filter((name) => name.endsWith('.cjs')),
};
for (const [format, names] of Object.entries(formats)) {
  const copies = names.filter((name) => /\bTokenError = class\b|\bclass TokenError\b/.test(read(name)));
  if (copies.length !== 1) faults.push(`${format}: expected the errors in one file, but they are in [${copies}]`);
  if (format === 'for bundlers' || format === 'for pages') continue; // a bundler finds the packages
  for (const name of names) {
    for (const [, found] of read(name).matchAll(
      /(?:\bfrom |\bimport |\b(?:import|require)\()["']([^"'.][^"']*)["']/g,
    )) {
      const isPeer = found in peerDependencies;
      if (!isPeer && !found.startsWith('node:'))
        faults.push(`${name}: expected ${found} to be built in, but it is imported`);
    }
  }
}

const pages = formats['for pages'].filter((name) => name !== 'for-pages/testing.js'); // which is there to tell a lot
faults.push(...longMessages(pages.map((name) => [name, read(name)])));

for (const fault of faults) console.error(fault);
const counts = Object.entries(formats).map(([format, names]) => `${names.length} ${format}`);
if (faults.length === 0)
  console.log(
    `${counts.join(', ')}: one copy of the errors each, maps without sources, no import for nothing, no sentence in the errors for pages`,
  );
process.exitCode = faults.length ? 1 : 0;
