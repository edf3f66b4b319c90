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
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fileLock, fileStorage } from '../../src/adapters/file.js';
import { createTokenManager } from '../../src/index.js';
import { node } from '../../src/presets/node.js';
import { startChild } from '../support/child.js';

const childEntry = join(import.meta.dirname, 'file-refresh-child.ts');
const never = new AbortController().signal;
const isRoot = process.getuid?.() === 0;
const { rename } = fs;

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evertoken-in-the-way-'));
  path = join(folder, 'credentials.json');
});
afterEach(() => {
  fs.rename = rename;
  syncBuiltinESMExports();
  rmSync(folder, { recursive: true, force: true });
});

/** As Windows does while another program reads a file: renaming onto it fails. */
function stand(inTheWay: (to: string) => string | undefined): { times: number } {
  const refusals = { times: 0 };
  fs.rename = async (from, to) => {
    const code = inTheWay(String(to));
    if (code === undefined) return rename(from, to);
    refusals.times++;
    throw Object.assign(new Error(`${code}: operation not permitted, rename`), { code });
  };
  syncBuiltinESMExports();
  return refusals;
}

describe('D10: a rename that another program is in the way of', () => {
  test.each(['EPERM', 'EBUSY', 'EACCES'])('for a moment, with %s, is tried again within a second', async (code) => {
    let left = 3;
    const refusals = stand((to) => (to === path && left-- > 0 ? code : undefined));
    const begun = performance.now();
    await fileStorage(path).setItem('key', 'value');
    expect(performance.now() - begun).toBeLessThan(1_000);
    expect([refusals.times, await fileStorage(path).getItem('key')]).toEqual([3, 'value']);
    left = 3;
    await fileStorage(path).removeItem('key');
    expect(existsSync(path)).toBe(false);
  });

  test('when the lock is taken and put down, is tried again as well', async () => {
    await fileLock(path).run('key', never, async () => undefined);
    let left = 4;
    stand(() => (left-- % 2 === 0 ? 'EPERM' : undefined));
    expect(await fileLock(path).run('key', never, async () => 'held')).toBe('held');
  });

  test('for 2 s, is gone on with; and the other processes are not held up by it', async () => {
    const until = performance.now() + 2_000;
    stand((to) => (to === path && performance.now() < until ? 'EPERM' : undefined));
    await fileStorage(path).setItem('key', 'value');
    expect(await fileStorage(path).getItem('key')).toBe('value');
  });

  test('for good, is told within the bound of a call, and waited for once', async () => {
    const storage = fileStorage(path);
    stand((to) => (to === path ? 'EPERM' : undefined));
    const took = async () => {
      const begun = performance.now();
      await expect(storage.setItem('key', 'value')).rejects.toMatchObject({
        code: 'ERR_STORAGE_WRITE',
        message: expect.stringContaining('EPERM'),
      });
      return performance.now() - begun;
    };
    expect(await took()).toBeLessThan(5_000);
    expect(await took()).toBeLessThan(1_500);
  });

  test('does not let the process end before the rotated token is stored', async () => {
    await startChild(childEntry, ['write', path]).gone;
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ key: 'rotated' });
  });
});

test('D8: a write that hangs holds up the next one for 5 s, and does not win when it ends', async () => {
  const storage = fileStorage(path);
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let reached: () => void = () => undefined;
  const hanging = new Promise<void>((resolve) => {
    reached = resolve;
  });
  fs.rename = async (from, to) => {
    if (to === path) {
      reached();
      await held;
    }
    return rename(from, to);
  };
  syncBuiltinESMExports();
  const late = Promise.resolve(storage.setItem('key', 'older')).catch((error: { code: string }) => error.code);
  await hanging;
  fs.rename = rename;
  syncBuiltinESMExports();
  await storage.setItem('key', 'newer');
  letGo();
  expect(await late).toBe('ERR_STORAGE_WRITE');
  await storage.setItem('other', 'x');
  expect(await storage.getItem('key')).toBe('newer');
});

test('whoever is killed in the middle of a removal leaves no token behind', async () => {
  for (let moment = 0; ; moment++) {
    path = join(folder, `${moment}.json`); // whoever is killed here lives on, and holds the file for a while
    await fileStorage(path).setItem('key', 'rt-canary-5f2e', { fence: moment + 1 });
    let calls = 0;
    const alive = { ...fs };
    // from this moment on nothing happens any more
    for (const name of ['rename', 'rm', 'open'] as const) {
      const call = fs[name] as (...all: unknown[]) => Promise<unknown>;
      Object.assign(fs, {
        [name]: async (...all: unknown[]) => {
          if (calls++ >= moment) throw new Error('killed');
          return call(...all);
        },
      });
    }
    syncBuiltinESMExports();
    const removal = await Promise.resolve(fileStorage(path).removeItem('key')).then(
      () => 'done',
      () => 'killed',
    );
    Object.assign(fs, { rename: alive.rename, rm: alive.rm, open: alive.open });
    syncBuiltinESMExports();
    if (calls < moment) break;
    const isThere = existsSync(path) && readFileSync(path, 'utf8').includes('canary');
    const left = readdirSync(`${path}.lock`, { recursive: true, encoding: 'utf8' })
      .map((name) => join(`${path}.lock`, name))
      .filter((name) => statSync(name).isFile() && readFileSync(name, 'utf8').includes('canary'));
    expect([moment, left]).toEqual([moment, []]);
    if (removal === 'done') expect(isThere).toBe(false);
  }
});

