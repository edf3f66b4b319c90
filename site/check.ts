// `npm run docs:check` looks at the built site: links, what it asks for, the search, and axe-core in light, dark and on a phone.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { servePlayground as serve } from '../scripts/playground.mjs';
import { engines } from '../test/support/browsers/engines.js';
import { checkLinks } from './links.mjs';

const dist = fileURLToPath(new URL('./dist/', import.meta.url));
const axe = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
const looked = ['index', 'start', 'errors', 'migrate/axios-interceptor', 'api/evertoken', 'playground/index'];
const screens = [
  { name: 'wide', width: 1280, height: 900 },
  { name: 'phone', width: 360, height: 740 },
];
const pictures = process.argv.includes('--pictures') ? join(dist, '../pictures') : undefined;
const faults: string[] = [];

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly target: readonly unknown[]; readonly failureSummary?: string }[];
}

async function look(browser: Browser, origin: string, path: string, scheme: 'light' | 'dark'): Promise<void> {
  const page = await browser.newPage();
  page.on('request', (request) => {
    const { protocol, origin: asked } = new URL(request.url());
    if (!['data:', 'blob:'].includes(protocol) && asked !== origin) faults.push(`${path}: asks ${asked} for something`);
  });
  page.on('pageerror', (error) => faults.push(`${path}: ${String(error)}`));
  await page.emulateMediaFeatures([
    { name: 'prefers-color-scheme', value: scheme },
    { name: 'prefers-reduced-motion', value: 'reduce' },
  ]);
  for (const { name, width, height } of screens) {
    await page.setViewport({ width, height });
    await page.goto(`${origin}/${path}.html`, { waitUntil: 'networkidle0' });
    const where = `${path}, ${scheme}, ${name}`;
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (over > 0) faults.push(`${where}: ${over} px wider than the screen`);
    await page.evaluate(axe);
    const violations = await page.evaluate(async () => {
      const found = await (globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } }).axe.run();
      return found.violations.map(({ id, nodes }) => ({
        id,
        nodes: nodes.map(({ target, failureSummary }) => ({ target, failureSummary })),
      }));
    });
    for (const { id, nodes } of violations) {
      faults.push(
        `${where}: ${id} (${nodes.length}), first ${nodes[0]?.target.join(' ')}: ${nodes[0]?.failureSummary}`,
      );
    }
    if (pictures) {
      mkdirSync(pictures, { recursive: true });
      await page.screenshot({ path: join(pictures, `${path.replaceAll('/', '-')}-${scheme}-${name}.png`) });
    }
  }
  await page.close();
}

/** The address that the first answer to a search leads to. */
async function search(page: Page, words: string): Promise<string> {
  await page.click('.VPNavBarSearch button');
  await page.waitForSelector('.VPLocalSearchBox input');
  await page.type('.VPLocalSearchBox input', words);
  await page.waitForSelector('.VPLocalSearchBox .result');
  const [first = ''] = await page.$$eval('.VPLocalSearchBox .result', (all) =>
    all.map((link) => link.getAttribute('href') ?? ''),
  );
  await page.keyboard.press('Escape');
  await page.waitForSelector('.VPLocalSearchBox', { hidden: true });
  return first;
}

async function checkInBrowser(): Promise<void> {
  const server: Server = await serve(dist);
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM_BIN ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  });
  try {
    for (const path of looked.filter((name) => existsSync(join(dist, `${name}.html`)))) {
      for (const scheme of ['light', 'dark'] as const) await look(browser, origin, path, scheme);
    }
    const page = await browser.newPage();
    await page.setViewport({ width: 1280, height: 900 });
    await page.goto(`${origin}/errors.html`, { waitUntil: 'networkidle0' });
    for (const code of ['ERR_SESSION_LOST', 'ERR_LOCK_TIMEOUT', 'ERR_REFRESH_CONFIG']) {
      const found = await search(page, code);
      if (found !== `/errors.html#${code.toLowerCase()}`) faults.push(`a search for ${code} leads to ${found} first`);
    }
  } finally {
    await browser.close();
    server.close();
  }
}

const links = checkLinks(dist);
faults.push(...links.faults);
if (engines.some(({ name }) => name === 'chromium')) await checkInBrowser();
for (const fault of faults) console.error(fault);
console.log(`${links.pages} pages, ${faults.length} faults`);
process.exitCode = faults.length > 0 ? 1 : 0;
