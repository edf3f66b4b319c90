// Writes docs/providers.md from test/data/providers.json and more-servers.json, and from what the classifier makes of them.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseBody, readRefusal } from '../src/core/refusal.ts';

const DATA = new URL('../test/data/providers.json', import.meta.url);
const MORE = new URL('../test/data/more-servers.json', import.meta.url);
const PAGE = new URL('../docs/providers.md', import.meta.url);

/** What a user has to set or to know; a provider that is missing here needs nothing. */
const ADVICE = {
  Auth0: 'In the tenant: a rotation overlap of 15 s or more.',
  Okta: 'Nothing. With DPoP: [`evertoken/dpop`](dpop.md).',
  'Microsoft Entra ID': 'Nothing. For browser apps register the redirect URI as `spa`; their sessions end after 24 h.',
  Google: 'Nothing. The refresh token is not sent again; the one of the sign-in is kept.',
  Keycloak: 'With *Revoke Refresh Token* on: a *Refresh Token Max Reuse* of 1.',
  'Ory Hydra': 'On the server: a grace period of 15 s or more.',
  Logto: 'Nothing. With DPoP: [`evertoken/dpop`](dpop.md).',
  'Clerk (session tokens)':
    "A refresh function of your own that returns `{ access_token: jwt }`, and `refreshTokenIn: 'cookie'`; expiry is read from the JWT. On `missing_expired_token` it asks again with `request.accessToken`.",
  'WorkOS AuthKit': 'Nothing. Expiry is read from the JWT.',
  'Supabase Auth':
    "`endsSession: failure => failure.kind === 'dead' || failure.oauthError === 'session_expired'`; this also ends a session that lacks a second factor. On the server: a reuse interval of 15 s or more.",
  'Firebase securetoken': 'The API key as part of `url`.',
  'GitHub App user tokens':
    'Nothing. A refresh stops the old access token at once: requests under way meet a 401, and `createFetch` replays them.',
  GitLab:
    '`parameters: { redirect_uri }`. A refresh stops the old access token at once: requests under way meet a 401, and `createFetch` replays them.',
  Salesforce: 'Nothing. Without `expires_in` a token is used until an API answers 401.',
  Xero: 'Unknown: no refusal is on file.',
  'Duende IdentityServer': 'Nothing. With DPoP: [`evertoken/dpop`](dpop.md).',
  'Spring Authorization Server': 'Nothing. Refresh tokens live 60 minutes unless the server is told otherwise.',
  'node oidc-provider': 'Nothing. With DPoP: [`evertoken/dpop`](dpop.md).',
  'Django OAuth Toolkit': 'On the server: a `REFRESH_TOKEN_GRACE_PERIOD_SECONDS` of 15 or more.',
};

/** What to add to `endsSession` where a dead refresh token is not told from something else. */
const ENDS_SESSION = {
  'Supabase Auth': "failure.oauthError === 'session_expired'",
};

const HEAD = `# Providers

What token endpoints answer to a refresh, and how evertoken reads it. This page is written by
\`npm run docs:providers\` from \`test/data/providers.json\` and \`more-servers.json\`, which also hold the sources; every
answer is a test.

## How a refusal is read

| kind | what it means | what happens |
| --- | --- | --- |
| \`dead\` | the refresh token is over | the session ends, unless \`endsSession\` says otherwise |
| \`transient\` | ask again | the session is kept; asked again with growing delays |
| \`interaction\` | the server wants the user: a second factor, consent, single sign-on | the session is kept; \`ERR_REFRESH_INTERACTION\` |
| \`config\` | the client is set up wrongly | the session is kept; \`ERR_REFRESH_CONFIG\` |
| \`unknown\` | the answer does not say | the session is kept; asked again with growing delays |

- The status 408, 409, 425, 429 and 5xx, and any \`Retry-After\`, are \`transient\` whatever the body says. No other status
  decides anything, 401 and 404 included.
- Otherwise exact codes decide, in the places where servers are known to put them: \`error\` (a string, or an object with
  \`code\` or \`message\`), \`error_code\`, \`code\`, \`errorCode\`, \`error_type\`, \`__type\`, \`suberror\`, \`error_subtype\`,
  \`status\`, \`errors[0].code\`, \`errors[0].errorType\`, \`error_codes[0]\`. Where one code has two meanings, the whole sentence
  beside it may decide.
- Where none of them says anything, a whole code or a whole sentence that is about the refresh token and nothing else is
  \`dead\`: \`refresh_token_expired\`, \`InvalidRefreshTokenException\`, "The refresh token has been revoked." Sentences are read in
  \`error\`, \`error_description\`, \`message\`, \`msg\`, \`detail\`, \`error_message\`, \`errmsg\`, \`error.message\`, \`errors[0].message\`. The words are
  a closed list; a word more, "refresh token not expired" or "invalid refresh token format", and it is \`unknown\`. Nothing is
  searched for in prose.
- Evidence for trying again, for asking the user or for a wrong setup beats a code that says dead. So does a sentence
  beside it about a scope, a client secret, a resource, a certificate (\`config\`), or a failure of the server's own
  (\`transient\`).
- The body is JSON, or form-encoded.

An endpoint of your own that answers a dead refresh token with a bare 401 needs
\`endsSession: ({ kind, status }) => kind === 'dead' || (kind === 'unknown' && status === 401)\`: a 401 that says
\`invalid_client\` is about the client, and ends nothing.
`;

/** The members of a body that hold codes, as text. */
function codesOf(body) {
  const { error, errors } = body;
  const members = typeof error === 'object' ? { 'error.message': error.message } : { error };
  for (const name of ['error_code', 'code', 'errorCode', 'suberror', 'error_subtype', 'status']) {
    if (typeof body[name] === 'string') members[name] = body[name];
  }
  if (errors) members['errors[0].code'] = errors[0].code;
  return Object.entries(members)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `\`${name}: ${value}\``);
}

