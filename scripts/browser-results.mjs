// Writes docs/browser-results.md from reports/tabs.jsonl, in which `npm run test:tabs` keeps what it has counted.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const RESULTS = new URL('../reports/tabs.jsonl', import.meta.url);
const PAGE = new URL('../docs/browser-results.md', import.meta.url);

const ENGINES = {
  chromium: { name: 'Chromium', version: ['/usr/bin/chromium', '--version'] },
  firefox: { name: 'Firefox', version: ['/usr/bin/firefox-esr', '--version'] },
  webkit: { name: 'WebKitGTK', version: ['/usr/bin/WebKitWebDriver', '--version'] },
};
const STORAGES = { 'indexed-db': 'IndexedDB', local: 'localStorage', cookie: 'cookie' };

/** The newest result of each scenario counts, of long runs alone. */
function readResults() {
  const newest = new Map();
  for (const line of readFileSync(RESULTS, 'utf8').trim().split('\n')) {
    const result = JSON.parse(line);
    if (result.isLong) newest.set(`${result.engine} ${result.storage} ${result.scenario}`, result);
  }
  return [...newest.values()];
}

function versionOf([command, ...args]) {
  try {
    return /\d+(\.\d+)+/.exec(
      execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
    )?.[0];
  } catch {
    return undefined;
  }
}

function row({
  storage,
  scenario,
  rounds,
  requests,
  expected,
  signOuts,
  familiesRevoked,
  unavoidable,
  stuck,
  slowestMs,
  boundMs,
}) {
  const perRound = requests === rounds ? '1' : (requests / rounds).toFixed(2);
  const second = requests === expected && expected > rounds ? `, ${expected - rounds} of them second ones` : '';
  const revoked =
    unavoidable === undefined || familiesRevoked === 0
      ? familiesRevoked
      : `${familiesRevoked} (${unavoidable} unavoidable)`;
  const seconds = (ms) => (ms === undefined ? '' : `${(ms / 1_000).toFixed(2)} s`);
  const cells = [
    STORAGES[storage] ?? storage,
    scenario,
    rounds,
    `${requests}${second}`,
    perRound,
    signOuts,
    revoked,
    stuck ?? '',
  ];
  return `| ${[...cells, seconds(slowestMs), seconds(boundMs)].join(' | ')} |`;
}

function section(engine, results) {
  const { name, version } = ENGINES[engine];
  const order = Object.keys(STORAGES);
  const own = results.filter((result) => result.engine === engine);
  own.sort((one, other) => order.indexOf(one.storage) - order.indexOf(other.storage));
  if (own.length === 0) return '';
  const sum = (key) => own.reduce((total, result) => total + (result[key] ?? 0), 0);
  const all = `${sum('rounds')} rounds: ${sum('signOuts')} sign-outs, ${sum('familiesRevoked')} families revoked, of which ${sum('unavoidable')} unavoidable; ${sum('stuck')} rounds stuck.`;
  return `## ${[name, versionOf(version)].filter(Boolean).join(' ')}

| Session in | What happens | Rounds | Requests | A round | Sign-outs | Families revoked | Stuck | Slowest | Bound |
|---|---|--:|--:|--:|--:|--:|--:|--:|--:|
${own.map(row).join('\n')}

${all}
`;
}

const results = readResults();
const versions = [...new Set(results.map(({ version }) => `\`${version}\``))];
writeFileSync(
  PAGE,
  `# What tabs of real browsers came to

\`npm run docs:browsers\` writes this page from what the last long runs of \`npm run test:tabs\` (\`TABS_LONG=1\`) have counted.
Each row is the newest run of its scenario and stands for that run alone: one that was repeated has replaced what came
before, also where that was slower or had failed. Measured at commit ${versions.join(' and ')}. The server is strict: a
refresh token works once, and presenting it again revokes the whole family.

- **Rounds**: the access token expires, or a refresh is due, and several tabs want the next one; or what the row says happens.
- **Requests**: to the token endpoint, by the server's own record. *Second ones* are those in a round in which the tab that
  had sent the first never brought its answer home: it was closed, frozen, crashed, reloaded or left in between.
- **Sign-outs**: tabs that were told that their session is over, without a sign-out and outside the unavoidable case.
- **Stuck**: rounds in which the process of a tab was stopped in the few milliseconds of a transaction of IndexedDB that
  writes. No other tab gets to the database then, as long as the process neither goes on nor ends: the others look at a storage
  that does not answer for 5 s before they wait for the lock, and again after it. Then they get what was stored, or an error that
  says when to ask again; nobody is signed out. It takes a tab that is stopped from outside: a process by a signal, in Chromium a
  page by the DevTools protocol.
- **Slowest**: the longest that a tab which is still there waited for its token, rounds that were stuck aside. **Bound**: what it may be at most, for
  the lock \`timeoutMs\` (2 s in these tests) and 5 s, and then \`timeoutMs\` for a request of one's own.

**Signing out and leaving.** Each of these rows is 20 moments after \`endSession()\` was called, promise jobs and milliseconds up
to 200, each once alone and once beside a tab that refreshes. A round in which the next page finds somebody signed in, or the
server was not told, fails the test; in these rounds there was none.

**The unavoidable case.** The server has taken the refresh token and issued the next one, and the tab is gone, or frozen until
others presume it dead, before the answer is stored. Nobody has the new refresh token then, and a strict server answers the old
one by revoking the family: the session ends with the reason \`lost\`. A round counts as this case if the server's record
shows both, the first request granted and the second one refused because its refresh token had been used, and if the tab went
before or at most a second after the answer was sent. A reuse window on the server, of as much as \`timeoutMs\` and 5 s, turns it
into an ordinary second request.

${Object.keys(ENGINES)
  .map((engine) => section(engine, results))
  .filter(Boolean)
  .join('\n')}`,
);
