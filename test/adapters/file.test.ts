import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fileLock, fileStorage } from '../../src/adapters/file.js';
import { startChild } from '../support/child.js';

const childEntry = join(import.meta.dirname, 'file-child.ts');
const secret = 'rt-canary-5f2e';
const record = JSON.stringify({ v: 1, tokens: { refreshToken: secret } });

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evertoken-file-'));
  chmodSync(folder, 0o755);
  path = join(folder, 'credentials.json');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the file', () => {
  test('is private, and shows a person what is in it', async () => {
    await fileStorage(path).setItem('evertoken:session', record);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8')).toBe(
      `${JSON.stringify({ 'evertoken:session': JSON.parse(record) }, null, 2)}\n`,
    );
  });

  test.each([
    ['an object', record],
    ['an array', '[1,2]'],
    ['JSON with spaces', '{ "a": 1 }'],
    ['numbers that JSON would print otherwise', '{"a":1.0,"b":1e2,"c":12345678901234567890}'],
    ['members that JSON would put in another order', '{"b":1,"1":2}'],
    ['a member that is there twice', '{"a":1,"a":2}'],
    ['a number', '5'],
    ['null', 'null'],
    ['a string in quotes', '"quoted"'],
    ['no JSON at all', 'v1.opaque'],
    ['nothing', ''],
    ['half of it', '{"v":1,'],
    ['escapes, half a pair of surrogates and a zero', '{"a":"\\u0000\\ud800\\n"}'],
    ['a member called __proto__', '{"__proto__":{"a":1}}'],
  ])('gives back byte for byte what it was given: %s', async (_, value) => {
    const storage = fileStorage(path);
    await storage.setItem('key', value);
    expect(await fileStorage(path).getItem('key')).toBe(value);
  });

  test.each(['__proto__', 'constructor', 'toString', '', 'a/../../b', 'ключ', 'x'.repeat(300)])(
    'takes any key: %s',
    async (key) => {
      const storage = fileStorage(path);
      expect(await storage.getItem(key)).toBeNull();
      await storage.setItem(key, record, { fence: 1 });
      expect(await storage.getItem(key)).toBe(record);
      await storage.removeItem(key, { fence: 2 });
      expect(await storage.getItem(key)).toBeNull();
      expect(await fileLock(path).run(key, new AbortController().signal, async () => 'held')).toBe('held');
    },
  );

  test('goes when nothing is left in it', async () => {
    const storage = fileStorage(path);
    await storage.setItem('a', '1');
    await storage.setItem('b', '2');
    await storage.removeItem('a');
    expect(existsSync(path)).toBe(true);
    await storage.removeItem('b');
    expect(existsSync(path)).toBe(false);
    await storage.removeItem('b');
  });

  test('keeps what is not ours in it', async () => {
    writeFileSync(path, '{"theme":"dark","evertoken:session":{"v":0}}', { mode: 0o600 });
    const storage = fileStorage(path);
    await storage.setItem('evertoken:session', record);
    await storage.removeItem('evertoken:session');
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ theme: 'dark' });
  });

  test('and its folders are made when they are missing, for nobody else to enter', async () => {
    const deep = join(folder, 'config', 'tool', 'credentials.json');
    expect(await fileStorage(deep).getItem('key')).toBeNull();
    expect(existsSync(join(folder, 'config'))).toBe(false); // reading makes nothing
    await fileStorage(deep).setItem('key', record);
    expect(statSync(join(folder, 'config')).mode & 0o777).toBe(0o700);
  });

  test('leaves no copy of a secret beside it', async () => {
    const storage = fileStorage(path);
    await storage.setItem('key', record, { fence: 1 });
    await storage.removeItem('key', { fence: 2 });
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      const found = join(folder, name);
      if (statSync(found).isFile()) expect(readFileSync(found, 'utf8')).not.toContain(secret);
    }
  });
});

