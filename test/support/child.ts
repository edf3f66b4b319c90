import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { bundle } from './bundle.js';

/** A process of its own that says lines and is told lines. */
export interface Child {
  readonly pid: number;
  /** The next line that starts with this word and was not returned before; rejects if the process ends without. */
  next(word: string): Promise<string>;
  tell(line: string): void;
  signal(name: NodeJS.Signals): void;
  /** Resolves when the process is gone and everything it said was read. */
  readonly gone: Promise<void>;
}

const bundles = new Map<string, string>();
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts a TypeScript file with arguments. */
export function startChild(
  entry: string,
  args: readonly string[],
  options: { uid?: number; within?: string[] } = {},
): Child {
  const script = bundles.get(entry) ?? bundle(entry);
  bundles.set(entry, script);
  const [command = '', ...rest] = [...(options.within ?? []), process.execPath, script, ...args];
  const uid = options.uid === undefined ? {} : { uid: options.uid, gid: options.uid };
  const child = spawn(command, rest, { stdio: ['pipe', 'pipe', 'inherit'], ...uid });
  running.add(child);
  const unread: string[] = [];
  let wake: (() => void)[] = [];
  let isGone = false;
  function tellWaiting(): void {
    const woken = wake;
    wake = [];
    for (const call of woken) call();
  }
  const output = createInterface({ input: child.stdout });
  output.on('line', (line) => {
    unread.push(line);
    tellWaiting();
  });
  child.once('exit', () => running.delete(child));
  child.stdin.on('error', () => undefined); // told something after it was killed
  const gone = new Promise<void>((resolve) => {
    child.once('close', () => {
      isGone = true;
      resolve();
      tellWaiting();
    });
  });
  return {
    pid: child.pid ?? 0,
    async next(word) {
      for (;;) {
        const index = unread.findIndex((line) => line.startsWith(word));
        if (index >= 0) return unread.splice(index, 1)[0] ?? '';
        if (isGone)
          throw new Error(`expected a line "${word}...", but the process ended; it said ${unread.join(' | ')}`);
        await new Promise<void>((resolve) => wake.push(resolve));
      }
    },
    tell: (line) => void child.stdin.write(`${line}\n`),
    signal: (name) => void child.kill(name),
    gone,
  };
}
