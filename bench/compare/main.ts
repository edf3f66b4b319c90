// Measures evertoken beside other libraries, each on a server of its own, in Chromium: `npm run compare`. It writes
// bench/compare/results.json and docs/comparison.md; `-- --short` writes nothing, takes under a minute, and is what CI runs.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { launchChromium } from '../../test/support/browsers/puppeteer-tabs.js';
import type { TabBrowser } from '../../test/support/browsers/tab-browser.js';
import { runAudiences } from './audiences.js';
import { runClock, runNonces, timekeepers } from './bound.js';
import { type Comparison, findProblems, renderComparison } from './comparison.js';
import { libraries } from './stage.js';
import { applications, runTwoTabs } from './two-tabs.js';

const isLong = !process.argv.includes('--short');
const results = new URL('results.json', import.meta.url);
const page = new URL('../../docs/comparison.md', import.meta.url);

async function inChromium<T>(run: (browser: TabBrowser) => Promise<T>): Promise<T> {
  const browser = await launchChromium();
  try {
    return await run(browser);
  } finally {
    await browser.close();
  }
}

/** One library after the other, and beside it the applications that mostly wait, each in a browser of its own. */
async function compare(): Promise<Comparison> {
  const lifetimes = isLong ? 10 : 1;
  const twoTabs = Promise.all(applications.map((one) => inChromium((browser) => runTwoTabs(browser, one, lifetimes))));
  const others = inChromium(async (browser) => {
    const nonces = [];
    const clocks = [];
    for (const library of libraries) {
      nonces.push(await runNonces(browser, library, isLong ? 20 : 4));
      for (const server of Object.keys(timekeepers) as (keyof typeof timekeepers)[]) {
        for (const aheadMs of isLong ? [120_000, -120_000] : [120_000])
          clocks.push(await runClock(browser, library, server, { aheadMs, calls: 5 }));
      }
    }
    const audiences = await Promise.all(libraries.map((library) => runAudiences(browser, library, isLong)));
    return { nonces, clocks, audiences };
  });
  return {
    at: new Date().toISOString().slice(0, 10),
    versions: readVersions(),
    twoTabs: await twoTabs,
    ...(await others),
  };
}

function readVersions(): Record<string, string> {
  const read = (path: string) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
  const chromium = execFileSync(process.env.CHROMIUM_BIN ?? '/usr/bin/chromium', ['--version'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return {
    evertoken: read('../../package.json').version,
    ...read('package.json').dependencies,
    Chromium: /[\d.]+/.exec(chromium)?.[0] ?? '',
    'Node.js': process.versions.node,
  };
}

const comparison = await compare();
const text = renderComparison(comparison);
console.log(text.slice(text.indexOf('## ')));
if (isLong) {
  writeFileSync(results, `${JSON.stringify(comparison, null, 2)}\n`);
  writeFileSync(page, text);
}
const problems = findProblems(comparison);
for (const problem of problems) console.error(problem);
process.exit(problems.length > 0 ? 1 : 0);
