import { afterEach, describe, expect, test, vi } from 'vitest';
import { createTokenManager } from '../../src/index.js';
import { browser } from '../../src/presets/browser.js';
import { webStorage } from '../../src/presets/web-storage.js';

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

// happy-dom and jsdom have neither IndexedDB nor Web Locks
describe('where nobody else can see the session, nobody is waited for', () => {
  test.each<[string, Parameters<typeof browser>[0], boolean]>([
    ['memory, as in happy-dom and jsdom', {}, false],
    ['sessionStorage', { storage: webStorage('session') }, false],
    ['localStorage, which other tabs see', { storage: webStorage('local') }, true],
  ])('%s', async (_, options, isShared) => {
    vi.stubGlobal('indexedDB', undefined);
    vi.stubGlobal('TextEncoder', undefined); // as in the jsdom of Jest
    vi.stubGlobal('TextDecoder', undefined);
    const tokens = createTokenManager({
      refresh: () => Promise.reject(Object.assign(new Error('refused'), { status: 400, error: 'invalid_grant' })),
      platform: browser(options),
    });
    await tokens.startSession({ access_token: 'first', refresh_token: 'rt', expires_in: 600 });
    vi.useFakeTimers();
    let waitedMs = 0;
    const refused = tokens
      .refresh()
      .catch(() => undefined)
      .then(() => true);
    while (!(await Promise.race([refused, vi.advanceTimersByTimeAsync(50).then(() => false)]))) waitedMs += 50;
    expect(tokens.getSnapshot().status).toBe('none');
    if (isShared) expect(waitedMs).toBeGreaterThanOrEqual(1_500);
    else expect(waitedMs).toBeLessThan(200);
    tokens.dispose();
  });
});
