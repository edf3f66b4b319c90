import { expect, test } from 'vitest';
import { createTokenManager, inProcess, type TokenManager, type TokenStorage, tokenEndpoint } from '../../src/index.js';
import { type AuthServer, createAuthServer, type FakeClock, fakeClock } from '../../src/testing.js';

const LIFETIME = 600_000;

/** A session whose storage, later on, gives something else than was put into it. */
function signedIn(): {
  tokens: TokenManager;
  clock: FakeClock;
  server: AuthServer;
  give: { value?: unknown };
  log: string[];
} {
  const clock = fakeClock();
  const server = createAuthServer({ clock, accessTokenLifetimeMs: LIFETIME });
  const items = new Map<string, string>();
  const give: { value?: unknown } = {};
  const storage: TokenStorage = {
    getItem: (key) => ('value' in give ? give.value : (items.get(key) ?? null)) as string | null,
    setItem: (key, value) => items.set(key, value),
    removeItem: (key) => items.delete(key),
  };
  const tokens = createTokenManager({
    refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
    platform: { ...inProcess(), storage, clock },
    proactive: false,
  });
  const log: string[] = [];
  tokens.on('storageFailed', ({ operation, error }) => log.push(`${operation} ${error.code}`));
  tokens.on('sessionEnded', ({ reason }) => log.push(`ended ${reason}`));
  return { tokens, clock, server, give, log };
}

const damage: Array<[string, unknown, string]> = [
  ['a word', 'garbage', 'ERR_STORAGE_CORRUPT'],
  ['an empty string', '', 'ERR_STORAGE_CORRUPT'],
  ["somebody else's JSON", '{"theme":"dark"}', 'ERR_STORAGE_CORRUPT'],
  ['a parsed object', { evertoken: 1 }, 'ERR_STORAGE_READ'],
  ['a number', 7, 'ERR_STORAGE_READ'],
];

test.each(damage)(
  'a storage that gives %s in mid-session signs nobody out, and is good again when it gives the record',
  async (_, value, code) => {
    const { tokens, clock, server, give, log } = signedIn();
    const first = server.signIn();
    await tokens.startSession(first);
    give.value = value;

    await clock.advance(LIFETIME - 1); // due: the refresh looks at the storage
    expect(await tokens.getAccessToken()).toBe(first.access_token);
    await clock.advance(1);
    await expect(clock.runUntil(tokens.getAccessToken())).rejects.toMatchObject({ code, retryAt: clock.now() });
    expect(tokens.getSnapshot()).toMatchObject({ status: 'active', error: { code } });
    expect(server.tokenRequests).toHaveLength(0);
    expect(new Set(log)).toEqual(new Set([`read ${code}`]));

    delete give.value;
    expect(await clock.runUntil(tokens.getAccessToken())).not.toBe(first.access_token);
    expect(tokens.getSnapshot()).toMatchObject({ status: 'active', error: undefined });
    tokens.dispose();
  },
);

test.each(damage.slice(3))(
  'a storage that gives %s at the start is told, and is no sign-out',
  async (_, value, code) => {
    const { tokens, clock, give, log } = signedIn();
    give.value = value;
    await expect(clock.runUntil(tokens.getAccessToken())).rejects.toMatchObject({ code });
    await expect(clock.runUntil(tokens.getAccessToken())).rejects.toThrow(/string/);
    expect(new Set(log)).toEqual(new Set([`read ${code}`]));
    tokens.dispose();
  },
);
