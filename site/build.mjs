// `npm run docs` builds the site into `site/dist`; `npm run docs:dev` serves it while pages are written.
import { fileURLToPath } from 'node:url';
import { build, createServer } from 'vitepress';
import { follow, stage } from './stage.mjs';

const site = fileURLToPath(new URL('./', import.meta.url));

await stage();
if (process.argv.includes('--serve')) {
  follow();
  const server = await createServer(site, { host: '127.0.0.1', port: Number(process.env.PORT ?? 5198) });
  await server.listen();
  server.printUrls();
} else {
  await build(site);
  console.log('The site is in site/dist: any static host serves it.');
}
