import { expect, test } from 'vitest';
import { createFetch, createTokenManager, type Platform, tokenEndpoint } from '../../src/index.js';
import { runChild } from '../support/run-child.js';

const CHILD = new URL('hygiene-child.ts', import.meta.url).pathname;

test('creating has no side effects: nothing of the platform is called, by any factory, getter or listener', () => {
  const calls: string[] = [];
  const port = (name: string) =>
    new Proxy(
      {},
      {
        get: (_target, member) => (typeof member === 'string' ? () => void calls.push(`${name}.${member}`) : undefined),
      },
    );
  const platform = Object.fromEntries(
    ['storage', 'lock', 'channel', 'wakeups', 'clock'].map((name) => [name, port(name)]),
  ) as unknown as Platform;
  platform.random = () => {
    calls.push('random');
    return 0;
  };
  const fetch = async () => {
    calls.push('fetch');
    return new Response();
  };
  const refresh = tokenEndpoint({ url: 'https://auth.example/token', clientId: 'app', fetch });
  const tokens = createTokenManager({ refresh, platform });
  createFetch(tokens, { origins: ['https://api.example'], fetch });
  tokens.on('refreshed', () => undefined)();
  expect(tokens.getSnapshot()).toMatchObject({ status: 'loading', refreshing: false });
  expect(tokens.getSnapshot()).toBe(tokens.getSnapshot());
  expect(calls).toEqual([]);
  tokens.dispose();
  expect(calls).toEqual([]);
});

test('importing and creating leave the globals, the timers and the handles of a server as they were', async () => {
  const said = await runChild(new URL('import-child.ts', import.meta.url).pathname, []);
  expect(said).toContain('imported nothing but names');
}, 30_000);

const exits: [string, string][] = [
  ['a script that signs in and fetches once exits by itself', 'fetch-once'],
  ['it does so with a proactive refresh ahead', 'proactive'],
  ['a script that awaits an expired token does not exit before it has it', 'expired'],
  ['a script that awaits a token does not exit between two attempts', 'retry'],
  ['a script that waits for the lock does not exit before it has it', 'lock'],
  ['a script that signs out does not exit before the session is revoked', 'sign-out'],
  ['a script whose endpoint hangs hears of it, and exits', 'hang'],
  ['a script that asked for nothing any more exits in mid-refresh', 'leave'],
];
for (const [promise, what] of exits) {
  test(promise, async () => {
    const said = await runChild(CHILD, [what]);
    expect(said.at(-1)).toBe(what === 'leave' ? 'left' : 'done');
  }, 30_000);
}

test('a thousand times create, use, dispose leaves no timer, listener, subscription or growing heap', async () => {
  const [line = ''] = (await runChild(CHILD, ['thousand'])).filter((said) => said.startsWith('grown'));
  const { timers, wakeups, subscriptions, abortListeners, bytesEach } = JSON.parse(line.slice('grown'.length));
  expect({ timers, wakeups, subscriptions, abortListeners }).toEqual({
    timers: 0,
    wakeups: 0,
    subscriptions: 0,
    abortListeners: 0,
  });
  expect(bytesEach).toBeLessThan(2_000);
}, 60_000);

test('the whole core works with navigator.locks, BroadcastChannel, crypto, localStorage, document, structuredClone, AbortSignal.any, AbortSignal.timeout and DOMException removed', async () => {
  const said = await runChild(new URL('bare-runtime-child.ts', import.meta.url).pathname, []);
  expect(said.at(-1)).toBe('done');
  expect(said.filter((line) => line.startsWith('ok'))).toHaveLength(10);
}, 30_000);