describe('symbolic links', () => {
  test('are followed: the file behind is replaced, the link stays, and both names share one lock', async () => {
    const real = join(folder, 'real.json');
    symlinkSync('real.json', path);
    await fileStorage(path).setItem('key', record);
    expect(readFileSync(real, 'utf8')).toContain(secret);
    expect(await fileStorage(real).getItem('key')).toBe(record);
    expect(statSync(path).ino).toBe(statSync(real).ino);
    await fileLock(path).run('key', new AbortController().signal, async () => {
      const other = fileLock(real).run('key', AbortSignal.timeout(100), async () => 'both');
      await expect(other).rejects.toHaveProperty('name', 'TimeoutError');
    });
  });

  test('in a circle are a typed error', async () => {
    symlinkSync('credentials.json', path);
    await expect(fileStorage(path).getItem('key')).rejects.toMatchObject({ code: 'ERR_STORAGE_READ' });
  });
});

describe('a file that is not as it should be is a typed error, nothing is lost, and mending it is enough', () => {
  test('others can read it', async () => {
    const storage = fileStorage(path);
    await storage.setItem('key', record);
    chmodSync(path, 0o640);
    const refusal = {
      code: 'ERR_STORAGE_READ',
      message: `Expected mode 0600 on ${path}, found 0640: others may have read it. Close it with: chmod 600 ${path}`,
    };
    await expect(storage.getItem('key')).rejects.toMatchObject(refusal);
    await expect(storage.setItem('key', 'new')).rejects.toMatchObject(refusal);
    await expect(storage.removeItem('key')).rejects.toMatchObject(refusal);
    expect(spawnSync('sh', ['-c', refusal.message.split(': ').at(-1) ?? '']).status).toBe(0);
    expect(await storage.getItem('key')).toBe(record);
    await storage.setItem('key', 'new');
  });

  test('the command that mends it is right for a name with spaces and quotes', async () => {
    const awkward = join(folder, "it's mine $HOME.json");
    writeFileSync(awkward, '{}', { mode: 0o600 });
    chmodSync(awkward, 0o644);
    const error = await Promise.resolve(fileStorage(awkward).getItem('key')).catch((caught: Error) => caught);
    const command = String((error as Error).message).split('Close it with: ')[1] ?? '';
    expect(spawnSync('sh', ['-c', command]).status).toBe(0);
    expect(statSync(awkward).mode & 0o777).toBe(0o600);
  });

  test.skipIf(process.getuid?.() !== 0)('it belongs to somebody else (needs root)', async () => {
    const storage = fileStorage(path);
    await storage.setItem('key', record);
    chownSync(path, 12_345, 12_345);
    await expect(storage.getItem('key')).rejects.toMatchObject({
      code: 'ERR_STORAGE_READ',
      message: expect.stringContaining(`sudo chown 0 ${path}`),
    });
    chownSync(path, 0, 0);
    expect(await storage.getItem('key')).toBe(record);
  });

  test('a directory is in its place', async () => {
    mkdirSync(path);
    const storage = fileStorage(path);
    const refusal = { code: 'ERR_STORAGE_READ', message: expect.stringContaining('found a directory') };
    await expect(storage.getItem('key')).rejects.toMatchObject(refusal);
    await expect(storage.setItem('key', record)).rejects.toMatchObject(refusal);
    rmSync(path, { recursive: true });
    await storage.setItem('key', record);
  });

  test('a pipe is in its place', async () => {
    expect(spawnSync('mkfifo', ['-m', '600', path]).status).toBe(0);
    await expect(fileStorage(path).getItem('key')).rejects.toMatchObject({ code: 'ERR_STORAGE_READ' });
  });

  test('a file is where its folder should be', async () => {
    writeFileSync(join(folder, 'config'), '');
    const storage = fileStorage(join(folder, 'config', 'credentials.json'));
    await expect(storage.getItem('key')).rejects.toMatchObject({ code: 'ERR_STORAGE_READ' });
    await expect(storage.setItem('key', record)).rejects.toMatchObject({ code: 'ERR_STORAGE_WRITE' });
  });

  test.each([
    ['empty', ''],
    ['cut off', `{"evertoken:session": {"v": 1, "tokens": {"refreshToken": "${secret}`],
    ['somebody else’s', `[default]\naws_secret_access_key = ${secret}\n`],
    ['a list', `["${secret}"]`],
    ['binary', '\u0000\u0001\uFFFD'],
  ])('it is %s', async (_, content) => {
    writeFileSync(path, content, { mode: 0o600 });
    const storage = fileStorage(path);
    const error = await Promise.resolve(storage.getItem('key')).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'ERR_STORAGE_CORRUPT' });
    expect(inspect(error)).not.toContain(secret);
    await expect(storage.removeItem('key')).rejects.toMatchObject({ code: 'ERR_STORAGE_CORRUPT' });
    expect(readFileSync(path, 'utf8')).toBe(content);

    await storage.setItem('key', record);
    expect(await storage.getItem('key')).toBe(record);
    const aside = readdirSync(folder).find((name) => name.startsWith('credentials.json.damaged-')) ?? '';
    expect(readFileSync(join(folder, aside), 'utf8')).toBe(content);
    expect(statSync(join(folder, aside)).mode & 0o777).toBe(0o600);
  });
});

