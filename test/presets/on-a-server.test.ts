import { afterEach, describe, expect, test, vi } from 'vitest';
import { createTokenManager } from '../../src/index.js';
import { browser } from '../../src/presets/browser.js';

afterEach(() => void vi.unstubAllGlobals());

const key = 'evertoken:session';
const refusal = {
  name: 'OptionsError',
  code: 'ERR_OPTIONS',
  message: expect.stringMatching(/this is a server.*Use node\(\)/),
};
/** What a runtime has beside what Node has, in which this runs. */
const without = { process: undefined, navigator: undefined };

describe('E8: on a server, where one session would serve every visitor', () => {
  test.each<[string, Record<string, unknown>]>([
    ['Node', {}],
    ['Deno 2', { ...without, Deno: {} }],
    ['Deno 1', { ...without, Deno: {}, window: {} }],
    ['Bun', { Bun: {} }],
    ['workerd', { ...without, WorkerGlobalScope: class {}, navigator: { userAgent: 'Cloudflare-Workers' } }],
    ['an edge runtime', { ...without, EdgeRuntime: 'edge-runtime' }],
    ['something unknown', without],
  ])('%s: storing a session is refused, with what to use instead; all else stays silent', async (_, globals) => {
    for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value);
    const { storage, marks } = browser();
    expect(await storage.getItem(key)).toBeNull();
    expect(storage.fault).toBeUndefined();
    await storage.removeItem(key);
    expect(() => storage.setItem(key, 'value')).toThrow(expect.objectContaining(refusal));
    marks?.set(key, 'mark');
    expect(marks?.get(key)).toBe('mark');
  });

  test.each<[string, Record<string, unknown>]>([
    ['a page', { ...without, document: {}, window: {} }],
    ['a page that Node simulates', { document: {}, window: {} }],
    ['a worker', { ...without, WorkerGlobalScope: class {}, navigator: { userAgent: 'Mozilla/5.0' } }],
    ['a service worker of an old browser', { ...without, WorkerGlobalScope: class {} }],
    ['a page of Electron with Node in it', { document: {}, window: {} }],
    [
      'a worker of Electron with Node in it',
      { WorkerGlobalScope: class {}, process: { versions: { node: '1', electron: '1' } } },
    ],
  ])('%s is none', async (_, globals) => {
    for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value);
    const { storage } = browser();
    await storage.setItem(key, 'value');
    expect(await storage.getItem(key)).toBe('value'); // in memory, as there is no IndexedDB here
  });

  test('rendering does nothing that can be seen, and finds nobody signed in', async () => {
    const tokens = createTokenManager({ refresh: async () => ({ access_token: 'x' }), platform: browser() });
    const faults: unknown[] = [];
    tokens.on('storageFailed', (fault) => faults.push(fault));
    expect(tokens.getSnapshot().status).toBe('loading');
    await expect(tokens.getAccessToken()).rejects.toMatchObject({ code: 'ERR_NO_SESSION' });
    expect(faults).toEqual([]);
    tokens.dispose();
  });
});
