import { expect, test } from 'vitest';
import { inProcess, isTokenError, type Platform } from '../../src/index.js';
import { atOnce, createWorld, HOUR, json, MINUTE, outcome } from '../support/promise-world.js';

/** Everything that can go wrong behind a stale token. */
const troubles: Record<string, () => { options?: object; parts?: Partial<Platform>; later?: boolean }> = {
  'refresh throws at once': () => ({
    options: {
      refresh: () => {
        throw new Error('x');
      },
    },
  }),
  'refresh rejects undefined': () => ({ options: { refresh: () => Promise.reject(undefined) } }),
  'refresh returns undefined': () => ({ options: { refresh: () => undefined } }),
  'refresh returns null': () => ({ options: { refresh: async () => null } }),
  'refresh hangs': () => ({ options: { refresh: () => new Promise(() => undefined) } }),
  'refresh returns a thenable that throws': () => ({
    options: {
      refresh: () => ({
        // biome-ignore lint/suspicious/noThenProperty: hostile on purpose
        get then() {
          throw new Error('then');
        },
      }),
    },
  }),
  'refresh answers 503': () => ({ options: { refresh: async () => json({}, 503) } }),
  'lock hangs': () => ({ parts: { lock: { run: () => new Promise(() => undefined) } } }),
  'lock throws at once': () => ({
    parts: {
      lock: {
        run: () => {
          throw new Error('lock');
        },
      },
    },
  }),
  'lock rejects': () => ({ parts: { lock: { run: () => Promise.reject(new Error('lock')) } } }),
  'lock resolves without running the task': () => ({
    parts: { lock: { run: () => Promise.resolve(undefined as never) } },
  }),
};

test.each(Object.keys(troubles))(
  'a usable access token is served at once at every moment, although %s',
  async (name) => {
    const { options = {}, parts = {} } = troubles[name]?.() ?? {};
    let bad = false;
    const inner = inProcess();
    const lock: Platform['lock'] = {
      run: (key, signal, task, rest) => (bad && parts.lock ? parts.lock : inner.lock).run(key, signal, task, rest),
    };
    const { clock, server, tokens } = createWorld({ ...options, parts: { lock } });
    const first = server.signIn();
    await tokens.startSession(first);
    bad = true;
    const { expiresAt = 0 } = tokens.getSnapshot();
    while (clock.now() < expiresAt - 20_000) {
      await clock.advance(20_000);
      for (const options of [undefined, { minValidityMs: 0 }]) {
        expect(await atOnce(clock, tokens.getAccessToken(options)), `at ${expiresAt - clock.now()}`).toMatchObject({
          ok: true,
          value: first.access_token,
        });
      }
      expect(tokens.getSnapshot().status).toBe('active');
    }
    await clock.advance(19_999);
    expect(await atOnce(clock, tokens.getAccessToken())).toMatchObject({ ok: true });
    await clock.advance(1);
    const late = await outcome(clock, tokens.getAccessToken());
    expect(late.ok).toBe(false);
    expect(isTokenError(late.error)).toBe(true);
    expect((late.error as { retryAt?: number }).retryAt).toBeGreaterThan(clock.now() - 1);
    expect(tokens.getSnapshot().status).toBe('active');
    tokens.dispose();
    await clock.advance(HOUR);
    expect(clock.pending).toBe(0);
  },
);

const storages: Record<string, (op: string) => unknown> = {
  hangs: () => new Promise(() => undefined),
  rejects: () => Promise.reject(new Error('storage')),
  'throws at once': () => {
    throw new Error('storage');
  },
  'rejects with undefined': () => Promise.reject(undefined),
  'returns an object': () => ({}),
  'returns a number': () => 7,
  'returns garbage': () => 'garbage{',
  'returns an empty string': () => '',
  'returns JSON null': () => 'null',
  'returns JSON of nothing of ours': () => '{"a":1}',
  'is slow': () => 0,
};
test.each(Object.keys(storages))(
  'a usable access token is served at once at every moment, although the storage %s',
  async (name) => {
    let bad = false;
    const inner = inProcess().storage;
    const world = createWorld({
      parts: {
        storage: {
          getItem: (key) => (bad ? call('get', () => inner.getItem(key)) : inner.getItem(key)) as string,
          setItem: (key, value) => (bad ? call('set', () => inner.setItem(key, value)) : inner.setItem(key, value)),
          removeItem: (key) => (bad ? call('remove', () => inner.removeItem(key)) : inner.removeItem(key)),
        },
      },
      server: { accessTokenLifetimeMs: 2 * MINUTE },
    });
    const { clock, server, tokens } = world;
    const call = (op: string, act: () => unknown) =>
      name === 'is slow' ? new Promise((resolve) => clock.after(4_000, () => resolve(act()))) : storages[name]?.(op);
    await tokens.startSession(server.signIn());
    bad = true;
    for (let step = 0; step < 60; step++) {
      await clock.advance(5_000);
      const { expiresAt = 0, status } = tokens.getSnapshot();
      expect(status).toBe('active');
      if (clock.now() >= expiresAt) {
        await outcome(clock, tokens.getAccessToken());
        continue;
      }
      expect(await atOnce(clock, tokens.getAccessToken()), `step ${step}`).toMatchObject({ ok: true });
    }
    expect(server.counts.reusesDetected).toBe(0);
    expect(server.counts.familiesRevoked).toBe(0);
    expect(server.tokenRequests.length).toBeLessThan(10);
    bad = false;
    await clock.advance(5 * MINUTE);
    expect(await outcome(clock, tokens.getAccessToken())).toMatchObject({ ok: true });
    expect(tokens.getSnapshot().status).toBe('active');
    tokens.dispose();
  },
);
