import { describe, expect, test } from 'vitest';
import { createTokenManager, type Platform, tokenEndpoint } from '../../src/index.js';
import { reactNative } from '../../src/presets/react-native.js';
import { createAuthServer, fakeClock } from '../../src/testing.js';
import { createAppState, createPhone, keychainOf, type Phone, secureStoreOf } from '../support/phone.js';

const LIFETIME_MS = 3_600_000;
const keychains: [name: string, on: (phone: Phone) => Platform][] = [
  ['secureStore', (phone) => reactNative({ secureStore: secureStoreOf(phone), appState: createAppState() })],
  ['keychain', (phone) => reactNative({ keychain: keychainOf(phone), appState: createAppState() })],
];

describe.each(keychains)('an app on a phone, with %s', (_, platformOn) => {
  /** A phone with a session, and apps that start on it. */
  async function setUp() {
    const clock = fakeClock();
    // longer than SecureStore takes in one piece
    const server = createAuthServer({ clock, accessTokenLifetimeMs: LIFETIME_MS, tokenFormat: 'jwt' });
    const phone = createPhone();
    const ended: string[] = [];
    const faults: string[] = [];
    const start = () => {
      const tokens = createTokenManager({
        refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
        platform: { ...platformOn(phone), clock },
        proactive: false,
      });
      tokens.on('sessionEnded', ({ reason }) => ended.push(reason));
      tokens.on('storageFailed', ({ operation, error }) => faults.push(`${operation} ${error.code}`));
      const ask = () => clock.runUntil(tokens.getAccessToken().catch((error: { code: string }) => error.code));
      return { tokens, ask };
    };
    const first = start();
    await clock.runUntil(first.tokens.startSession(server.signIn({ scope: 'openid '.padEnd(3_000, 'scope ') })));
    return { clock, server, phone, ended, faults, start, first };
  }

  test('is told to try again while the phone was not unlocked since its start, and is signed in after that', async () => {
    const { phone, server, ended, start, first } = await setUp();
    const token = await first.ask();
    first.tokens.dispose();
    phone.isLocked = true;
    const { ask } = start();
    expect([await ask(), await ask()]).toEqual(['ERR_STORAGE_READ', 'ERR_STORAGE_READ']);
    phone.isLocked = false;
    expect(await ask()).toBe(token);
    expect([server.tokenRequests.length, ended]).toEqual([0, []]);
  });

  test('goes on with new tokens that cannot be stored, and stores them later by itself', async () => {
    const { phone, server, clock, ended, faults, start, first } = await setUp();
    await clock.advance(2 * LIFETIME_MS);
    phone.refusesWrites = true;
    const token = await first.ask();
    expect(server.inspect(token)?.active).toBe(true);
    expect(faults).toContain('write ERR_STORAGE_WRITE');
    phone.refusesWrites = false;
    await clock.advance(60_000);
    first.tokens.dispose();
    expect(await start().ask()).toBe(token);
    expect([server.counts.familiesRevoked, ended]).toEqual([0, []]);
  });

  test('that is killed at any moment of a refresh finds its session again; lost is only what was not stored', async () => {
    let outcomes = '';
    for (let moment = 0; ; moment++) {
      const { phone, server, clock, start, first } = await setUp();
      await clock.advance(2 * LIFETIME_MS);
      phone.calls = 0;
      phone.killBefore = moment;
      let isDone = false;
      void first.tokens.getAccessToken().then(
        () => {
          isDone = true;
        },
        () => undefined,
      );
      await clock.settle();
      const hadRotated = server.counts.refreshesGranted === 1;
      first.tokens.dispose();
      phone.killBefore = Number.POSITIVE_INFINITY;
      const answer = await start().ask();
      if (answer === 'ERR_SESSION_LOST') expect(hadRotated).toBe(true);
      else expect(server.inspect(answer)?.active).toBe(true);
      outcomes += answer === 'ERR_SESSION_LOST' ? 'l' : 's';
      if (isDone) break;
    }
    expect(outcomes).toMatch(/^s+l+s+$/);
  });
});
