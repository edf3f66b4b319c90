import { onTestFinished } from 'vitest';
import { startChild } from './child.js';

/** Runs a TypeScript file as a process of its own until it ends by itself, and returns the lines it said. */
export async function runChild(entry: string, args: readonly string[]): Promise<string[]> {
  const child = startChild(entry, args);
  onTestFinished(() => child.signal('SIGKILL')); // only where it did not end by itself
  await child.gone;
  const lines: string[] = [];
  try {
    for (;;) lines.push(await child.next(''));
  } catch {
    return lines; // all of them
  }
}
