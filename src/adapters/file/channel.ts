/// <reference types="node" />
import { type FSWatcher, watch } from 'node:fs';
import { lstat, mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Channel } from '../../ports/channel.js';
import { type FileMode, locate } from './document.js';
import { leaveToOwnerOf } from './heir.js';
import { nameFor } from './name.js';
import { type FileOptions, PRIVATE } from './options.js';

/**
 * Tells the other processes on this credentials file that a session in it changed, and nothing else.
 *
 * A notice is an empty file beside the locks, written anew; listeners watch the folder. Where the file system reports no
 * changes (most network file systems), a peer reads the session when its own token is due. Watching keeps no process
 * alive. Never throws.
 */
export function fileChannel(file: string, { mode = PRIVATE }: FileOptions = {}): Channel {
  const path = resolve(file);
  const listeners = new Map<string, Set<() => void>>();
  const hear = (key: string) => {
    for (const listener of [...(listeners.get(key) ?? [])]) listener();
  };
  const watcher = createWatcher(path, (file) => {
    for (const key of [...listeners.keys()]) if (file === null || file === noticeName(key)) hear(key);
  });

  return {
    announce(key) {
      void Promise.resolve().then(() => hear(key)); // managers in this process are notified directly
      void touch(path, key, mode).then(() => listeners.size > 0 && watcher.start());
    },
    subscribe(key, listener) {
      const own = () => listener(); // a Set would hold a function that subscribes twice only once
      const others = listeners.get(key) ?? new Set();
      listeners.set(key, others.add(own));
      watcher.start();
      return () => {
        others.delete(own);
        if (others.size === 0 && listeners.get(key) === others) listeners.delete(key);
        if (listeners.size === 0) watcher.stop();
      };
    },
  };
}

interface Watcher {
  /** Starts watching unless it is already. */
  start(): void;
  stop(): void;
}

/** Watches the folder of the locks or, while that is missing, its parent. */
function createWatcher(path: string, changed: (file: string | null) => void): Watcher {
  let current: { readonly folder: string; readonly watcher: FSWatcher } | undefined;
  let isWanted = false;

  function look(place: string): void {
    const folder = `${place}.lock`;
    if (!isWanted || current?.folder === folder) return;
    const isThere = attempt(folder, (file) => {
      if (file !== basename(folder)) return changed(file);
      stopWatching(); // the watched folder was deleted
      look(place);
    });
    if (isThere || current) return;
    attempt(dirname(place), (file) => {
      if (file !== null && file !== basename(folder)) return;
      look(place);
      if (current?.folder === folder) changed(null); // notices may have come before the watcher was ready
    });
  }

  function attempt(folder: string, onChange: (file: string | null) => void): boolean {
    try {
      const watcher = watch(folder, { persistent: false }, (_, file) => onChange(file));
      watcher.on('error', stopWatching); // for example when the folder is deleted
      stopWatching();
      current = { folder, watcher };
      return true;
    } catch {
      return false; // the folder is missing, or the file system cannot be watched
    }
  }

  function stopWatching(): void {
    current?.watcher.close();
    current = undefined;
  }

  return {
    start() {
      isWanted = true;
      void locate(path).then(look, () => undefined);
    },
    stop() {
      isWanted = false;
      stopWatching();
    },
  };
}

async function touch(path: string, key: string, mode: FileMode): Promise<void> {
  try {
    const place = await locate(path);
    const [folder, notice] = [`${place}.lock`, join(`${place}.lock`, noticeName(key))];
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if ((await lstat(folder)).isSymbolicLink()) return;
    await writeFile(notice, '', { mode: PRIVATE });
    await leaveToOwnerOf(dirname(place), mode, folder, notice);
  } catch {
    // a notice may be lost
  }
}

function noticeName(key: string): string {
  return `${nameFor(key)}.changed`;
}