describe('permissions', () => {
  test('can be given: a group may read the file, beyond the umask, and nobody else', async () => {
    const storage = fileStorage(path, { mode: 0o640 });
    await storage.setItem('key', 'value');
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(await storage.getItem('key')).toBe('value');
    chmodSync(path, 0o644);
    await expect(storage.getItem('key')).rejects.toMatchObject({
      message: expect.stringContaining('Expected mode 0640'),
    });
  });

  test.each([0o777, 0o755, 0o440, 0o400 | 0o044])(
    'of a mount (%o) are refused with advice that works',
    async (mode) => {
      writeFileSync(path, '{"key":"value"}');
      chmodSync(path, mode);
      await expect(fileStorage(path).getItem('key')).rejects.toMatchObject({
        code: 'ERR_STORAGE_READ',
        message: expect.stringContaining("pass { mode: 'mount' }"),
      });
      const storage = fileStorage(path, { mode: 'mount' });
      expect(await storage.getItem('key')).toBe('value');
      if (!isRoot && (mode & 0o200) === 0) return;
      await storage.setItem('key', 'next');
      expect([await storage.getItem('key'), statSync(path).mode & 0o777]).toEqual(['next', mode]);
    },
  );

  test('of a mount do for the folder of the lock too', async () => {
    mkdirSync(`${path}.lock`);
    chmodSync(`${path}.lock`, 0o777);
    await expect(fileLock(path).run('key', never, async () => 'held')).rejects.toMatchObject({
      message: expect.stringContaining("pass { mode: 'mount' }"),
    });
    expect(await fileLock(path, { mode: 'mount' }).run('key', never, async () => 'held')).toBe('held');
  });

  test.skipIf(!isRoot)('under sudo leave everything to the user whose folder it is (needs root)', async () => {
    const user = 12_345;
    writeFileSync(path, '{"key":"value"}', { mode: 0o600 });
    for (const each of [folder, path]) chownSync(each, user, user);
    process.env.SUDO_UID = String(user);
    try {
      await expect(fileStorage(path).getItem('key')).rejects.toMatchObject({
        message: expect.stringMatching(/without sudo.*mode: 'mount'/),
      });
    } finally {
      delete process.env.SUDO_UID;
    }
    const { storage, lock, channel } = node({ file: path, mode: 'mount' });
    await lock.run('key', never, async ({ fence }) =>
      storage.setItem('key', 'next', fence === undefined ? {} : { fence }),
    );
    await storage.setItem('other', 'x');
    channel.announce('key');
    await expect.poll(() => readdirSync(`${path}.lock`).length).toBe(3);
    await expect.poll(() => spawnSync('find', [folder, '!', '-user', String(user)]).stdout.toString()).toBe('');
    expect(await storage.getItem('key')).toBe('next');
  });

  test.skipIf(!isRoot)('under sudo give away nothing that a link of that user leads to (needs root)', async () => {
    const [elsewhere, user] = [mkdtempSync(join(tmpdir(), 'evertoken-elsewhere-')), 12_345];
    chownSync(folder, user, user);
    symlinkSync(elsewhere, `${path}.lock`);
    const { lock, channel } = node({ file: path, mode: 'mount' });
    channel.announce('key');
    await expect(lock.run('key', never, async () => 'held')).rejects.toMatchObject({ code: 'ERR_STORAGE_WRITE' });
    expect([statSync(elsewhere).uid, readdirSync(elsewhere)]).toEqual([0, []]);
    rmSync(elsewhere, { recursive: true });
  });

  test.each<[unknown, string]>([
    ['0600', 'a value of type string'],
    [600, '0o1130'],
    [0o440, '0o440'],
    [null, 'a value of type object'],
  ])('that are %j are refused at once', (mode, came) => {
    for (const make of [fileStorage, fileLock]) {
      expect(() => make(path, { mode: mode as number })).toThrow(
        expect.objectContaining({ code: 'ERR_OPTIONS', message: expect.stringContaining(came) }),
      );
    }
  });
});

test.skipIf(!isRoot)(
  'D5: on credentials that are read-only, a session is refreshed in memory (needs root)',
  async () => {
    writeFileSync(path, '{}', { mode: 0o600 });
    const { storage } = node({ file: path });
    const signIn = createTokenManager({ refresh: async () => ({ access_token: 'x' }), platform: node({ file: path }) });
    await signIn.startSession({ access_token: 'first', refresh_token: 'rt', expires_in: 600 });
    signIn.dispose();
    expect(await storage.getItem('evertoken:session')).toContain('first');
    rmSync(`${path}.lock`, { recursive: true });
    for (const each of [folder, path]) chownSync(each, 0, 65_534);
    chmodSync(folder, 0o750);
    chmodSync(path, 0o640);
    const child = startChild(childEntry, ['refresh', path], { uid: 65_534 });
    expect(await child.next('fault')).toMatch(/^fault ERR_STORAGE_WRITE .*EACCES/);
    expect(await child.next('token')).toBe('token second');
    await child.gone;
  },
);
