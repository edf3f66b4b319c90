import { appendFileSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { machineUptime } from '../../src/adapters/file/owner.js';
import { fileLock, fileStorage } from '../../src/adapters/file.js';
import { startChild } from '../support/child.js';
import { replayJournal } from '../support/lock-journal.js';

const childEntry = join(import.meta.dirname, 'file-child.ts');
const never = new AbortController().signal;
const hour = 3_600_000;

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evertoken-lock-'));
  path = join(folder, 'credentials.json');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The one folder of the key's lock, and the one name in it. */
function baton(): { home: string; name: string } {
  const [home = ''] = readdirSync(`${path}.lock`);
  const [name = ''] = readdirSync(join(`${path}.lock`, home));
  return { home: join(`${path}.lock`, home), name };
}

/** Makes the lock look as if somebody else held it. */
async function pretend(change: (fields: string[]) => void): Promise<void> {
  const lock = fileLock(path);
  let held: string[] = [];
  await lock.run('key', never, async () => {
    held = baton().name.split('.');
  });
  change(held);
  const { home, name } = baton();
  renameSync(join(home, name), join(home, held.join('.')));
}

/** Whether the lock is to be had within a moment, and how long that took. */
async function tryLock(patienceMs: number): Promise<number | undefined> {
  const began = performance.now();
  try {
    await fileLock(path).run('key', AbortSignal.timeout(patienceMs), async () => undefined);
    return performance.now() - began;
  } catch (error) {
    expect(error).toHaveProperty('name', 'TimeoutError');
    return undefined;
  }
}

const [pid, started, machine, holdMs, untilUp, untilWall] = [2, 3, 4, 5, 6, 7];

describe('who holds the lock is read from its name', () => {
  test('a process that does not exist is taken over from at once', async () => {
    await pretend((name) => {
      name[pid] = '4194305'; // one more than Linux ever gives out
    });
    expect(await tryLock(2_000)).toBeLessThan(1_000);
  });

  test('a process number that is in use again, by a process started at another time, is taken over from at once', async () => {
    await pretend((name) => {
      name[started] = '1';
    });
    expect(await tryLock(2_000)).toBeLessThan(1_000);
  });

  test('a holder that lives is waited for', async () => {
    await pretend(() => undefined);
    expect(await tryLock(300)).toBeUndefined();
  });

  test('a process number of another machine proves nothing: its time is waited for, by the wall clock', async () => {
    await pretend((name) => {
      name[machine] = 'elsewhere';
      name[pid] = '4194305';
      name[untilUp] = '1';
    });
    expect(await tryLock(300)).toBeUndefined();
  });

  test('a holder on another machine is taken over from when its time is past', async () => {
    await pretend((name) => {
      name[machine] = 'elsewhere';
      name[untilWall] = String(Date.now() - 1);
    });
    expect(await tryLock(2_000)).toBeLessThan(1_000);
  });

  test('setting the wall clock takes the lock from nobody on the same machine', async () => {
    await pretend((name) => {
      name[untilWall] = String(Date.now() - hour);
    });
    expect(await tryLock(300)).toBeUndefined();
  });

  test('a holder whose clock is an hour ahead is taken over from by whoever watched it for its time', async () => {
    await pretend((name) => {
      name[machine] = 'elsewhere';
      name[untilWall] = String(Date.now() + hour);
      name[holdMs] = '300';
    });
    expect(await tryLock(2_000)).toBeGreaterThan(290);
  });

  test('names that are not ours are left alone', async () => {
    await pretend(() => undefined);
    const { home, name } = baton();
    writeFileSync(join(home, 'notes.txt'), 'mine');
    writeFileSync(join(home, `${name} (copy)`), '');
    expect(await tryLock(300)).toBeUndefined();
    renameSync(join(home, name), join(home, `free.${name.split('.')[1]}`));
    expect(await tryLock(2_000)).toBeDefined();
    expect(readdirSync(home)).toContain('notes.txt');
  });
});

describe('somebody who tidies up loses nothing', () => {
  test('the fence keeps growing when the folder is deleted', async () => {
    const fences: number[] = [];
    const lock = fileLock(path);
    for (let i = 0; i < 3; i++) {
      await lock.run('key', never, async ({ fence = 0 }) => void fences.push(fence));
      rmSync(`${path}.lock`, { recursive: true });
      await sleep(2);
    }
    expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b));
    expect(fences).toHaveLength(3);
  });

  test('an emptied folder is filled again', async () => {
    await fileLock(path).run('key', never, async () => undefined);
    const { home, name } = baton();
    rmSync(join(home, name), { recursive: true });
    expect(await tryLock(2_000)).toBeDefined();
  });

  test('deleting it while it is held hurts nobody', async () => {
    const result = fileLock(path).run('key', never, async () => {
      rmSync(`${path}.lock`, { recursive: true });
      return 'done';
    });
    expect(await result).toBe('done');
    expect(await tryLock(2_000)).toBeDefined();
  });
});

