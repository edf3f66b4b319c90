import { afterEach, beforeEach, describe, test, vi } from 'vitest';
import { broadcastChannel } from '../../src/adapters/broadcast-channel.js';
import { inProcessLock } from '../../src/adapters/in-process-lock.js';
import { indexedDbRegisters } from '../../src/adapters/indexed-db/registers.js';
import { indexedDb } from '../../src/adapters/indexed-db.js';
import { tabLock } from '../../src/adapters/tab-lock.js';
import { webStorage } from '../../src/presets/web-storage.js';
import { type ContractCheck, channelContract, lockContract, storageContract } from '../../src/testing.js';

// Two instances share nothing but what the browser keeps, as two tabs do; test/tabs has real ones.

function keep(checks: ContractCheck[]): void {
  for (const { name, run } of checks) test(name, run, 30_000);
}

describe('indexedDb', () => {
  const make = () => ({ storage: indexedDb(), second: indexedDb() });
  keep(storageContract(make, { shared: true, fences: true }));
});

describe('indexedDb in a page without it, which keeps everything in memory', () => {
  beforeEach(() => void vi.stubGlobal('indexedDB', undefined));
  afterEach(() => void vi.unstubAllGlobals());
  keep(storageContract(() => ({ storage: indexedDb() })));
});

describe("webStorage('local')", () => {
  const make = () => ({ storage: webStorage('local'), second: webStorage('local') });
  keep(storageContract(make, { shared: true, fences: true }));
});

describe("webStorage('local') in a page without IndexedDB", () => {
  beforeEach(() => void vi.stubGlobal('indexedDB', undefined));
  afterEach(() => void vi.unstubAllGlobals());
  keep(storageContract(() => ({ storage: webStorage('local') })));
});

describe("webStorage('session')", () => {
  keep(storageContract(() => ({ storage: webStorage('session') })));
});

const newLock = () => tabLock(indexedDbRegisters('evertoken', 'relaxed'), inProcessLock(), broadcastChannel());

describe('tabLock', () => {
  const make = () => ({ lock: newLock(), second: newLock() });
  keep(lockContract(make, { shared: true, fences: true, takesOver: true }));
});

describe('tabLock in a page without Web Locks', () => {
  beforeEach(() => void vi.stubGlobal('navigator', {}));
  afterEach(() => void vi.unstubAllGlobals());
  const make = () => ({ lock: newLock(), second: newLock() });
  keep(lockContract(make, { shared: true, fences: true, takesOver: true, boundMs: 55_000 }));
});

describe('tabLock in a page without IndexedDB', () => {
  beforeEach(() => void vi.stubGlobal('indexedDB', undefined));
  afterEach(() => void vi.unstubAllGlobals());
  keep(lockContract(() => ({ lock: newLock(), second: newLock() }), { shared: true }));
});

describe('broadcastChannel', () => {
  keep(channelContract(() => ({ channel: broadcastChannel(), second: broadcastChannel() }), {}));
});
