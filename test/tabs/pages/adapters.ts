import { broadcastChannel } from '../../../src/adapters/broadcast-channel.js';
import { inProcessLock } from '../../../src/adapters/in-process-lock.js';
import { indexedDbRegisters } from '../../../src/adapters/indexed-db/registers.js';
import { indexedDb } from '../../../src/adapters/indexed-db.js';
import { tabLock } from '../../../src/adapters/tab-lock.js';
import type { Lock } from '../../../src/ports/lock.js';
import type { TokenStorage } from '../../../src/ports/storage.js';
import { webStorage } from '../../../src/presets/web-storage.js';

// The adapters in a page, for tests that drive several tabs.

const parameters = new URLSearchParams(location.search);
if (parameters.has('no-locks')) Object.defineProperty(navigator, 'locks', { value: undefined });

const lock = tabLock(indexedDbRegisters('evertoken', 'relaxed'), inProcessLock(), broadcastChannel());
const patient = new AbortController().signal;

const plainLocalStorage: TokenStorage = {
  getItem: (key) => localStorage.getItem(key),
  setItem: (key, value) => localStorage.setItem(key, value),
  removeItem: (key) => localStorage.removeItem(key),
};
const bareWebLock: Lock = { run: (key, signal, task) => navigator.locks.request(key, () => task({ signal })) };

const ways: Record<string, [Lock, TokenStorage]> = {
  indexedDb: [lock, indexedDb()],
  webStorage: [lock, webStorage('local')],
  'localStorage and a Web Lock, nothing else': [bareWebLock, plainLocalStorage],
};

const ofThisTab = webStorage('session');

const page = {
  /** Keeps a string in the sessionStorage of this tab. */
  async keep(key: string, value: string): Promise<void> {
    await ofThisTab.setItem(key, value);
  },
  /** What is there for this tab. */
  async find(key: string): Promise<string | null> {
    return ofThisTab.getItem(key);
  },
  /** Adds one to a number in storage, under the lock, so many times; the number that it has come to. */
  async count(way: string, key: string, rounds: number): Promise<number> {
    const [held, storage] = ways[way] ?? [];
    if (!held || !storage) throw new Error(`There is no way ${way}.`);
    for (let round = 0; round < rounds; round++) {
      await held.run(key, patient, async ({ fence }) => {
        const before = Number((await storage.getItem(key)) ?? 0);
        await storage.setItem(key, String(before + 1), fence === undefined ? {} : { fence });
      });
    }
    return Number(await storage.getItem(key));
  },
  /** Takes the lock and keeps it; its fence, and between which moments it came. */
  hold(key: string, holdMs: number): Promise<{ fence: number; askedAt: number; grantedAt: number }> {
    return new Promise((resolve, reject) => {
      const askedAt = Date.now();
      const task = ({ fence = 0 }): Promise<never> => {
        resolve({ fence, askedAt, grantedAt: Date.now() });
        return new Promise(() => {});
      };
      lock.run(key, patient, task, { holdMs }).catch(reject);
    });
  },
  /** Waits for the lock; its fence, and when it came. */
  async wait(key: string, holdMs: number): Promise<{ fence: number; grantedAt: number }> {
    const task = async ({ fence = 0 }) => ({ fence, grantedAt: Date.now() });
    return lock.run(key, patient, task, { holdMs });
  },
};

export type AdaptersPage = typeof page;
Object.assign(globalThis, { page });