describe('fences', () => {
  test('a write or removal under an older lock than the newest one seen is refused and changes nothing', async () => {
    const storage = fileStorage(path);
    await storage.setItem('key', 'first', { fence: 7 });
    await storage.setItem('key', 'second', { fence: 7 });
    await expect(storage.setItem('key', secret, { fence: 6 })).rejects.toMatchObject({ code: 'ERR_STORAGE_WRITE' });
    await expect(storage.removeItem('key', { fence: 6 })).rejects.toMatchObject({ code: 'ERR_STORAGE_WRITE' });
    expect(await fileStorage(path).getItem('key')).toBe('second');
    await fileStorage(path).setItem('key', 'third', { fence: 8 });
  });

  test('outlive the file: who was stopped before a sign-out cannot bring the session back', async () => {
    await fileStorage(path).setItem('key', record, { fence: 1 });
    await fileStorage(path).removeItem('key', { fence: 2 });
    await expect(fileStorage(path).setItem('key', record, { fence: 1 })).rejects.toMatchObject({
      code: 'ERR_STORAGE_WRITE',
    });
    expect(existsSync(path)).toBe(false);
  });

  test('are counted per key', async () => {
    const storage = fileStorage(path);
    await storage.setItem('a', '1', { fence: 9 });
    await storage.setItem('b', '2', { fence: 1 });
    expect(await storage.getItem('b')).toBe('2');
  });
});

test('writes of one process land in the order in which they were asked for', async () => {
  const storage = fileStorage(path);
  await Promise.all(Array.from({ length: 30 }, (_, i) => storage.setItem('key', String(i))));
  expect(await storage.getItem('key')).toBe('29');
});