/** One answer as a reader of the page wants it: status, codes, and the sentence where that is needed. */
function describe({ status, body: sent }) {
  const body = parseBody(typeof sent === 'string' ? sent : JSON.stringify(sent));
  const seen = status === null ? 'any status' : String(status);
  if (body === undefined) return { text: `${seen}, no JSON`, failure: readRefusal({ status: status ?? 400 }) };
  const failure = readRefusal({ status: status ?? 400, body });
  const { error_description: sentence, ...rest } = body;
  const isNeeded = sentence && readRefusal({ status: status ?? 400, body: rest }).kind !== failure.kind;
  const codes = codesOf(body).concat(isNeeded ? [`\`error_description: ${sentence}\``] : []);
  const form = typeof sent === 'string' ? ' (form-encoded)' : '';
  return { text: `${seen} ${codes.join(', ') || 'no code'}${form}`, failure };
}

const cell = (text) =>
  String(text)
    .replaceAll('\n', ' ')
    .replace(/(?<!\\)\|/g, '\\|');
const row = (...cells) => `| ${cells.map(cell).join(' | ')} |`;
const table = (head, rows) => [row(...head), row(...head.map(() => '---')), ...rows].join('\n');
const unique = (list) => [...new Set(list)];

function glance(providers) {
  return table(
    [
      'provider',
      'a dead refresh token',
      'read as',
      'rotation',
      'reuse window, in seconds',
      'reuse ends the session',
      'what to set',
    ],
    providers.map(({ provider, refreshDead, rotation }) => {
      const answers = refreshDead.map(describe);
      const family = { true: 'yes', false: 'no' }[rotation.familyRevocationOnReuse] ?? rotation.familyRevocationOnReuse;
      return row(
        provider,
        unique(answers.map(({ text }) => text)).join('<br>') || 'unknown',
        unique(answers.map(({ failure }) => `\`${failure.kind}\``)).join(', ') || '',
        rotation.rotates,
        rotation.reuseGraceSeconds,
        family,
        ADVICE[provider] ?? 'Nothing.',
      );
    }),
  );
}

function notSeen(providers) {
  const rows = providers.flatMap(({ provider, refreshDead }) =>
    refreshDead
      .map((answer) => ({ ...answer, ...describe(answer) }))
      .filter(({ failure }) => failure.kind !== 'dead')
      .map(({ when, text }) => {
        if (!ENDS_SESSION[provider]) throw new Error(`${provider}: ${when} is not seen as dead; say what to set`);
        return row(provider, when, text, `\`failure => failure.kind === 'dead' || ${ENDS_SESSION[provider]}\``);
      }),
  );
  const total = providers.flatMap(({ refreshDead }) => refreshDead).length;
  return `${rows.length} of ${total} answers of a dead refresh token: the code has another meaning as well.\n
${table(['provider', 'when', 'answer', '`endsSession`'], rows)}`;
}

function answers(providers) {
  const groups = { refreshDead: 'dead', transient: 'passing fault', other: '' };
  return providers
    .map(({ provider, ...rest }) => {
      const rows = Object.entries(groups).flatMap(([group, meaning]) =>
        rest[group].map((answer) => {
          const { text, failure } = describe(answer);
          const means = meaning || answer.reading.replaceAll('-', ' ');
          return row(answer.when, means, text, `\`${failure.kind}\``, answer.confidence);
        }),
      );
      return `### ${provider}\n\n${rows.length ? table(['when', 'means', 'answer', 'read as', 'evidence'], rows) : 'No refusal is on file.'}`;
    })
    .join('\n\n');
}

function others() {
  const { count, rows } = readMore();
  const means = { dead: 'dead', transient: 'passing fault', other: 'something else' };
  return `${count.seen} of ${count.dead} answers of a dead refresh token are seen as \`dead\`; of ${count.rest} others none is.\n
${table(
  ['server', 'when', 'means', 'answer', 'read as'],
  rows.map(({ server, when, kind, status, body, failure }) =>
    row(server, when, means[kind], `${status} \`${JSON.stringify(body).slice(0, 120)}\``, `\`${failure.kind}\``),
  ),
)}`;
}

function readMore() {
  const rows = JSON.parse(readFileSync(MORE, 'utf8')).map((answer) => ({
    ...answer,
    failure: readRefusal({ status: answer.status, body: answer.body }),
  }));
  const dead = rows.filter(({ kind }) => kind === 'dead');
  const seen = dead.filter(({ failure }) => failure.kind === 'dead').length;
  return { rows, count: { dead: dead.length, seen, rest: rows.length - dead.length } };
}

/** The text of docs/providers.md. */
export function providersPage() {
  const providers = JSON.parse(readFileSync(DATA, 'utf8'));
  return `${HEAD}
## At a glance

The reuse window is how long a server still takes a refresh token that it has already replaced. Where it outlasts
\`timeoutMs\` and one delay (11 s by default), a refresh whose answer was lost on the way is repeated and succeeds; where
it is 0, such a session ends as \`lost\`. \`leewayMs\` needs no setting for any provider: it follows the lifetime of the
access token.

${glance(providers)}

## Not seen as dead

${notSeen(providers)}

## Every answer

Evidence: *documented* by the provider or read in its code, *reported* by those who met it, or *inferred* from either.

${answers(providers)}

## In the words of other servers

Answers of servers that are known by single reports. What is dead and read as something else needs \`endsSession\`.

${others()}
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(PAGE, providersPage());
