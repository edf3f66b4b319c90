/// <reference types="node" />
import { rename } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const SOON_MS = 800;

/** Whether an error may be temporary: on Windows an indexer or a virus scanner may have the file open. */
export function mayPass(error: unknown): boolean {
  return ['EPERM', 'EBUSY', 'EACCES', 'EAGAIN'].includes(String((error as { code?: unknown } | undefined)?.code));
}

/** Renames; tries again for 0.8 s what may pass, and keeps the process running meanwhile. */
export async function renameSoon(from: string, to: string): Promise<void> {
  const giveUpAt = performance.now() + SOON_MS;
  for (let pauseMs = 10; ; pauseMs *= 2) {
    try {
      return await rename(from, to);
    } catch (error) {
      if (!mayPass(error) || performance.now() + pauseMs > giveUpAt) throw error;
    }
    await sleep(pauseMs);
  }
}
