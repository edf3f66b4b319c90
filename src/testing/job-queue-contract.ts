import type { JobQueue } from '../ports/job-queue.js';
import {
  type ContractCheck,
  type ContractOptions,
  createChecks,
  type Make,
  type Promises,
  same,
  sleep,
  type UnderTest,
  until,
} from './contract.js';

/** What the factory of {@link jobQueueContract} gives: an empty queue each time. */
export interface JobQueueUnderTest extends UnderTest {
  queue: JobQueue;
}

const OPTIONS = { concurrency: 3, takeoverMs: 5_000 };

/** The checks of a queue: what a fleet relies on, in plain words, for any test runner. */
export function jobQueueContract(make: Make<JobQueueUnderTest>, options: ContractOptions = {}): ContractCheck[] {
  return createChecks(make, promises, options);
}

const promises: Promises<JobQueueUnderTest> = {
  'works on every key that is added, before and after the work began': async ({ queue }, key) => {
    const done: string[] = [];
    await queue.add(key, ['a', 'b']);
    const stop = queue.process(key, async (job) => void done.push(job), OPTIONS);
    await queue.add(key, ['c', 'customer:42/eu']);
    await until(() => done.length === 4);
    same(done.sort().join(), 'a,b,c,customer:42/eu', 'what was worked on');
    await stop();
  },
  'does not add a key that waits or is being worked on': async ({ queue }, key) => {
    const work = gate();
    await queue.add(key, ['a', 'a', 'b']);
    const stop = queue.process(key, work.run, { ...OPTIONS, concurrency: 1 });
    await until(() => work.started.length === 1);
    await queue.add(key, ['a', 'b']);
    work.open();
    await until(() => work.started.length >= 2);
    await sleep(30);
    same(work.started.join(), 'a,b', 'what was worked on');
    await stop();
  },
  'works on a key again once it is done': async ({ queue }, key) => {
    let count = 0;
    const stop = queue.process(key, async () => void count++, OPTIONS);
    for (let round = 1; round <= 3; round++) {
      await queue.add(key, ['a']);
      await until(() => count === round);
      await sleep(20);
    }
    await stop();
  },
  'works on as many at once as it may, and no more': async ({ queue }, key) => {
    const work = gate();
    const stop = queue.process(key, work.run, OPTIONS);
    await queue.add(key, ['a', 'b', 'c', 'd', 'e']);
    await until(() => work.started.length === 3);
    await sleep(30);
    same(work.started.length, 3, 'how many run at once');
    same(await queue.waiting(key), 2, 'how many wait');
    work.open();
    await until(() => work.started.length === 5);
    await stop();
  },
  'goes on after work that failed, and does not repeat it': async ({ queue }, key) => {
    const started: string[] = [];
    const work = async (job: string) => {
      started.push(job);
      if (job === 'a') throw new Error('of the work');
    };
    const stop = queue.process(key, work, { ...OPTIONS, concurrency: 1 });
    await queue.add(key, ['a', 'b']);
    await until(() => started.length === 2);
    await sleep(50);
    same(started.join(), 'a,b', 'what was worked on');
    await stop();
  },
  'keeps lanes apart': async ({ queue }, key) => {
    const work = gate();
    const done: string[] = [];
    const stopSlow = queue.process(`${key}-slow`, work.run, OPTIONS);
    const stopFast = queue.process(`${key}-fast`, async (job) => void done.push(job), OPTIONS);
    await queue.add(`${key}-slow`, ['a', 'b', 'c', 'd']);
    await queue.add(`${key}-fast`, ['a', 'e']);
    await until(() => done.length === 2);
    work.open();
    await Promise.all([stopSlow(), stopFast()]);
  },
  'stops when nothing runs any more, and begins nothing after that': async ({ queue }, key) => {
    const work = gate();
    const stop = queue.process(key, work.run, { ...OPTIONS, concurrency: 1 });
    await queue.add(key, ['a', 'b']);
    await until(() => work.started.length === 1);
    let isStopped = false;
    const stopped = stop().then(() => {
      isStopped = true;
    });
    await sleep(20);
    same(isStopped, false, 'whether it has stopped while work runs');
    work.open();
    await stopped;
    same(work.started.join(), 'a', 'what was begun');
  },
};

/** Work that waits until it is let go on. */
function gate(): { run: (key: string) => Promise<void>; started: string[]; open: () => void } {
  const started: string[] = [];
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return {
    started,
    open: () => open(),
    run: (key) => {
      started.push(key);
      return opened;
    },
  };
}
