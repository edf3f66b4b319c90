import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createTokenManager, tokenEndpoint } from '../../src/index.js';
import { node } from '../../src/presets/node.js';
import { createAuthServer } from '../../src/testing.js';
import { sentence } from '../support/sentence.js';

let folder = '';
let file = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evertoken-credentials-'));
  file = join(folder, 'credentials.json');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function setUp() {
  const server = createAuthServer();
  const create = () => {
    const tokens = createTokenManager({
      refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
      key: 'session',
      platform: node({ file }),
    });
    const faults: string[] = [];
    tokens.on('storageFailed', ({ operation, error }) => faults.push(`${operation} ${error.code}`));
    return { tokens, faults };
  };
  return { server, create };
}

test.each([
  ['empty', ''],
  ['cut off', '{"evertoken:session": {"evertoken": 1, "accessToken": "at-1234'],
  ['of another tool', '[default]\nkey = 1\n'],
  ['one whose record is damaged', '{"evertoken:session": {"evertoken": 1}}'],
  ['one whose record is from a newer version', '{"evertoken:session": {"evertoken": 99}}'],
])(
  'a credentials file that is %s is reported once and left alone; signing in starts afresh and keeps a copy',
  async (what, content) => {
    writeFileSync(file, content, { mode: 0o600 });
    const { server, create } = setUp();
    const { tokens, faults } = create();
    for (let i = 0; i < 3; i++) {
      await expect(tokens.getAccessToken()).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
    }
    expect(faults).toEqual(['read ERR_STORAGE_CORRUPT']);
    expect(readFileSync(file, 'utf8')).toBe(content);
    await tokens.startSession(server.signIn());
    expect(await create().tokens.getAccessToken()).toBe(await tokens.getAccessToken());
    if (what.startsWith('one whose record')) return;
    const aside = readdirSync(folder).find((name) => name.includes('.damaged-')) ?? '';
    expect(readFileSync(join(folder, aside), 'utf8')).toBe(content);
  },
);

test('a credentials file that others can read signs nobody out: closing it is enough', async () => {
  const { server, create } = setUp();
  await create().tokens.startSession(server.signIn());
  chmodSync(file, 0o644);
  const { tokens } = create();
  await expect(tokens.getAccessToken()).rejects.toMatchObject({
    code: 'ERR_STORAGE_READ',
    message: sentence(`chmod 600 ${file}`, /.*/),
  });
  chmodSync(file, 0o600);
  expect(await tokens.getAccessToken()).toMatch(/./);
});

test('signing in, refreshing and signing out reach the other processes on the file, also the first time', async () => {
  const { server, create } = setUp();
  const [here, there] = [create().tokens, create().tokens];
  there.subscribe(() => undefined);
  await expect(there.getAccessToken()).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
  await expect(here.getAccessToken()).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });

  await here.startSession(server.signIn());
  await expect.poll(() => there.getSnapshot().status).toBe('active');
  expect(await there.getAccessToken()).toBe(await here.getAccessToken());

  await here.refresh();
  await vi.waitFor(async () => expect(await there.getAccessToken()).toBe(await here.getAccessToken()), {
    timeout: 15_000,
  });

  rmSync(`${file}.lock`, { recursive: true }); // somebody tidies up
  await there.endSession();
  await expect.poll(() => here.getSnapshot().status).toBe('none');

  await here.startSession(server.signIn());
  await expect.poll(() => there.getSnapshot().status).toBe('active');
  expect(server.counts.familiesRevoked).toBe(0);
  here.dispose();
  there.dispose();
});
