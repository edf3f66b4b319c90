import type { DueEntry } from '../../core/due.js';
import type { LanePause } from '../../core/lane.js';
import { OptionsError, StorageError, type StorageErrorCode } from '../../errors.js';
import type { ClaimedEntry, DueIndex, EndedSession, LaneCounts } from '../../ports/due-index.js';
import { checkOptions } from '../parts/check-options.js';
import { type Complaint, type RedisLike, scriptRunner } from './client.js';
import { ACKNOWLEDGE, CLAIM, ENDED, GET_ENTRY, LOOK, PAUSE, PUT, REMOVE_ENTRY, STUCK, TOUCH } from './due-scripts.js';

/** See {@link redisDueIndex}. */
export interface RedisDueIndexOptions {
  /** What its keys begin with, in braces, so that a cluster keeps them together. Default `{evertoken:fleet}`. */
  prefix?: string;
}

const INSTEAD = "redisDueIndex(client, { prefix: '{myapp:fleet}' })";

/**
 * The due index of a fleet in Redis (5 and later), shared by all its processes; see `evertoken/fleet`.
 *
 * Takes the same clients as `redisStorage`. Time is Redis's own. All of one index lies in one slot of a cluster. Rejects
 * with a `StorageError`.
 */
export function redisDueIndex(client: RedisLike, options: RedisDueIndexOptions = {}): DueIndex {
  const { prefix = '{evertoken:fleet}' } = checkOptions<RedisDueIndexOptions>(
    'redisDueIndex',
    options,
    ['prefix'],
    INSTEAD,
  );
  if (typeof prefix !== 'string' || !prefix) {
    throw new OptionsError('ERR_OPTIONS', `Expected prefix to be a string that is not empty. Write ${INSTEAD}.`);
  }
  const script = scriptRunner(client);
  const run = async (text: string, ...rest: (string | number)[]): Promise<unknown> => {
    const isReading = text === LOOK || text === ENDED || text === STUCK || text === GET_ENTRY;
    return script(text, prefix, ...rest).catch(fail(isReading ? 'ERR_STORAGE_READ' : 'ERR_STORAGE_WRITE', prefix));
  };
  const list = async (text: string, ...rest: (string | number)[]) =>
    ((await run(text, ...rest)) as unknown[]).map(String);

  return {
    put: (key, entry) => run(PUT, key, entry.lane, Math.floor(entry.at), encode(entry)),
    async get(key) {
      const found = (await run(GET_ENTRY, key)) as unknown[] | null;
      return found ? decode(key, String(found[0]), String(found[1])) : undefined;
    },
    touch: (keys, at) => run(TOUCH, Math.floor(at), ...keys),
    remove: (key, ended) => run(REMOVE_ENTRY, key, ended?.reason ?? '', Math.floor(ended?.at ?? 0)),
    claim: async (lane, { limit, forMs, hotForMs }) =>
      entries(await list(CLAIM, lane, Math.floor(limit), Math.ceil(forMs), hotForMs ?? '')),
    pause: (lane, pause) => run(PAUSE, lane, JSON.stringify(pause)),
    look: async (lane) => {
      const found = inGroups(await list(LOOK, lane ?? ''), 7).map(counts);
      return lane !== undefined && found.length === 0 ? [counts([lane])] : found;
    },
    ended: async (limit) => inGroups(await list(ENDED, Math.floor(limit)), 2).map(readEnded),
    acknowledge: (keys) => run(ACKNOWLEDGE, ...keys),
    attention: async (limit) => entries(await list(STUCK, Math.floor(limit))),
  };
}

function encode({ lane, expiresAt, lifetimeMs, keepAliveAt, urgent, stuck }: DueEntry): string {
  const moments = [expiresAt, lifetimeMs, keepAliveAt].map((moment) => moment ?? null);
  return JSON.stringify([lane, ...moments, null, urgent === true, stuck === true]);
}

function decode(key: string, stored: string, at: string): ClaimedEntry {
  const [lane, expiresAt, lifetimeMs, keepAliveAt, usedAt, urgent, stuck] = JSON.parse(stored);
  return {
    key,
    lane,
    at: Number(at),
    expiresAt: expiresAt ?? undefined,
    lifetimeMs: lifetimeMs ?? undefined,
    keepAliveAt: keepAliveAt ?? undefined,
    usedAt,
    ...(urgent && { urgent }),
    ...(stuck && { stuck }),
  };
}

function entries(parts: readonly string[]): readonly ClaimedEntry[] {
  return inGroups(parts, 3).map(([key = '', stored = '', at = '']) => decode(key, stored, at));
}

function counts([
  lane = '',
  total = '0',
  due = '0',
  overdue = '0',
  oldest = '0',
  stuck = '0',
  pause = '',
]: readonly string[]): LaneCounts {
  return {
    lane,
    total: Number(total),
    due: Number(due),
    overdue: Number(overdue),
    oldestOverdueMs: Number(oldest),
    attention: Number(stuck),
    paused: pause === '' ? undefined : (JSON.parse(pause) as LanePause),
  };
}

function readEnded([key = '', stored = '']: readonly string[]): EndedSession {
  const [lane, reason, at] = JSON.parse(stored);
  return { key, lane, reason, at: Number(at) };
}

function inGroups(parts: readonly string[], size: number): readonly (readonly string[])[] {
  const groups: string[][] = [];
  for (let index = 0; index < parts.length; index += size) groups.push(parts.slice(index, index + size));
  return groups;
}

function fail(code: StorageErrorCode, prefix: string): (complaint: Complaint) => never {
  return ({ text, ...cause }) => {
    const action = code === 'ERR_STORAGE_READ' ? 'read' : 'write';
    throw new StorageError(code, `Could not ${action} the due index ${prefix} in Redis: ${text}`, { cause });
  };
}
