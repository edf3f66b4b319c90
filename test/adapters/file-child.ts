// Run as a process of its own: node file-child.mjs <what> <path> ...
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileLock, fileStorage } from '../../src/adapters/file.js';

const [what, path = '', third = '', fourth = ''] = process.argv.slice(2);
const never = new AbortController().signal;
const input = createInterface({ input: process.stdin });
const say = (...words: unknown[]) => void process.stdout.write(`${words.join(' ')}\n`);
const told = () => new Promise<string>((resolve) => input.once('line', resolve));

/** Takes and releases the lock for ever, and writes every entry and exit to a journal that all share. */
async function contend(journal: string): Promise<void> {
  const lock = fileLock(path);
  for (;;) {
    await lock.run('key', never, async ({ fence }) => {
      appendFileSync(journal, `enter ${process.pid} ${fence}\n`);
      await sleep(Math.random() * 4);
      appendFileSync(journal, `leave ${process.pid} ${fence}\n`);
    });
  }
}

/** Adds one to a number in the file, under the lock of the key, as often as told. */
async function count(key: string, times: number): Promise<void> {
  const lock = fileLock(path);
  const storage = fileStorage(path);
  for (let i = 0; i < times; i++) {
    await lock.run(key, never, async ({ fence = 0 }) => {
      const before = JSON.parse((await storage.getItem(key)) ?? '{"count":0}');
      await storage.setItem(key, JSON.stringify({ count: before.count + 1 }), { fence });
    });
  }
}

/** Holds the lock until told to write under it. */
async function hold(holdMs: number): Promise<void> {
  await fileLock(path).run(
    'key',
    never,
    async ({ fence = 0, signal }) => {
      say('held', fence);
      await told();
      const write = Promise.resolve(fileStorage(path).setItem('key', '{"by":"the stopped one"}', { fence }));
      const outcome = await write.then(String, (error: { code: string }) => error.code);
      say('wrote', outcome, signal.aborted ? signal.reason.code : 'in time');
    },
    { holdMs },
  );
  say('done');
}

/** Reads and writes, and says what came of it. */
async function attempt(value: string): Promise<void> {
  const storage = fileStorage(path);
  const outcome = (promise: Promise<unknown>) =>
    promise.then(String, (error: { code: string; message: string }) => `${error.code} ${error.message}`);
  say('read', await outcome(Promise.resolve(storage.getItem('key'))));
  say('write', await outcome(Promise.resolve(storage.setItem('key', value))));
  say('lock', await outcome(fileLock(path).run('key', never, async () => 'held')));
}

switch (what) {
  case 'contend':
    await contend(third);
    break;
  case 'count':
    await count(third, Number(fourth));
    break;
  case 'hold':
    await hold(Number(third));
    break;
  case 'attempt':
    for (say('ready'); (await told()) === 'go'; ) await attempt(third);
    break;
  default:
    throw new Error(`unknown: ${what}`);
}
input.close();
