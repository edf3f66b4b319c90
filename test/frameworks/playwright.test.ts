import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { build } from 'esbuild';
import { chromium, type Page } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import { signedInContext } from '../../examples/frameworks/playwright.js';
import { createAuthServer } from '../../src/testing.js';

const binary = process.env.CHROMIUM_BIN ?? '/usr/bin/chromium';

/** A page that keeps its session in localStorage, and the server that it signs in at. */
async function serve() {
  const server = createAuthServer();
  const { tokenUrl, signInUrl, close } = await server.listen();
  const source = (path: string) => JSON.stringify(join(import.meta.dirname, '../../src', path));
  const { outputFiles } = await build({
    stdin: {
      resolveDir: import.meta.dirname,
      contents: `
        import { createTokenManager, tokenEndpoint } from ${source('index.ts')};
        import { browser } from ${source('presets/browser.ts')};
        import { webStorage } from ${source('presets/web-storage.ts')};
        globalThis.tokens = createTokenManager({
          refresh: tokenEndpoint({ url: '${tokenUrl}', clientId: 'app', allowInsecure: true }),
          platform: browser({ storage: webStorage('local') }),
        });
        globalThis.signIn = async () => {
          const response = await fetch('${signInUrl}', { method: 'POST', body: new URLSearchParams({ user: 'ada', client_id: 'app' }) });
          await tokens.startSession(await response.json());
        };`,
    },
    bundle: true,
    write: false,
    format: 'iife',
    logLevel: 'error',
  });
  const script = outputFiles[0]?.text ?? '';
  const http = createServer((_, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(`<!doctype html><title>app</title><script>${script}</script>`);
  }).listen(0, '127.0.0.1');
  await once(http, 'listening');
  onTestFinished(async () => {
    http.closeAllConnections();
    http.close();
    await close();
  });
  return { server, url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/` };
}

test.skipIf(!existsSync(binary) && !process.env.REQUIRE_BROWSERS)(
  "S5: Playwright's storageState carries a session into the contexts of a worker, which refresh it as their own",
  async () => {
    const { server, url } = await serve();
    const browser = await chromium.launch({ executablePath: binary, args: ['--no-sandbox'] });
    onTestFinished(() => browser.close());
    const signIn = async (page: Page) => {
      await page.goto(url);
      await page.evaluate('signIn()');
    };
    const context = await signedInContext(browser, signIn);
    const page = await context.newPage();
    await page.goto(url);
    const token = await page.evaluate('tokens.getAccessToken()');
    expect(server.inspect(String(token))).toMatchObject({ user: 'ada', active: true });
    await page.evaluate('tokens.refresh()');
    expect(await page.evaluate('tokens.getAccessToken()')).not.toBe(token);
    expect([server.counts.refreshesGranted, server.counts.reusesDetected]).toEqual([1, 0]);
  },
);
