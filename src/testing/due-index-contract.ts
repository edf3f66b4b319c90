import type { DueEntry } from '../core/due.js';
import type { DueIndex } from '../ports/due-index.js';
import {
  type ContractCheck,
  type ContractOptions,
  createChecks,
  type Make,
  type Promises,
  same,
  sleep,
  type UnderTest,
} from './contract.js';

/** What the factory of {@link dueIndexContract} gives: an empty index each time. */
export interface DueIndexUnderTest extends UnderTest {
  due: DueIndex;
  /** Another view on the same index, as another process has. Default: `due` itself. */
  second?: DueIndex;
}

const PAST_MS = -60_000;
const CLAIM_MS = 60_000;

/** The checks of a due index: what a fleet relies on, in plain words, for any test runner. */
export function dueIndexContract(make: Make<DueIndexUnderTest>, options: ContractOptions = {}): ContractCheck[] {
  return createChecks(make, { ...claims, ...order, ...lists, ...lanes }, options);
}

const claims: Promises<DueIndexUnderTest> = {
  'gives what is due, and nothing that is not': async ({ due }, key) => {
    await due.put(`${key}:later`, entry(60_000));
    await due.put(`${key}:now`, entry(PAST_MS));
    same(await claimKeys(due), `${key}:now`, 'what was claimed');
  },
  'gives an entry as it was put, with its last use': async ({ due }, key) => {
    const given = entry(PAST_MS, {
      expiresAt: Date.now() + 5_000,
      lifetimeMs: 60_000,
      keepAliveAt: Date.now() + 90_000,
    });
    await due.put(key, given);
    const [claimed] = await due.claim('lane', { limit: 1, forMs: CLAIM_MS });
    same(claimed?.key, key, 'the key');
    for (const name of ['lane', 'expiresAt', 'lifetimeMs', 'keepAliveAt'] as const)
      same(claimed?.[name], given[name], name);
    same(Math.abs((claimed?.usedAt ?? 0) - Date.now()) < 10_000, true, 'that a new entry counts as used now');
  },
  'gives each entry once, however many ask at the same time': async ({ due, second = due }, key) => {
    for (let index = 0; index < 40; index++) await due.put(`${key}:${index}`, entry(PAST_MS));
    const views = [due, second, due, second];
    const claimed = await Promise.all(views.map((view) => view.claim('lane', { limit: 20, forMs: CLAIM_MS })));
    const keys = claimed.flat().map((one) => one.key);
    same(keys.length, 40, 'how many were given');
    same(new Set(keys).size, 40, 'how many different ones');
  },
  'gives an entry again when its claim has run out, and not before': async ({ due, second = due }, key) => {
    await due.put(`${key}:long`, entry(PAST_MS));
    await due.claim('lane', { limit: 1, forMs: CLAIM_MS });
    same(await claimKeys(second), '', 'what is due at once');
    await due.put(`${key}:short`, entry(PAST_MS));
    await due.claim('lane', { limit: 1, forMs: 20 });
    let again = '';
    while (again === '') {
      await sleep(10);
      again = await claimKeys(second);
    }
    same(again, `${key}:short`, 'what is due after the claim');
  },
  'gives no more than asked for': async ({ due }, key) => {
    for (let index = 0; index < 5; index++) await due.put(`${key}:${index}`, entry(PAST_MS));
    same((await due.claim('lane', { limit: 2, forMs: CLAIM_MS })).length, 2, 'how many were given');
    same((await due.claim('lane', { limit: 9, forMs: CLAIM_MS })).length, 3, 'how many were left');
  },
  'replaces an entry, also one that is due or claimed': async ({ due }, key) => {
    await due.put(key, entry(PAST_MS));
    await due.look('lane');
    await due.put(key, entry(60_000));
    same(await claimKeys(due), '', 'what is due after the entry was put off');
    await due.put(key, entry(PAST_MS, { lane: 'other' }));
    same(await claimKeys(due), '', 'what is due in the lane that it left');
    same(await claimKeys(due, 'other'), key, 'what is due in the other lane');
  },
  'forgets what is removed': async ({ due }, key) => {
    await due.put(key, entry(PAST_MS));
    await due.remove(key);
    await due.remove(`${key}:never`);
    same(await claimKeys(due), '', 'what is due');
    same(await due.get(key), undefined, 'the entry');
  },
};