// a disk of its own, in a mount namespace of its own, for the child alone
const disk = (size: string) => [
  'unshare',
  '--map-root-user',
  '--mount',
  'sh',
  '-c',
  `mount -t tmpfs -o size=${size},mode=700 tmpfs ${folder} && exec "$@"`,
  'sh',
];
const canMount =
  spawnSync('unshare', ['--map-root-user', '--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;

describe.skipIf(!canMount)(
  'a disk in trouble is a typed error, and the next call after it works (needs mounts)',
  () => {
    test('read-only', async () => {
      const child = startChild(childEntry, ['attempt', path, 'first'], { within: disk('1m') });
      await child.next('ready');
      const remount = (how: string) =>
        spawnSync('nsenter', [
          '-t',
          String(child.pid),
          '-m',
          '-U',
          '--preserve-credentials',
          'mount',
          '-o',
          `remount,${how}`,
          folder,
        ]);
      child.tell('go');
      expect(await child.next('lock')).toBe('lock held');
      expect(await child.next('write')).toBe('write undefined');
      await child.next('read');
      expect(remount('ro').stderr.toString()).toBe('');
      child.tell('go');
      expect(await child.next('read')).toBe('read first');
      expect(await child.next('write')).toMatch(/^write ERR_STORAGE_WRITE .*read-only/);
      expect(await child.next('lock')).toMatch(/^lock ERR_STORAGE_WRITE .*read-only/);
      expect(remount('rw').stderr.toString()).toBe('');
      child.tell('go');
      expect(await child.next('write')).toBe('write undefined');
      expect(await child.next('lock')).toBe('lock held');
      child.signal('SIGKILL');
      await child.gone;
    });

    test('full', async () => {
      const child = startChild(childEntry, ['attempt', path, 'x'.repeat(30_000)], { within: disk('128k') });
      await child.next('ready');
      const fill = (size: number) =>
        spawnSync('nsenter', [
          '-t',
          String(child.pid),
          '-m',
          '-U',
          '--preserve-credentials',
          'truncate',
          '-s',
          '0',
          `${folder}/ballast`,
        ]) &&
        spawnSync('nsenter', [
          '-t',
          String(child.pid),
          '-m',
          '-U',
          '--preserve-credentials',
          'sh',
          '-c',
          `head -c ${size} /dev/zero > ${folder}/ballast`,
        ]);
      child.tell('go');
      expect(await child.next('write')).toBe('write undefined');
      await child.next('read');
      fill(200_000);
      child.tell('go');
      expect(await child.next('read')).toMatch(/^read x{30000}$/);
      expect(await child.next('write')).toMatch(/^write ERR_STORAGE_WRITE .*full/);
      fill(1);
      child.tell('go');
      expect(await child.next('read')).toMatch(/^read x{30000}$/);
      expect(await child.next('write')).toBe('write undefined');
      child.signal('SIGKILL');
      await child.gone;
    });
  },
);

test.skipIf(process.getuid?.() !== 0)(
  'without the right to write, an error says where to look (needs root)',
  async () => {
    const child = startChild(childEntry, ['attempt', path, 'x'], { uid: 65_534 });
    await child.next('ready');
    child.tell('go');
    expect(await child.next('read')).toBe('read null');
    expect(await child.next('write')).toMatch(/^write ERR_STORAGE_WRITE .*EACCES.*ls -ld/);
    expect(await child.next('lock')).toMatch(/^lock ERR_STORAGE_WRITE .*EACCES/);
    child.signal('SIGKILL');
    await child.gone;
  },
);

test.skipIf(process.getuid?.() !== 0)(
  'a file that its own user cannot read is a typed error, is not replaced, and is read when it can be (needs root)',
  async () => {
    const user = 65_534;
    writeFileSync(path, `${JSON.stringify({ key: JSON.parse(record) })}\n`);
    for (const each of [folder, path]) chownSync(each, user, user);
    chmodSync(path, 0o000);
    const child = startChild(childEntry, ['attempt', path, '{"new":1}'], { uid: user });
    await child.next('ready');
    child.tell('go');
    expect(await child.next('read')).toMatch(/^read ERR_STORAGE_READ .*EACCES/);
    expect(await child.next('write')).toMatch(/^write ERR_STORAGE_\w+ .*EACCES/);
    expect(await child.next('lock')).toBe('lock held');
    expect(readFileSync(path, 'utf8')).toContain(secret);
    chmodSync(path, 0o600);
    child.tell('go');
    expect(await child.next('read')).toBe(`read ${record}`);
    expect(await child.next('write')).toBe('write undefined');
    child.signal('SIGKILL');
    await child.gone;
  },
);
