import { type Audiences, expiringMs } from './audiences.js';
import type { Clock, Nonces } from './bound.js';
import { latencyMs, lifetimeMs, patienceMs, type TwoTabs, waitMs } from './two-tabs.js';

/** What one run has counted. */
export interface Comparison {
  /** The day, such as `2026-11-27`. */
  readonly at: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly twoTabs: readonly TwoTabs[];
  readonly nonces: readonly Nonces[];
  readonly clocks: readonly Clock[];
  readonly audiences: readonly Audiences[];
}

/** What should not be: of ours what it promises, and of the others what shows that they were not set up as they should be. */
export function findProblems({ twoTabs, nonces, clocks, audiences }: Comparison): string[] {
  const problems: string[] = [];
  const expect = (isRight: boolean, what: string): void => void (isRight || problems.push(`Expected ${what}.`));
  const ofOurs = <T extends { name: string }>(rows: readonly T[]): T[] =>
    rows.filter(({ name }) => name === 'evertoken');
  for (const { lines, reuses, refused, signedIn, signOutSeen, callsAfterSignOut, ...row } of ofOurs(twoTabs)) {
    expect(lines <= 40 && row.signIns === 1, 'the application to have 40 lines and to sign in once for both tabs');
    expect(reuses === 0 && refused === 0 && signedIn === 2, 'two tabs to stay signed in with no request refused');
    expect(
      row.refreshes > 0 && row.refreshes <= 1 + row.lifetimes / 0.7,
      'one refresh a lifetime for both tabs, due after 70 % of it',
    );
    expect(signOutSeen && callsAfterSignOut === 0, 'a sign-out to end the session of the other tab');
  }
  for (const { name, refreshes, calls } of twoTabs)
    expect(refreshes > 0 && calls > 0, `${name} to refresh and to call`);
  for (const { name, signedIn, failed, atOnce, atOnceAnswered } of nonces) {
    expect(signedIn === 'signed in' && failed === 0 && atOnce === atOnceAnswered, `${name} to get on with nonces`);
  }
  for (const { calls, answered } of ofOurs(clocks)) expect(answered === calls, 'a wrong clock to stop no call');
  for (const { rounds, cannot, reuses, isAlive } of ofOurs(audiences)) {
    if (cannot !== undefined) continue;
    expect(reuses === 0 && isAlive, 'no refresh token to be presented twice for several audiences');
    expect(
      rounds.every(({ served }) => served === 3),
      'each audience to get its access token',
    );
  }
  return problems;
}

/** Said where it has happened: two tabs are a race. */
const met = `Where a refresh token was presented twice, the refreshes of the two tabs have met: nothing in oidc-client-ts keeps tabs apart
(\`UserManager._useRefreshToken\`). The server then revoked the session, and the tabs went on calling with a dead token.

`;

