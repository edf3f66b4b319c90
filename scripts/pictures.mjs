// `npm run pictures` takes the pictures of docs/images that show a page, with Debian's Chromium.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import puppeteer from 'puppeteer-core';
import { buildPlayground, servePlayground } from './playground.mjs';

const root = fileURLToPath(new URL('../', import.meta.url));
const picture = (name) => join(root, 'docs/images', `${name}.webp`);
const source = (path) => JSON.stringify(join(root, 'src', path));

/** A page in which a session has had some trouble. */
const page = `
  import { createFetch, createTokenManager } from ${source('index.ts')};
  import { showDevtools, withDevtools } from ${source('integrations/devtools.ts')};
  import { createAuthServer } from ${source('testing.ts')};
  const server = createAuthServer({ accessTokenLifetimeMs: 600_000 });
  const refresh = ({ refreshToken }) =>
    server.fetch(server.tokenUrl, { method: 'POST', body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken }) });
  const tokens = withDevtools(createTokenManager)({ refresh });
  const api = createFetch(tokens, { origins: [server.origin], fetch: server.fetch });
  tokens.startSession(server.signIn({ scope: 'openid orders' })).then(async () => {
    server.next({ status: 503 });
    server.revokeAccessTokens();
    await api(server.apiUrl);
    showDevtools(tokens, { open: true });
    const root = document.querySelector('evertoken-devtools').shadowRoot;
    [...root.querySelectorAll('button')].find(({ textContent }) => textContent === 'Lost').click();
    setTimeout(() => { document.title = 'ready'; }, 1_000);
  });`;

const folder = mkdtempSync(join(tmpdir(), 'evertoken-playground-'));
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM_BIN ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
try {
  for (const scheme of ['light', 'dark']) {
    const tab = await browser.newPage();
    await tab.setViewport({ width: 456, height: 770 });
    await tab.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    await tab.setContent('<!doctype html><html lang="en"><meta name="color-scheme" content="light dark"><body>');
    const stdin = { contents: page, resolveDir: root };
    const bundle = { bundle: true, write: false, format: 'iife', external: ['node:*', 'msw'], logLevel: 'error' };
    const { outputFiles } = await build({ stdin, ...bundle });
    await tab.addScriptTag({ content: outputFiles[0]?.text ?? '' });
    await tab.waitForFunction('document.title === "ready"');
    await tab.screenshot({ path: picture(`devtools-${scheme}`), quality: 70 });
  }
  await buildPlayground(folder);
  const server = await servePlayground(folder);
  const { port } = server.address();
  const tab = await browser.newPage();
  await tab.setViewport({ width: 1100, height: 1000 });
  await tab.goto(`http://127.0.0.1:${port}/#preset=slow&seed=1&speed=600`);
  await tab.waitForFunction(() => parseInt(document.querySelector('output[aria-label]')?.textContent ?? '', 10) >= 30);
  await tab.screenshot({ path: picture('playground'), quality: 60 });
  server.close();
} finally {
  await browser.close();
  rmSync(folder, { recursive: true });
}
