import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createTokenManager } from '../../src/index.js';
import { browser } from '../../src/presets/browser.js';
import { stubDatabases } from '../adapters/support/databases.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test.each<[string, 'silent' | { fails: DOMException }, number]>([
  ['never answers', 'silent', 5_000],
  ['fails', { fails: new DOMException('Internal error.', 'UnknownError') }, 1_000],
])(
  'D9: with a database that %s, a sign-in is over in seconds, served at once, and ended',
  async (_, mood, withinMs) => {
    const databases = stubDatabases();
    databases.mood = mood;
    vi.stubGlobal('indexedDB', databases.factory);
    const tokens = createTokenManager({ refresh: async () => ({ access_token: 'second' }), platform: browser() });
    const outcome = vi.fn();
    void tokens.startSession({ access_token: 'first', refresh_token: 'rt', expires_in: 600 }).then(outcome);
    await vi.advanceTimersByTimeAsync(withinMs);
    await vi.waitFor(() => expect(outcome).toHaveBeenCalled(), { timeout: 15_000 }); // crypto takes real time
    expect(await tokens.getAccessToken()).toBe('first');
    const opens = databases.opens;
    void tokens.endSession().catch(outcome);
    await vi.advanceTimersByTimeAsync(100);
    expect(tokens.getSnapshot().status).toBe('none');
    expect(databases.opens).toBe(opens);
    tokens.dispose();
  },
);