const order: Promises<DueIndexUnderTest> = {
  'gives urgent ones first, then those in use by expiry, then the others': async ({ due }, key) => {
    const at = Date.now();
    await due.put(`${key}:unused`, entry(PAST_MS, { expiresAt: at - 9_000 }));
    await sleep(30);
    await due.put(`${key}:second`, entry(PAST_MS, { expiresAt: at + 9_000 }));
    await due.put(`${key}:first`, entry(PAST_MS, { expiresAt: at + 8_000 }));
    await due.put(`${key}:urgent`, entry(PAST_MS, { expiresAt: at + 99_000, urgent: true }));
    await due.touch([`${key}:first`, `${key}:second`, `${key}:nobody`], Date.now() + 60_000);
    const claimed = await due.claim('lane', { limit: 9, forMs: CLAIM_MS, hotForMs: 20 });
    same(claimed.map((one) => one.key.slice(key.length + 1)).join(), 'urgent,first,second,unused', 'the order');
  },
  'keeps when a session was last used, whatever is put': async ({ due }, key) => {
    const at = Date.now() + 5_000;
    await due.put(key, entry(PAST_MS));
    await due.touch([key], at);
    await due.touch([key], at - 1_000);
    await due.put(key, entry(PAST_MS));
    same((await due.get(key))?.usedAt, at, 'the last use');
  },
};

const lists: Promises<DueIndexUnderTest> = {
  'lists what ended until it is acknowledged, and by its last reason': async ({ due, second = due }, key) => {
    await due.put(key, entry(PAST_MS));
    await due.remove(key, { reason: 'rejected', at: 5 });
    await due.remove(key, { reason: 'lost', at: 6 });
    await due.remove(`${key}:b`, { reason: 'rejected', at: 7 });
    const ended = await second.ended(9);
    same(ended.map((one) => one.key.slice(key.length)).join(), ',:b', 'what ended, oldest first');
    same(JSON.stringify(ended[0]), JSON.stringify({ key, lane: 'lane', reason: 'lost', at: 6 }), 'the first of them');
    same((await due.ended(1)).length, 1, 'how many of one at most');
    await second.acknowledge([key, `${key}:b`]);
    same((await due.ended(9)).length, 0, 'how many are left');
  },
  'lists what needs attention as long as it does': async ({ due }, key) => {
    await due.put(key, entry(60_000, { stuck: true }));
    await due.put(`${key}:well`, entry(60_000));
    same((await due.attention(9)).map((one) => one.key).join(), key, 'what needs attention');
    same((await due.look('lane'))[0]?.attention, 1, 'how many');
    await due.put(key, entry(60_000));
    same((await due.attention(9)).length, 0, 'how many after that');
  },
};

const lanes: Promises<DueIndexUnderTest> = {
  'counts by lane': async ({ due, second = due }, key) => {
    await due.put(`${key}:a`, entry(PAST_MS, { expiresAt: Date.now() - 2_000 }));
    await due.put(`${key}:b`, entry(PAST_MS, { expiresAt: Date.now() + 90_000 }));
    await due.put(`${key}:c`, entry(60_000));
    await due.put(`${key}:d`, entry(60_000, { lane: 'other' }));
    const all = await second.look();
    same(
      all
        .map(({ lane, total }) => `${lane} ${total}`)
        .sort()
        .join(),
      'lane 3,other 1',
      'the lanes',
    );
    const [lane] = await second.look('lane');
    same(`${lane?.due} ${lane?.overdue}`, '2 1', 'how many are due and overdue');
    same(
      (lane?.oldestOverdueMs ?? 0) >= 2_000 && (lane?.oldestOverdueMs ?? 0) < 60_000,
      true,
      'that the oldest is old',
    );
  },
  'knows nothing of a lane that nobody has named': async ({ due }, key) => {
    const [lane] = await due.look(key);
    same(`${lane?.lane} ${lane?.total} ${lane?.due} ${lane?.paused}`, `${key} 0 0 undefined`, 'the figures');
  },
  'shows every process the last pause': async ({ due, second = due }) => {
    await due.pause('lane', { until: 7, reason: 'unavailable', count: 2 });
    await second.pause('lane', { until: 9, reason: 'probing', count: 2, forMs: 5 });
    const paused = (await due.look('lane'))[0]?.paused;
    const facts = [paused?.until, paused?.reason, paused?.count, paused?.forMs];
    same(JSON.stringify(facts), '[9,"probing",2,5]', 'the pause');
  },
};

function entry(inMs: number, more: Partial<DueEntry> = {}): DueEntry {
  return { lane: 'lane', at: Date.now() + inMs, ...more };
}

async function claimKeys(due: DueIndex, lane = 'lane'): Promise<string> {
  const claimed = await due.claim(lane, { limit: 100, forMs: CLAIM_MS });
  return claimed.map(({ key }) => key).join();
}
