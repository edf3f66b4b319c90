import { beforeAll, describe, expect, test } from 'vitest';
import { hooks } from '../../../src/core/hooks.js';
import { type DpopKey, type DpopKeys, dpop, memoryKeys } from '../../../src/dpop.js';
import { createFetch, createTokenManager, type RefreshRequest, type TokenResponse } from '../../../src/index.js';
import { forResource } from '../../../src/integrations/oauth.js';
import { fakeClock, peers } from '../../../src/testing.js';
import { boundTokens } from '../../support/bound-tokens.js';

const TOKEN_URL = 'https://auth.test/token';
const API = 'https://api.test/orders';
const NOON = Date.UTC(2026, 5, 1, 12);
const store = memoryKeys();
let key: DpopKey;
beforeAll(async () => {
  key = await store.create();
});

const demand = () =>
  new Response('{"error":"use_dpop_nonce"}', { status: 400, headers: { 'dpop-nonce': `n${Math.random()}` } });
const form = (grant: string, signal?: AbortSignal) => ({
  method: 'POST',
  body: new URLSearchParams({ grant_type: grant, refresh_token: 'r1' }).toString(),
  ...(signal && { signal }),
});

/** What sends, and looks at no signal; each sending takes so long. */
function senderOf(clock: { at: number }, tookMs = 0, onSend: () => void = () => undefined) {
  const sender = {
    count: 0,
    send: (async () => {
      sender.count++;
      clock.at += tookMs;
      onSend();
      return demand();
    }) as typeof fetch,
  };
  return sender;
}

function endpointOf(sender: { send: typeof fetch }, clock: { at: number }, keys: DpopKeys = store): typeof fetch {
  return dpop({ keys, clock: { now: () => clock.at } }).endpoint(key.binding, sender.send);
}

describe('a refresh token is presented while its lock is held, and no later', () => {
  test('nothing is sent if nobody waits any more by the time the key is found, also by what ignores signals', async () => {
    const clock = { at: NOON };
    const sender = senderOf(clock);
    const controller = new AbortController();
    const find = (name: string) => {
      controller.abort(new Error('given up'));
      return store.find(name);
    };
    const send = endpointOf(sender, clock, { ...store, find });
    await expect(send(TOKEN_URL, form('refresh_token', controller.signal))).rejects.toThrow('given up');
    expect(sender.count).toBe(0);
  });

  test('nothing is signed anew if nobody waits any more by the time the answer comes', async () => {
    const clock = { at: NOON };
    const controller = new AbortController();
    const sender = senderOf(clock, 0, () => controller.abort());
    const response = await endpointOf(sender, clock)(TOKEN_URL, form('refresh_token', controller.signal));
    expect(await response.json()).toEqual({ error: 'use_dpop_nonce' });
    expect(sender.count).toBe(1);
  });

  test('a refresh is not signed anew after a page was frozen; the answer comes back, and the next refresh has the nonce', async () => {
    const clock = { at: NOON };
    const sender = senderOf(clock, 6_000);
    const send = endpointOf(sender, clock);
    expect((await send(TOKEN_URL, form('refresh_token'))).status).toBe(400);
    expect(sender.count).toBe(1);
  });

  test('a refresh is not sent if finding the key took as long', async () => {
    const clock = { at: NOON };
    const sender = senderOf(clock);
    const find = (name: string) => {
      clock.at += 6_000;
      return store.find(name);
    };
    const send = endpointOf(sender, clock, { ...store, find });
    await expect(send(TOKEN_URL, form('refresh_token'))).rejects.toThrow(/too late/);
    expect(sender.count).toBe(0);
  });

  test('a sign-in holds no such lock, and is signed anew however long the answer took', async () => {
    const clock = { at: NOON };
    const sender = senderOf(clock, 6_000);
    await endpointOf(sender, clock)(TOKEN_URL, form('authorization_code'));
    expect(sender.count).toBe(2);
  });
});

describe('what hangs holds up nobody who comes later', () => {
  test('a search for the key', async () => {
    const clock = { at: NOON };
    let searches = 0;
    const find = (name: string) => (++searches === 1 ? new Promise<undefined>(() => undefined) : store.find(name));
    const sender = senderOf(clock);
    const send = endpointOf(sender, clock, { ...store, find });
    void send(TOKEN_URL, form('refresh_token'));
    expect((await send(TOKEN_URL, form('refresh_token'))).status).toBe(400);
    expect(searches).toBe(2);
  });

  test('the hash of an access token', async () => {
    const tokens = boundTokens('token', key.binding);
    let hashes = 0;
    const crypto = {
      getRandomValues: (bytes: Uint8Array) => globalThis.crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>),
      sha256: (bytes: Uint8Array) =>
        ++hashes === 1
          ? new Promise<ArrayBuffer>(() => undefined)
          : globalThis.crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>),
    };
    const own = dpop({ keys: store, crypto });
    const api = createFetch(tokens, {
      origins: ['https://api.test'],
      fetch: own.fetch(tokens, async () => new Response()),
    });
    void api(API);
    await new Promise((resolve) => setImmediate(resolve));
    expect((await api(API)).status).toBe(200);
  });
});

