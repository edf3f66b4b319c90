import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { hasRedisServer, startRedis } from '../support/redis-server.js';

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'examples');
const examples = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join(folder, name), 'utf8'));
const signedIn = { access_token: 'at', token_type: 'Bearer', refresh_token: 'rt', expires_in: 3_600 };

const providers = readdirSync(join(root, 'docs/sign-in-at')).map((file) => file.replace('.md', ''));

const pages = [
  'node',
  'redis',
  'sql',
  'encryption',
  'react-native',
  'frameworks',
  'sign-in',
  'fleet',
  'observability',
  'devtools',
  'dpop',
  'limits',
  'several-apis',
];

describe.each([...pages, ...providers.map((at) => `sign-in-at/${at}`)])('docs/%s.md', (name) => {
  const page = readFileSync(join(root, `docs/${name}.md`), 'utf8');

  test('shows code that is a file under examples, whole', () => {
    const blocks = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code);
    expect(blocks.filter((code) => !examples.includes(code))).toEqual([]);
    expect(blocks.length).toBeGreaterThan(0);
  });

  test('leads nowhere that is not there, and names no command that is not', () => {
    const links = [...page.matchAll(/\]\((?!https:)([^)#]+)/g)].map(([, target = '']) => target);
    expect(links.filter((target) => !existsSync(join(root, dirname(`docs/${name}`), target)))).toEqual([]);
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
    const commands = [...page.matchAll(/npm run ([a-z:]+)/g)].map(([, command = '']) => command);
    expect(commands.filter((command) => !(command in scripts))).toEqual([]);
  });
});

test.each(providers)(
  'the client at %s is one that oauthClient() takes; the page names its sources and what was not tried',
  async (name) => {
    const { client } = await import(`../../examples/sign-in-at/${name}.ts`);
    expect(client.issuer).toMatch(/^https:/);
    const page = readFileSync(join(root, `docs/sign-in-at/${name}.md`), 'utf8');
    expect(page).toContain('not tried against');
    expect(page.split('## Sources')[1]?.match(/\]\(https:/g)?.length).toBeGreaterThanOrEqual(3);
  },
);

test('the session of a command-line tool is in a private file of its user', async () => {
  const home = mkdtempSync(join(tmpdir(), 'evertoken-home-'));
  vi.stubEnv('HOME', home);
  const { tokens } = await import('../../examples/credentials-file.js');
  await tokens.startSession(signedIn);
  tokens.dispose();
  expect(statSync(join(home, '.config/orders/credentials.json')).mode & 0o777).toBe(0o600);
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true });
});

test('many users of one process have a session each', async () => {
  const { tokensOf } = await import('../../examples/many-users.js');
  await tokensOf('ada').startSession(signedIn);
  await tokensOf('grace').startSession({ ...signedIn, access_token: 'at-grace' });
  expect(await tokensOf('ada').getAccessToken()).toBe('at');
  expect(await tokensOf('grace').getAccessToken()).toBe('at-grace');
});

test.skipIf(!hasRedisServer)('a session on Redis reaches the other processes, and so does its end', async () => {
  const server = await startRedis({ own: true });
  vi.stubEnv('REDIS_URL', server.socket);
  const { client, subscriber, tokensOf } = await import('../../examples/redis.js');
  const [here, there] = [tokensOf('ada'), tokensOf('ada')];
  there.subscribe(() => undefined);
  await here.startSession(signedIn);
  await expect.poll(() => there.getSnapshot().status).toBe('active');
  expect(await there.getAccessToken()).toBe('at');
  await here.endSession();
  await expect.poll(() => there.getSnapshot().status).toBe('none');
  for (const tokens of [here, there]) tokens.dispose();
  for (const connection of [client, subscriber]) connection.disconnect();
  vi.unstubAllEnvs();
  await server.stop();
});
