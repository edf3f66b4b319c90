import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { inProcessChannel } from '../../src/adapters/in-process-channel.js';
import { inProcessLock } from '../../src/adapters/in-process-lock.js';
import { tabLock } from '../../src/adapters/tab-lock.js';
import type { Lease } from '../../src/ports/lock.js';
import { memoryRegisters } from '../adapters/support/memory-registers.js';
import { pass } from '../adapters/support/pass.js';

let keys = 0;
let key: string;
const patient = new AbortController().signal;

beforeEach(() => {
  key = `evertoken:left-while-waiting-${++keys}`; // Web Locks are real here
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A task that ends when it is told to. */
function work() {
  let end = (): void => {};
  const task: { lease?: Lease; end(): void; run(lease: Lease): Promise<void> } = {
    end: () => end(),
    run: (lease) => {
      task.lease = lease;
      return new Promise((resolve) => {
        end = resolve;
      });
    },
  };
  return task;
}

/** A page that was left while it waited for the lock, and is granted it now. */
async function grantedAfterLeaving(options?: { holdMs: number }) {
  const page = new EventTarget();
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
  const { registers } = memoryRegisters();
  const lock = () => tabLock(registers, inProcessLock(), inProcessChannel());
  const [first, restored] = [work(), work()];
  const done = lock().run(key, patient, first.run);
  await pass(100);
  void lock().run(key, patient, restored.run, options);
  await pass(100);
  page.dispatchEvent(new Event('pagehide'));
  first.end();
  await done;
  await pass(100);
  expect(restored.lease?.signal.aborted).toBe(false);
  return { lock, restored };
}

test.each([
  ['with Web Locks', true],
  ['without Web Locks', false],
])('a page that was left while it waited for the lock gives it back when it is done, %s', async (_, hasWebLocks) => {
  if (!hasWebLocks) vi.stubGlobal('navigator', {});
  const { lock, restored } = await grantedAfterLeaving();
  const next = work();
  restored.end();
  await pass(0);
  void lock().run(key, patient, next.run);
  await pass(100);
  expect(next.lease?.signal.aborted).toBe(false);
  next.end();
});

test('and loses it like any other when it holds it for too long', async () => {
  const { restored } = await grantedAfterLeaving({ holdMs: 10_000 });
  await pass(10_000);
  expect(restored.lease?.signal.reason).toMatchObject({ code: 'ERR_LOCK_LOST' });
  restored.end();
});

test('a wait for the lock that is given up leaves no channel open', async () => {
  const { registers } = memoryRegisters();
  const { announce, subscribe } = inProcessChannel();
  let open = 0;
  const channel = {
    announce,
    subscribe: (name: string, listener: () => void) => {
      open++;
      const close = subscribe(name, listener);
      return () => {
        open--;
        close();
      };
    },
  };
  const holder = work();
  void tabLock(registers, inProcessLock(), channel).run(key, patient, holder.run);
  await pass(100);
  const waiting = new AbortController();
  const given = tabLock(registers, inProcessLock(), channel).run(key, waiting.signal, work().run);
  await pass(100);
  waiting.abort(new Error('enough'));
  await expect(given).rejects.toThrow('enough');
  await pass(100);
  expect(open).toBe(0);
  holder.end();
  await pass(100);
  expect(open).toBe(0);
});
