// Runs the OAuth scenarios of the conformance suite of the Model Context Protocol: `npm run test:conformance`.
// The suite has a package.json and a lock of its own here; the script of the root installs it. `-- auth/dpop` runs one.
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const suite = join(here, 'node_modules/@modelcontextprotocol/conformance/dist/index.js');
const loader = pathToFileURL(join(here, '../../scripts/typescript.mjs')).href;
const command = `${process.execPath} --import ${loader} ${join(here, 'client.ts')}`;

/** What is known to fail, each with its reason. What fails and is not here fails the run, and so does what is here and passes. */
/** @type {Record<string, string>} */
const expectedFailures = {};
/** Fewer scenarios than this would mean that the suite was not read as it should be. */
const LEAST = 33;
const AT_ONCE = 3;

const listed = execFileSync(process.execPath, [suite, 'list', '--client'], { encoding: 'utf8' });
const [asked] = process.argv.slice(2);
const scenarios = asked ? [asked] : [...listed.matchAll(/^ +- (auth\/\S+)/gm)].map(([, name]) => name);
const results = mkdtempSync(join(tmpdir(), 'evertoken-conformance-'));

/** Runs one scenario; gives its checks that failed, with what the client said. */
async function run(scenario) {
  const folder = join(results, scenario.replaceAll('/', '-'));
  const args = [suite, 'client', '--scenario', scenario, '--command', command, '-o', folder];
  const { code, output } = await new Promise((resolve) => {
    execFile(process.execPath, args, { timeout: 120_000, maxBuffer: 2 ** 26 }, (error, stdout, stderr) =>
      resolve({ code: error ? 1 : 0, output: stdout + stderr }),
    );
  });
  const file = readdirSync(folder, { recursive: true }).find((name) => name.endsWith('checks.json'));
  const checks = file ? JSON.parse(readFileSync(join(folder, file), 'utf8')) : [];
  const count = (status) => checks.filter((check) => check.status === status).length;
  const passes = code === 0 && count('FAILURE') === 0 && count('WARNING') === 0 && count('SUCCESS') > 0;
  return { passes, checks: count('SUCCESS'), failed: count('FAILURE'), warnings: count('WARNING'), output };
}

const rows = {};
let passed = 0;
const problems = [];
const queue = [...scenarios];
async function work() {
  for (let scenario = queue.shift(); scenario !== undefined; scenario = queue.shift()) {
    const { passes, output, ...counts } = await run(scenario);
    const expected = expectedFailures[scenario];
    passed += Number(passes);
    rows[scenario] = { outcome: passes ? 'passes' : expected ? 'fails, as expected' : 'FAILS', ...counts };
    if (passes && expected) problems.push(`${scenario} passes: take it out of the expected failures`);
    if (!passes && !expected) problems.push(`${scenario} fails:\n${output}`);
    if (!passes && expected && asked) console.log(output);
  }
}
await Promise.all(Array.from({ length: AT_ONCE }, work));
rmSync(results, { recursive: true, force: true });

console.table(Object.fromEntries(scenarios.map((scenario) => [scenario, rows[scenario]])));
for (const [scenario, reason] of Object.entries(expectedFailures))
  console.log(`expected to fail: ${scenario}: ${reason}`);
if (!asked && scenarios.length < LEAST) problems.push(`only ${scenarios.length} scenarios, expected ${LEAST}`);
for (const problem of problems) console.error(problem);
console.log(`${passed} of ${scenarios.length} scenarios pass`);
process.exit(problems.length > 0 ? 1 : 0);