test('a lock folder that others can write to is refused, with the command that mends it', async () => {
  await fileLock(path).run('key', never, async () => undefined);
  const { chmodSync } = await import('node:fs');
  chmodSync(`${path}.lock`, 0o777);
  await expect(fileLock(path).run('key', never, async () => undefined)).rejects.toMatchObject({
    code: 'ERR_STORAGE_WRITE',
    message: expect.stringContaining(`rm -r ${path}.lock`),
  });
});

test('waiters of six processes of which one is killed every moment never hold the lock together', {
  timeout: 60_000,
}, async () => {
  const journal = join(folder, 'journal');
  writeFileSync(journal, '');
  const start = () => startChild(childEntry, ['contend', path, journal]);
  const takeovers = () => replayJournal(readFileSync(journal, 'utf8')).takeovers;
  let children = Array.from({ length: 6 }, start);
  for (let round = 0; round < 40 || takeovers() <= 3; round++) {
    const before = readFileSync(journal, 'utf8').length;
    while (readFileSync(journal, 'utf8').length < before + 200) await sleep(5);
    await sleep(Math.random() * 15);
    const victim = children[round % children.length];
    if (!victim) throw new Error('no children');
    appendFileSync(journal, `killing ${victim.pid}\n`);
    victim.signal('SIGKILL');
    children = children.map((child) => (child === victim ? start() : child));
  }
  for (const child of children) child.signal('SIGKILL');
  await Promise.all(children.map((child) => child.gone));

  expect(takeovers()).toBeGreaterThan(3);
});

test('a holder that is killed is taken over from, long before its time is over', async () => {
  for (let round = 0; round < 5; round++) {
    const holder = startChild(childEntry, ['hold', path, '15000']);
    await holder.next('held');
    const waiting = tryLock(10_000);
    await sleep(100);
    const killedAt = performance.now();
    holder.signal('SIGKILL');
    expect(await waiting).toBeDefined();
    expect(performance.now() - killedAt).toBeLessThan(5_000);
  }
});

test('a holder that is stopped beyond its time is taken over from, and its write is refused', async () => {
  const stopped = startChild(childEntry, ['hold', path, '400']);
  const fence = Number((await stopped.next('held')).split(' ')[1]);
  stopped.signal('SIGSTOP');
  const endsAt = Number(baton().name.split('.')[untilUp]);
  const storage = fileStorage(path);
  await fileLock(path).run('key', never, async (lease) => {
    expect(machineUptime() ?? 0).toBeGreaterThan(endsAt); // never before its time
    expect(lease.fence).toBeGreaterThan(fence);
    await storage.setItem('key', '{"by":"the next one"}', { fence: lease.fence ?? 0 });
  });
  stopped.tell('write');
  stopped.signal('SIGCONT');
  expect(await stopped.next('wrote')).toBe('wrote ERR_STORAGE_WRITE ERR_LOCK_LOST');
  await stopped.next('done');
  expect(await storage.getItem('key')).toBe('{"by":"the next one"}');
});

test('eight processes that count under the lock, four to a key, lose no count', { timeout: 60_000 }, async () => {
  const children = Array.from({ length: 8 }, (_, i) => startChild(childEntry, ['count', path, `key${i % 2}`, '25']));
  await Promise.all(children.map((child) => child.gone));
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ key0: { count: 100 }, key1: { count: 100 } });
});

test('a lock that is held keeps nobody alive who does not wait for it', async () => {
  // the child ends by itself: nothing but its own work is pending after the lock was put down
  const child = startChild(childEntry, ['count', path, 'key', '1']);
  await child.gone;
  expect(baton().name).toMatch(/^free\./);
});
