import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { thisProcess } from '../../src/adapters/file/owner.js';
import { fileLock, fileStorage } from '../../src/adapters/file.js';

// Every operation on the file system passes here, so that a test can stop a writer before any of them.
const gate = vi.hoisted(() => {
  const shared = { pass: async (): Promise<void> => undefined, behind };
  function behind(target: object): object {
    return new Proxy(target, {
      get(_, name) {
        const member = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        return async (...args: unknown[]) => {
          await shared.pass();
          const result = await member.apply(target, args);
          return name === 'open' ? behind(result) : result; // what is done with an open file passes too
        };
      },
    });
  }
  return shared;
});
vi.mock('node:fs/promises', async (importOriginal) => ({ ...gate.behind(await importOriginal<object>()) }));

const never = new AbortController().signal;

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evertoken-freeze-'));
  path = join(folder, 'credentials.json');
});
afterEach(() => {
  gate.pass = async () => undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** What a waiter does to a writer that is past its time. */
function takeOver(): void {
  const home = `${path}.lock/document`;
  const held = existsSync(home) && readdirSync(home).find((name) => name.startsWith('held.'));
  if (held) renameSync(join(home, held), join(home, `free.${Number(held.split('.')[1]) + 1}`));
}

/** Writes, and stops before the nth operation; undefined if there are not that many. */
async function stopAt(n: number, write: () => unknown): Promise<{ resume(): Promise<unknown> } | undefined> {
  let count = 0;
  let resume = () => {};
  let isStopped = () => {};
  const stopped = new Promise<'stopped'>((resolve) => {
    isStopped = () => resolve('stopped');
  });
  gate.pass = async () => {
    if (count++ !== n) return;
    isStopped();
    await new Promise<void>((resolve) => {
      resume = resolve;
    });
  };
  const outcome = Promise.resolve(write()).then(
    () => 'written',
    (error: { code?: string; message: string }) => error.code ?? error.message,
  );
  const first = await Promise.race([stopped, outcome]);
  gate.pass = async () => undefined;
  if (first !== 'stopped') return undefined;
  return {
    resume() {
      resume();
      return outcome;
    },
  };
}

const changes: [what: string, change: (fence: number) => unknown][] = [
  ['a write', (fence) => fileStorage(path).setItem('key', 'of the stopped one', { fence })],
  ['a removal', (fence) => fileStorage(path).removeItem('key', { fence })],
];

test.each(changes)(
  '%s that is stopped at any moment and taken over from never replaces what is newer',
  async (_, change) => {
    let moments = 0;
    for (; ; moments++) {
      await fileStorage(path).setItem('key', 'before', { fence: moments * 10 + 1 });
      const stopped = await stopAt(moments, () => change(moments * 10 + 2));
      if (!stopped) break;
      takeOver();
      await fileStorage(path).setItem('key', 'newer', { fence: moments * 10 + 3 });
      const outcome = await stopped.resume();
      expect([moments, await fileStorage(path).getItem('key')]).toEqual([moments, 'newer']);
      // either it was refused, or it was through before the newer one came
      expect(['written', 'ERR_STORAGE_WRITE']).toContain(outcome);
    }
    expect(moments).toBeGreaterThan(20);
  },
);

test('a write of another key that is stopped at any moment and taken over from loses neither', async () => {
  let moments = 0;
  for (; ; moments++) {
    const stopped = await stopAt(moments, () => fileStorage(path).setItem('slow', String(moments)));
    if (!stopped) break;
    takeOver();
    await fileStorage(path).setItem('quick', String(moments));
    expect(await stopped.resume()).toBe('written');
    expect(await fileStorage(path).getItem('quick')).toBe(String(moments));
    expect(await fileStorage(path).getItem('slow')).toBe(String(moments));
  }
  expect(moments).toBeGreaterThan(15);
});

test('a waiter that is stopped at any moment of taking over never joins the one who took over meanwhile', async () => {
  let inside = 0;
  const enter = (until: Promise<unknown>) => async () => {
    expect(++inside).toBe(1);
    await until;
    inside--;
  };
  let moments = 0;
  for (; ; moments++) {
    leaveBehindADeadHolder();
    const stopped = await stopAt(moments, () => fileLock(path).run('key', never, enter(pause(20))));
    if (!stopped) break;
    const entered = deferred();
    const leave = deferred();
    const stay = enter(leave.promise);
    const other = fileLock(path).run('key', never, () => {
      entered.resolve();
      return stay();
    });
    await Promise.race([entered.promise, pause(30)]); // unless the stopped one has it already
    const outcome = stopped.resume();
    await pause(30);
    await entered.promise;
    leave.resolve();
    await other;
    expect(await outcome).toBe('written');
  }
  expect(moments).toBeGreaterThan(4);
});

function leaveBehindADeadHolder(): void {
  const home = `${path}.lock/${createHash('sha256').update('key').digest('hex').slice(0, 32)}`;
  if (!existsSync(home)) return;
  const [name = ''] = readdirSync(home);
  const { pid, started, machine } = thisProcess();
  expect(name).toMatch(/^free/);
  const next = Number(name.split('.')[1]) + 1;
  renameSync(
    join(home, name),
    join(home, `held.${next}.${pid}.${started}1.${machine}.15000.99999999999.9999999999999`),
  );
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