describe('a refused proof says nothing about the access token', () => {
  test.each(['use_dpop_nonce', 'invalid_dpop_proof'])(
    '%s refreshes nothing, and is returned as it is',
    async (error) => {
      const replaced: string[] = [];
      const replaceAccessToken = async (token: string) => {
        replaced.push(token);
        return token;
      };
      const tokens = boundTokens('token', key.binding, { replaceAccessToken });
      const send: typeof fetch = async () =>
        new Response('refused', {
          status: 401,
          headers: { 'dpop-nonce': `n${Math.random()}`, 'www-authenticate': `DPoP error="${error}"` },
        });
      const api = createFetch(tokens, {
        origins: ['https://api.test'],
        fetch: dpop({ keys: store }).fetch(tokens, send),
      });
      const response = await api(API);
      expect([response.status, await response.text()]).toEqual([401, 'refused']);
      expect(replaced).toEqual([]);
    },
  );
});

test('J35: an access token of an errand is known as bound, also where a peer’s record of the same revision stays', async () => {
  const clock = fakeClock(NOON);
  const [first] = peers(1, { clock });
  const run = async <T>(work: Promise<T>): Promise<T> => {
    await clock.advance(10);
    return work;
  };
  const lock = {
    run: (
      _name: string,
      signal: AbortSignal,
      task: (lease: { signal: AbortSignal; exclusive: false }) => Promise<void>,
    ) => task({ signal, exclusive: false }),
  };
  const gates = new Map<string, () => void>();
  const tab = (peer: typeof first) =>
    createTokenManager({
      platform: { ...peer.platform, lock } as typeof peer.platform,
      proactive: false,
      refresh: Object.assign(
        async ({ target }: RefreshRequest) => {
          const name = target?.resource ?? '';
          await new Promise<void>((resolve) => gates.set(name, resolve));
          return { access_token: `token-for-${name}`, token_type: 'DPoP', expires_in: 600 };
        },
        { forTargets: true as const },
      ),
    });
  const [one, two] = [tab(first), tab(first.open())];
  const session = { access_token: 'own', token_type: 'DPoP', refresh_token: 'r1', expires_in: 600 };
  await run(one.startSession(session, { binding: key.binding }));
  await run(two.getAccessToken());
  const [files, mail] = [
    forResource(one, { resource: 'https://files.test' }),
    forResource(two, { resource: 'https://mail.test' }),
  ];
  const [waiting, other] = [files.getAccessToken(), mail.getAccessToken()];
  await clock.settle();
  gates.get('https://mail.test')?.();
  await run(other);
  await clock.advance(10);
  gates.get('https://files.test')?.();
  const token = await run(waiting);
  expect(one[hooks]?.others?.(), 'the record of the peer has stayed').not.toHaveProperty(['https://files.test||']);
  expect(one[hooks]?.bindingOf?.(token)).toBe(key.binding);
});

describe('two that could not store have tokens of the same revision, and one finds those of the other beside a refused refresh', () => {
  const bound = (access_token: string, expires_in: number) => ({ access_token, token_type: 'DPoP', expires_in });

  /** A tab that has got `a1`, good for `lifeS`, and another one that has got and stored `a2` since. */
  async function forked(lifeS: number) {
    const clock = fakeClock(NOON);
    const [first] = peers(1, { clock });
    const second = first.open();
    const run = async <T>(work: Promise<T>): Promise<T> => {
      await clock.advance(10);
      return work;
    };
    const answers: (() => Promise<TokenResponse>)[] = [];
    const tab = (peer: typeof first) =>
      createTokenManager({
        platform: peer.platform,
        proactive: false,
        leewayMs: 0,
        refresh: () => (answers.shift() ?? (() => Promise.reject({ status: 401, error: 'invalid_client' })))(),
      });
    const [one, two] = [tab(first), tab(second)];
    await run(one.startSession({ ...bound('a0', 60), refresh_token: 'r1' }, { binding: key.binding }));
    await run(two.getAccessToken());
    await clock.advance(70_000);
    const isFull = (operation: string) => (operation === 'setItem' ? { error: new Error('full') } : undefined);
    first.storageFault = isFull;
    second.storageFault = isFull;
    answers.push(
      async () => bound('a1', lifeS),
      async () => bound('a2', 600),
    );
    await run(one.getAccessToken());
    await run(two.getAccessToken());
    second.storageFault = undefined;
    await clock.advance(90_000);
    first.storageFault = undefined;
    await clock.advance(10_000);
    return { one, run };
  }

  test('J35: they are known as bound', async () => {
    const { one, run } = await forked(60);
    const token = await run(one.getAccessToken());
    expect(token).toBe('a2');
    expect(one[hooks]?.bindingOf?.(token)).toBe(key.binding);
  });

  test('an access token that was refused is not served again', async () => {
    const { one, run } = await forked(600);
    expect(await run(one.getAccessToken())).toBe('a1');
    await run(one.replaceAccessToken('a1').catch(() => undefined));
    expect(await run(one.getAccessToken())).toBe('a2');
  });
});