/** The page of the documentation. */
export function renderComparison({ at, versions, twoTabs, nonces, clocks, audiences }: Comparison): string {
  const tested = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `# Beside other libraries

\`npm run compare\` in the repository writes this page: every figure is from its last run, on ${at}, with ${tested.join(', ')}.
Each library has an authorization server of its own, \`createAuthServer\` of \`evertoken/testing\` on loopback. It is strict: a refresh
token works once, and presenting it again revokes every token of the session. Each is configured as its documentation says, but for
what is named here. What is counted is what the server has seen. The sources are in
[bench/compare](https://github.com/evertoken/evertoken/tree/main/bench/compare): if one of them could be set up better, please say so.

## The same React application in two tabs

Sign in, call an API, sign out: [ours](https://github.com/evertoken/evertoken/blob/main/examples/react-sign-in.tsx) and
[the same with react-oidc-context](https://github.com/evertoken/evertoken/blob/main/bench/compare/pages/react-oidc-context.tsx), with
its session in \`localStorage\`, and without that line. Access tokens live ${lifetimeMs / 1_000} s, and the token endpoint takes ${latencyMs} ms.
Both tabs are signed in and then loaded anew at the same moment, as when a browser restores them. Each calls the API twice a second,
the hidden one once, because browsers slow its timers down. In the end one signs out.

${table(
  ['', ...twoTabs.map(({ name }) => name)],
  [
    ['lines of code', ...twoTabs.map(({ lines }) => lines)],
    ['script with React, minified and compressed', ...twoTabs.map(({ bytes }) => `${(bytes / 1_000).toFixed(1)} kB`)],
    ['times that the user signed in', ...twoTabs.map(({ signIns }) => signIns)],
    ['lifetimes of an access token', ...twoTabs.map(({ lifetimes }) => lifetimes)],
    ['refreshes a lifetime', ...twoTabs.map(({ refreshes, lifetimes }) => (refreshes / lifetimes).toFixed(1))],
    ['refresh tokens presented twice', ...twoTabs.map(({ reuses }) => reuses)],
    ['calls of the API', ...twoTabs.map(({ calls }) => calls)],
    ['of these answered 401', ...twoTabs.map(({ refused }) => refused)],
    [`of these sent after more than ${waitMs} ms`, ...twoTabs.map(({ waited }) => waited)],
    ['tabs that show the user as signed in after it all', ...twoTabs.map(({ signedIn }) => `${signedIn} of 2`)],
    [
      `the other tab shows the sign-out within ${patienceMs / 1_000} s`,
      ...twoTabs.map(({ signOutSeen }) => (signOutSeen ? 'yes' : 'no')),
    ],
    ['calls of the other tab that were answered after it', ...twoTabs.map((row) => row.callsAfterSignOut)],
  ],
)}

${twoTabs.some(({ name, reuses }) => name !== 'evertoken' && reuses > 0) ? met : ''}oidc-client-ts is told to refresh 10 s before the end instead of 60 s, because these access tokens live so short; it looks every 5 s
whether it is time. So it refreshes more often than it would with access tokens of an hour. evertoken is left
as it is: a refresh is due when 30 % of the lifetime are left. React is built for production.

## A nonce that changes with every answer

DPoP (RFC 9449), with a server and an API that demand nonces, take each once, and give the next with every answer.

${table(
  ['', ...nonces.map(({ name }) => name)],
  [
    ['requests of a sign-in', ...nonces.map(({ signInRequests }) => signInRequests)],
    ['requests a call, one after the other', ...nonces.map((row) => ratio(row.callRequests, row.calls))],
    ['requests a call, all at once', ...nonces.map((row) => ratio(row.atOnceRequests, row.atOnce))],
    ['calls at once that were answered', ...nonces.map((row) => `${row.atOnceAnswered} of ${row.atOnce}`)],
    ['requests a refresh', ...nonces.map((row) => ratio(row.refreshRequests, row.refreshes))],
    ['calls and refreshes that failed', ...nonces.map(({ failed }) => failed)],
  ],
)}

evertoken and atproto's client push their authorization requests (RFC 9126), which auth0-spa-js does not. evertoken keeps nonces in
memory: the page that the user comes back to starts without one.

## A clock two minutes off

One server takes proofs that are dated within 60 s of its own clock. The other one gives nonces, and goes by them. A sign-in, and five
calls; both servers expose \`Date\` to pages.

${table(
  ['', 'the server', 'the clock is', 'sign-in', 'calls answered', 'requests in all'],
  clocks.map(({ name, server, aheadMs, signedIn, answered, calls, requests }) => [
    name,
    server,
    `${Math.abs(aheadMs) / 60_000} min ${aheadMs > 0 ? 'fast' : 'slow'}`,
    signedIn === 'signed in' ? 'yes' : `no: ${signedIn}`,
    `${answered} of ${calls}`,
    requests,
  ]),
)}

## Three audiences at once

One sign-in for three APIs, and access tokens for all of them wanted at the same moment. Access tokens live ${expiringMs / 1_000} s.

${table(
  ['', ...roundNames(audiences), 'refresh tokens presented twice', 'the session'],
  audiences.filter(({ cannot }) => cannot === undefined).map(audienceRow(roundNames(audiences))),
)}

The first columns are requests to the token endpoint, and audiences of which a good access token came. "One after the other" is a
session of its own, and shows that the library can do it.
${audiences
  .filter(({ cannot }) => cannot !== undefined)
  .map(({ name, cannot }) => `\n- **${name}** cannot do this: ${cannot}.`)
  .join('')}

## How they were set up

- **auth0-spa-js** has paths of Auth0 built in, names resources by \`audience\`, and expects ID tokens that say RS256. A proxy in front
  of the server translates. Its session is in \`localStorage\`, with \`useRefreshTokens\`, \`useMrrt\` for several audiences and \`useDpop\` with a
  fetcher for nonces. Auth0's own servers can be told to take a refresh token again within an overlap; this server has none.
- **@atproto/oauth-client-browser** speaks a profile of OAuth. A proxy adds what it demands: that clients are known by their metadata, who
  the user is (\`sub\`), and which server the API trusts. It is given the user's identity instead of a directory.
- **evertoken** goes through the same kind of proxy, which translates nothing.
`;
}

const roundNames = (audiences: readonly Audiences[]): string[] => [
  ...new Set(audiences.flatMap(({ rounds }) => rounds.map(({ name }) => name))),
];

function audienceRow(names: readonly string[]): (row: Audiences) => readonly (string | number)[] {
  return ({ name, rounds, reuses, isAlive }) => {
    const cells = names.map((one) => rounds.find((round) => round.name === one));
    const told = cells.map((round) => (round ? `${round.requests}; ${round.served} of 3` : ''));
    return [name, ...told, reuses, isAlive ? 'goes on' : 'revoked'];
  };
}

const ratio = (requests: number, times: number): string => (requests / times).toFixed(2);

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), `|${head.map((_, index) => (index === 0 ? '---' : '--:')).join('|')}|`, ...rows.map(line)].join(
    '\n',
  );
}
