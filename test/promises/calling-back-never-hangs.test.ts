import { expect, test } from 'vitest';
import {
  createFetch,
  createTokenManager,
  inProcess,
  isTokenError,
  type TokenManager,
  tokenEndpoint,
} from '../../src/index.js';
import { createAuthServer, fakeClock } from '../../src/testing.js';
import { HOUR, MINUTE, outcome } from '../support/promise-world.js';
import { EVENT_TYPES } from '../support/world.js';

const backs: Array<[string, (tokens: TokenManager, api: typeof fetch, url: string) => unknown]> = [
  ['getAccessToken', (tokens) => tokens.getAccessToken()],
  ['getAccessToken with minValidityMs', (tokens) => tokens.getAccessToken({ minValidityMs: HOUR })],
  ['replaceAccessToken', (tokens) => tokens.replaceAccessToken('x')],
  ['refresh', (tokens) => tokens.refresh()],
  ['startSession', (tokens) => tokens.startSession({ access_token: 'n', refresh_token: 'nr', expires_in: 600 })],
  ['endSession', (tokens) => tokens.endSession()],
  ['dispose', (tokens) => tokens.dispose()],
  ['fetch', (_, api, url) => api(url)],
  [
    'throw',
    () => {
      throw new Error('from user code');
    },
  ],
];
const places = ['refresh', 'getItem', 'setItem', 'removeItem', ...EVENT_TYPES, 'subscribe'] as const;
test.each(backs.flatMap(([name, back]) => places.map((place) => [name, place, back] as const)))(
  '%s, awaited inside %s, never hangs',
  async (_name, place, back) => {
    const inner = inProcess();
    let armed = false;
    let depth = 0;
    const inside: Promise<unknown>[] = [];
    const call = (where: string) => {
      if (!armed || where !== place || depth >= 3) return undefined;
      depth++;
      const result = Promise.resolve().then(() => back(tokens, api, server.apiUrl));
      result.catch(() => undefined);
      inside.push(result);
      return result.catch((error: unknown) => {
        if (place === 'refresh' || place.endsWith('Item')) throw error;
      });
    };
    const clock = fakeClock();
    const server = createAuthServer({ clock, accessTokenLifetimeMs: 10 * MINUTE });
    const endpoint = tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch });
    const tokens = createTokenManager({
      refresh: async (request) => {
        await call('refresh');
        return endpoint(request);
      },
      revoke: async () => {
        throw new Error('revoke');
      },
      platform: {
        ...inner,
        clock,
        storage: {
          getItem: async (key) => {
            await call('getItem');
            return inner.storage.getItem(key);
          },
          setItem: async (key, value) => {
            await call('setItem');
            return inner.storage.setItem(key, value);
          },
          removeItem: async (key) => {
            await call('removeItem');
            return inner.storage.removeItem(key);
          },
        },
      },
      proactive: false,
    });
    const api = createFetch(tokens, { origins: [server.origin], fetch: server.fetch });
    for (const type of EVENT_TYPES) tokens.on(type, () => void call(type));
    tokens.subscribe(() => void call('subscribe'));
    await outcome(clock, tokens.startSession(server.signIn()));
    armed = true;
    await clock.advance(11 * MINUTE);
    const outer = [
      tokens.getAccessToken(),
      tokens.refresh(),
      api(server.apiUrl),
      clock.advance(0).then(() => tokens.endSession()),
    ].map((one) => Promise.resolve(one).then(() => undefined));
    const { value = [] } = await outcome(clock, Promise.allSettled(outer), 180_000);
    const { value: more = [] } = await outcome(clock, Promise.allSettled(inside), 180_000);
    for (const one of [...value, ...more]) {
      if (one.status === 'rejected' && (one.reason as Error).message !== 'from user code') {
        expect(isTokenError(one.reason), String(one.reason)).toBe(true);
      }
    }
    armed = false;
    tokens.dispose();
    await clock.advance(5 * MINUTE);
    expect(clock.pending).toBe(0);
  },
);
