import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, sep } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkArchitecture, rules, type SourceTree, type Violation } from './support/check-architecture.js';
import { table } from './support/import-table.js';
import { parse, readImports } from './support/read-imports.js';

const root = join(import.meta.dirname, '..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const dependencies = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });

function readTree(folder: string): SourceTree {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => /\.tsx?$/.test(path));
  return Object.fromEntries(paths.map((path) => [path.split(sep).join('/'), readFileSync(join(folder, path), 'utf8')]));
}

function print({ file, found, rule }: Violation): string {
  return `src/${file}: ${found}\n  ${rule}`;
}

/** The files whose code is loaded with this one. */
function loadedWith(tree: SourceTree, file: string, loaded: Set<string> = new Set()): Set<string> {
  if (loaded.has(file)) return loaded;
  loaded.add(file);
  for (const { specifier, typeOnly } of readImports(parse(file, tree[file] ?? ''))) {
    if (typeOnly || !specifier.startsWith('.')) continue;
    loadedWith(tree, posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts'), loaded);
  }
  return loaded;
}

test('the root entry loads nothing of what forResource asks for access tokens with', () => {
  const tree = readTree(join(root, 'src'));
  const own = [...loadedWith(tree, 'integrations/oauth/for-resource.ts')].filter((path) =>
    /errand|core\/target/.test(path),
  );
  expect(own).toContain('integrations/oauth/errands.ts');
  const loaded = loadedWith(tree, 'index.ts');
  expect(loaded).toContain('manager/attempt.ts');
  expect([...loaded].filter((path) => path.startsWith('integrations/oauth/') || own.includes(path))).toEqual([]);
});

test('every import in src is one that the import table allows, and every file follows the file rules', () => {
  expect(checkArchitecture(readTree(join(root, 'src')), dependencies).map(print)).toEqual([]);
});

// [file, text, the rule it breaks]; each must be reported, and reported once
const forbiddenEdges: [file: string, text: string, rule: string][] = [
  ['errors.ts', `import './core/session.js'`, table.errors.rule],
  ['errors.ts', `import mitt from 'mitt'`, table.errors.rule],
  ['core/session.ts', `import { start } from '../manager/start.js'`, table.core.rule],
  ['core/session.ts', `import type { Clock } from '../ports/clock.js'`, table.core.rule],
  ['core/session.ts', `export { start } from '../manager/start.js'`, table.core.rule],
  ['core/session.ts', `type T = import('../manager/start.js').Start`, table.core.rule],
  ['core/session.ts', `const m = () => import('../manager/start.js')`, table.core.rule],
  ['core/session.ts', `import mitt from 'mitt'`, table.core.rule],
  ['core/session.ts', `import { readFile } from 'node:fs/promises'`, table.core.rule],
  ['core/session.ts', `import { it } from '../../test/it.js'`, table.core.rule],
  ['ports/clock.ts', `import type { Manager } from '../manager/token-manager.js'`, table.ports.rule],
  ['ports/clock.ts', `import { StorageError } from '../errors.js'`, table.ports.rule],
  ['ports/clock.ts', `import type { Emitter } from 'mitt'`, table.ports.rule],
  ['sealing/seal-text.ts', `import type { TokenStorage } from '../ports/storage.js'`, table.sealing.rule],
  ['sealing/seal-text.ts', `import { createCipheriv } from 'node:crypto'`, table.sealing.rule],
  ['time/system-clock.ts', `import { pause } from '../services/fleet/fleet-clock.js'`, table.time.rule],
  ['manager/refresher.ts', `import { sealText } from '../sealing/seal-text.js'`, table.manager.rule],
  ['adapters/file.ts', `import { lock } from './in-process-lock.js'`, table.adapters.rule],
  ['adapters/file.ts', `import type { Lock } from './in-process-lock.js'`, table.adapters.rule],
  ['adapters/parts/write-turns.ts', `import { lock } from '../in-process-lock.js'`, table.adapters.rule],
  ['adapters/file.ts', `import type { M } from '../manager/token-manager.js'`, table.adapters.rule],
  ['adapters/file.ts', `import { browser } from '../presets/browser.js'`, table.adapters.rule],
  ['adapters/emitter.ts', `import mitt from 'mitt'`, table.adapters.rule],
  ['adapters/redis.ts', `import type { Redis } from 'ioredis'`, table.adapters.rule],
  ['adapters/two.ts', `import 'async-mutex'; import 'lockfile'`, rules.oneLibrary],
  ['manager/refresher.ts', `import { memory } from '../adapters/memory-storage.js'`, table.manager.rule],
  ['manager/refresher.ts', `import type { P } from '../presets/in-process.js'`, table.manager.rule],
  ['manager/refresher.ts', `import { Mutex } from 'async-mutex'`, table.manager.rule],
  ['manager/refresher.ts', `import { fakeClock } from '../testing.js'`, table.manager.rule],
  ['manager/refresher.ts', `import { createTokenManager } from '../index.js'`, table.manager.rule],
  ['presets/browser.ts', `import { encode } from '../core/codec.js'`, table.presets.rule],
  ['presets/browser.ts', `import type { T } from '../core/token-set.js'`, table.presets.rule],
  ['presets/browser.ts', `import { start } from '../manager/start-token-manager.js'`, table.presets.rule],
  ['presets/browser.ts', `import { type Platform } from '../ports/platform.js'`, table.presets.rule],
  ['integrations/fetch.ts', `import type { Clock } from '../ports/clock.js'`, table.integrations.rule],
  ['integrations/fetch.ts', `import { memory } from '../adapters/memory-storage.js'`, table.integrations.rule],
  ['integrations/fetch.ts', `import { start } from '../manager/start-token-manager.js'`, table.integrations.rule],
  ['integrations/fetch.ts', `import { type M } from '../manager/token-manager.js'`, table.integrations.rule],
  ['integrations/axios.ts', `import type { AxiosInstance } from 'axios'`, table.integrations.rule],
  ['integrations/fetch.ts', `import { useState } from 'react'`, table.integrations.rule],
  ['integrations/react.ts', `import { createRoot } from 'react-dom/client'`, table.integrations.rule],
  ['integrations/fetch.ts', `import * as oauth from 'oauth4webapi'`, table.integrations.rule],
  ['integrations/fetch.ts', `import { inProcess } from '../presets/in-process.js'`, table.integrations.rule],
  ['integrations/devtools/panel.ts', `import { browser } from '../../presets/browser.js'`, table.integrations.rule],
  ['integrations/step-up.ts', `import { createServer } from 'node:http'`, table.integrations.rule],
  ['integrations/loopback.ts', `import { createServer } from 'node:http'`, table.integrations.rule],
  ['core/proof.ts', `import * as oauth from 'oauth4webapi'`, table.core.rule],
  ['services/fleet.ts', `import { redisLock } from '../adapters/redis.js'`, table.services.rule],
  ['services/fleet.ts', `import { start } from '../manager/start-token-manager.js'`, table.services.rule],
  ['services/fleet.ts', `import { Queue } from 'bullmq'`, table.services.rule],
  ['dpop.ts', `export { hooks } from './core/hooks.js'`, table.dpop.rule],
  ['dpop.ts', `export { start } from './manager/start-token-manager.js'`, table.dpop.rule],
  ['testing/peers.ts', `import { memory } from '../adapters/memory-storage.js'`, table.testing.rule],
  ['testing/peers.ts', `import { expect } from 'vitest'`, table.testing.rule],
  ['testing/peers.ts', `import { http } from 'msw'`, table.testing.rule],
  ['testing/listen.ts', `import { createServer } from 'node:http'`, table.testing.rule],
  ['testing.ts', `export { createTokenManager } from './create-token-manager.js'`, table.testing.rule],
  ['create-token-manager.ts', `import { m } from './adapters/memory-storage.js'`, table['create-token-manager'].rule],
  ['create-token-manager.ts', `import { isFresh } from './core/freshness.js'`, table['create-token-manager'].rule],
  ['index.ts', `export { fakeClock } from './testing.js'`, table.index.rule],
  ['index.ts', `export { Mutex } from 'async-mutex'`, table.index.rule],
];

const brokenRules: [file: string, text: string, rule: string][] = [
  ['helpers-of/thing.ts', 'export {}', rules.place],
  ['thing.ts', 'export {}', rules.place],
  ['core/token-utils.ts', 'export {}', rules.name],
  ['core/types.ts', 'export {}', rules.name],
  ['manager/tokenManager.ts', 'export {}', rules.name],
  ['adapters/index.ts', 'export {}', rules.name],
  ['ports/clock.ts', 'export const now = 1;', rules.portsAreTypes],
  ['ports/clock.ts', `import { type A } from './lock.js'; export type B = A;`, rules.portsAreTypes],
  ['index.ts', `export * from './errors.js'`, rules.indexIsNames],
  ['dpop.ts', 'export const version = 1;', rules.indexIsNames],
  ['index.ts', 'export const version = 1;', rules.indexIsNames],
  ['core/backoff.ts', 'export async function f() {}', rules.pure],
  ['core/backoff.ts', 'export type P = Promise<void>;', rules.pure],
  ['core/backoff.ts', 'export const g = globalThis;', rules.pure],
  ['core/backoff.ts', 'export const f = () => Date.now();', rules.clock],
  ['manager/scheduler.ts', 'export const f = () => new Date();', rules.clock],
  ['manager/scheduler.ts', 'export const f = () => Date();', rules.clock],
  ['manager/scheduler.ts', 'export const f = () => Math.random();', rules.clock],
  ['manager/scheduler.ts', 'declare function setTimeout(f: () => void): number;', rules.ambient],
  ['core/backoff.ts', 'declare global { var now: number }', rules.ambient],
  ['core/backoff.ts', '/// <reference lib="dom" />', rules.reference],
  ['manager/scheduler.ts', '/// <reference types="node" />', rules.reference],
  ['manager/scheduler.ts', '// @ts-expect-error no timers here\nsetTimeout(0);', rules.suppressed],
  ['core/backoff.ts', 'export class Backoff {}', rules.classes],
  ['adapters/file.ts', 'export const open = () => new (class {})();', rules.classes],
  ['integrations/fetch.ts', 'class Fetch {}', rules.classes],
  ['testing/peers.ts', 'export default class extends Map {}', rules.classes],
  ['manager/alarm.ts', 'export class Alarm {} class Timer {}', rules.oneClass],
  ['manager/alarm.ts', 'export class Alarm { readonly timer = new (class {})(); }', rules.oneClass],
  ['manager/alarm.ts', 'export class Alarm { dueAt = 0; }', rules.fields],
  ['manager/alarm.ts', 'export class Alarm { private dueAt = 0; }', rules.fields],
  ['manager/alarm.ts', 'export class Alarm { static dueAt = 0; }', rules.fields],
  ['manager/alarm.ts', 'export class Alarm { declare dueAt: number; }', rules.fields],
  ['manager/alarm.ts', 'export class Alarm { accessor dueAt = 0; }', rules.fields],
  ['manager/alarm.ts', 'export class Alarm { constructor(public dueAt: number) {} }', rules.fields],
  ['manager/alarm.ts', 'export class Alarm { set dueAt(at: number) {} }', rules.fields],
  ['manager/alarm.ts', 'export class Alarm { a() {} b() {} c() {} d() {} e() {} f() {} g() {} }', rules.members],
  [
    'manager/alarm.ts',
    'export class Alarm { get a() {} get b() {} c() {} d() {} e() {} f() {} g() {} }',
    rules.members,
  ],
  [
    'manager/alarm.ts',
    'export class Alarm { readonly a = 0; static b() {} c() {} d() {} e() {} constructor(readonly f: number, public readonly g: number) {} }',
    rules.members,
  ],
  ['manager/refresher.ts', `import { recordOf, transition } from '../core/session.js';`, rules.transition],
  ['manager/refresher.ts', `import { transition as apply } from '../core/session.js';`, rules.transition],
  ['manager/refresher.ts', `import * as session from '../core/session.js';`, rules.transition],
  ['integrations/fetch.ts', `import { transition } from '../core/session.js';`, rules.transition],
  ['testing/peers.ts', `export const load = () => import('../core/session.js');`, rules.transition],
  ['core/reconcile.ts', `export { transition } from './session.js';`, rules.transition],
  ['core/reconcile.ts', `export * from './session.js';`, rules.transition],
  ['manager/attempt.ts', 'export const read = (platform: P) => platform.storage;', rules.storage],
  ['manager/attempt.ts', `export const read = (platform: P) => platform['storage'];`, rules.storage],
  ['manager/attempt.ts', 'export const read = ({ storage }: P) => storage;', rules.storage],
  ['manager/attempt.ts', 'export const read = ({ storage: kept }: P) => kept;', rules.storage],
  ['manager/attempt.ts', `export const read = (where: S) => where.getItem('key');`, rules.storage],
  ['manager/attempt.ts', `export const write = ({ setItem }: S) => setItem('key', '');`, rules.storage],
  ['manager/attempt.ts', `export const erase = (where: S) => where['removeItem']('key');`, rules.storage],
  ['core/backoff.ts', `import { delay } from './backoff.js';`, rules.circle],
  ['integrations/oauth/client.ts', 'export class Client {}', rules.classes],
  ['adapters/own-error.ts', 'export class OwnError extends TokenError {}', rules.classes],
];

describe('an edge that the table forbids is reported with its file and the sentence of the rule', () => {
  test.each(forbiddenEdges)('src/%s: %s', (file, text, rule) => {
    const reports = checkArchitecture({ [file]: text }, dependencies).filter((violation) => violation.rule === rule);
    expect(reports).toHaveLength(1);
    expect(reports[0]?.file).toBe(file);
  });

  test('the report names the specifier, and says whether only types were imported', () => {
    const text = `import type { Clock } from '../ports/clock.js'`;
    expect(checkArchitecture({ 'core/session.ts': text }, dependencies)).toEqual([
      { file: 'core/session.ts', found: `import type '../ports/clock.js'`, rule: table.core.rule },
    ]);
  });

  test('every layer of the table has an edge that is shown to be forbidden', () => {
    const shown = new Set(forbiddenEdges.map(([, , rule]) => rule));
    expect(Object.values(table).filter((row) => !shown.has(row.rule))).toEqual([]);
  });
});

describe('a broken file rule is reported', () => {
  test.each(brokenRules)('src/%s: %s', (file, text, rule) => {
    expect(checkArchitecture({ [file]: text }, dependencies).map((violation) => violation.rule)).toContain(rule);
  });

  test('every file rule has an example that breaks it', () => {
    const shown = new Set([...brokenRules, ...forbiddenEdges].map(([, , rule]) => rule));
    expect(Object.values(rules).filter((rule) => !shown.has(rule))).toEqual([]);
  });
});

describe('a circle of imports is reported', () => {
  const circlesOf = (tree: SourceTree) =>
    checkArchitecture(tree, dependencies).flatMap(({ found, rule }) => (rule === rules.circle ? [found] : []));

  test('of two files, and once', () => {
    const tree = {
      'core/session.ts': `import { due } from './freshness.js';`,
      'core/freshness.ts': `import { next } from './session.js';`,
    };
    expect(circlesOf(tree)).toEqual(['core/freshness.ts → core/session.ts → core/freshness.ts']);
  });

  test('of several files in several folders, beside what leads to it', () => {
    const tree = {
      'index.ts': `export { start } from './manager/manager.js';`,
      'manager/manager.ts': `import { Alarm } from './alarm.js';\nimport { due } from '../core/freshness.js';`,
      'manager/alarm.ts': `import { wake } from './scheduler.js';\nimport { due } from '../core/freshness.js';`,
      'manager/scheduler.ts': `import { Manager } from './manager.js';`,
      'core/freshness.ts': '',
    };
    expect(circlesOf(tree)).toEqual([
      'manager/alarm.ts → manager/scheduler.ts → manager/manager.ts → manager/alarm.ts',
    ]);
  });

  test.each([
    ['a type', `import type { Manager } from './manager.js';`],
    ['a re-export', `export { Manager } from './manager.js';`],
    ['an import on demand', `export const load = () => import('./manager.js');`],
    ['a type within an expression', `export type T = import('./manager.js').Manager;`],
  ])('also where it is closed by %s', (_, text) => {
    const tree = { 'manager/manager.ts': `import { Alarm } from './alarm.js';`, 'manager/alarm.ts': text };
    expect(circlesOf(tree)).toEqual(['manager/alarm.ts → manager/manager.ts → manager/alarm.ts']);
  });

  test('but not where two ways lead to one file', () => {
    const tree = {
      'manager/manager.ts': `import { a } from './alarm.js';\nimport { b } from './scheduler.js';`,
      'manager/alarm.ts': `import { b } from './scheduler.js';`,
      'manager/scheduler.ts': '',
    };
    expect(circlesOf(tree)).toEqual([]);
  });
});

test('what the table allows is not reported', () => {
  const tree: SourceTree = {
    'index.ts': `export { createTokenManager } from './create-token-manager.js';\nexport type { Clock } from './ports/clock.js';`,
    'errors.ts': 'export class TokenError extends Error { declare readonly code: string }',
    'create-token-manager.ts': `import { start } from './manager/start-token-manager.js';\nimport { inProcess } from './presets/in-process.js';\nimport type { Platform } from './ports/platform.js';`,
    'core/session.ts': `export const transition = () => transition();`,
    'core/token-set.ts': `import { jwtDecode } from 'jwt-decode';\nimport { TokenError } from '../errors.js';\nimport { due } from './freshness.js';\nexport const at = (text: string) => new Date(Date.parse(text)).getTime();`,
    'ports/refresh.ts': `import type { Challenge } from '../core/challenge.js';\nimport type { TokenError } from '../errors.js';\nimport type { Lock } from './lock.js';\nexport interface Refresh { challenge: Challenge; lock: Lock; error: TokenError }`,
    'adapters/in-process-lock.ts': `import { Mutex } from 'async-mutex';\nimport type { Lock } from '../ports/lock.js';`,
    'adapters/file.ts': `import { rename } from 'node:fs/promises';\nimport { StorageError } from '../errors.js';`,
    'adapters/indexed-db/cipher.ts': `import { open } from './records.js';\nimport { store } from '../indexed-db.js';`,
    'adapters/indexed-db.ts': `import { seal } from './indexed-db/seal.js';\nimport { turns } from './parts/write-turns.js';`,
    'manager/emitter.ts': `import mitt from 'mitt';\nimport { next } from './session-store.js';\nimport { due } from '../core/freshness.js';`,
    'manager/session-store.ts': `import { transition } from '../core/session.js';\nexport class SessionStore { #state = 0; readonly name = ''; declare readonly key: string; constructor(readonly id: number) {} get state() { return this.#state; } set #next(to: number) {} }`,
    'manager/record-store.ts': `import type { transition } from '../core/session.js';\nimport { recordOf, type SessionState } from '../core/session.js';\nexport class RecordStore { read({ storage }: Platform) { return storage.getItem('key'); } }`,
    'manager/alarm.ts':
      'export class Alarm { #a = 0; get a() {} b() {} c() {} d(): void; d(of?: number) {} e() {} f() {} #g() {} get #h() {} constructor(i: number) {} }',
    'manager/manager.ts': 'export class Manager { a() {} b() {} c() {} d() {} e() {} f() {} g() {} }',
    'manager/attempt.ts': `export class Attempt { readonly #storage; constructor(storage: LockedStorage) { this.#storage = storage; } read() { return this.#storage.read(); } }\nexport const methods = { storage: ['getItem'] };`,
    'presets/in-process.ts': `import { memory } from '../adapters/memory-storage.js';\nimport type { Platform } from '../ports/platform.js';`,
    'integrations/fetch.ts': `import { parse } from '../core/challenge.js';\nimport type { TokenSource } from '../manager/token-manager.js';`,
    'integrations/react.ts': `import { useContext } from 'react';\nimport type { TokenManager } from '../manager/token-manager.js';`,
    'integrations/oauth/callback.ts': `import { checkSender } from '../origins.js';`,
    'integrations/oauth/sign-in-error.ts': `import { TokenError } from '../../errors.js';\nexport class SignInError extends TokenError {}`,
    'integrations/loopback.ts': `export const listen = () => import('node:http');`,
    'integrations/devtools/with-devtools.ts': `import { inProcess } from '../../presets/in-process.js';`,
    'integrations/devtools/element.ts': `export const make = () => class extends HTMLElement {};`,
    'testing.ts': `export { fakeClock } from './testing/fake-clock.js';`,
    'testing/listen.ts': `export const listen = () => import('node:http');`,
    'testing/msw-handlers.ts': `import { http } from 'msw';`,
  };
  expect(checkArchitecture(tree, dependencies).map(print)).toEqual([]);
});
