import { describe, expect, test, vi } from 'vitest';
import { hooks } from '../../src/core/hooks.js';
import { createFetch, type TokenManager } from '../../src/index.js';
import type { Watcher } from '../../src/manager/watcher.js';
import { LIFETIME, quietPeer, signedIn, signIn } from '../support/signed-in.js';
import { createWorld } from '../support/world.js';

/** Writes down all that a watcher is told, in order. */
function watch(tokens: TokenManager, more: Partial<Watcher> = {}): { told: string[]; stop: () => void } {
  const told: string[] = [];
  const stop = tokens[hooks]?.watch?.({
    event: (event, at) => {
      told.push(event.type);
      more.event?.(event, at);
    },
    wait: (outcome) => {
      told.push('wait');
      more.wait?.(outcome);
    },
    settled: () => {
      told.push('settled');
      more.settled?.();
    },
    disposed: () => {
      told.push('disposed');
      more.disposed?.();
    },
  });
  return { told, stop: stop ?? (() => told.push('no hook')) };
}

describe('events', () => {
  test('are told before the listeners of the application hear them, with their moment', async () => {
    const { tokens, run, clock } = await signedIn();
    const order: string[] = [];
    const at: number[] = [];
    tokens.on('refreshed', (event) => {
      order.push('listener');
      at.push(event.at);
    });
    watch(tokens, {
      event: ({ type }, moment) => {
        if (type === 'refreshed') order.push('watcher');
        if (type === 'refreshed') at.push(moment);
      },
    });
    await run(tokens.refresh());
    expect(order).toEqual(['watcher', 'listener']);
    expect(at).toEqual([clock.now(), clock.now()]);
  });

  test('are told to nobody who has stopped, and to all the others', async () => {
    const { tokens, run } = await signedIn();
    const watchers = [watch(tokens), watch(tokens), watch(tokens)];
    watchers[1]?.stop();
    watchers[1]?.stop();
    await run(tokens.refresh());
    watchers[0]?.stop();
    await run(tokens.endSession());
    expect(watchers.map(({ told }) => told)).toEqual([
      ['wait', 'refreshStarted', 'settled', 'refreshed'],
      [],
      ['wait', 'refreshStarted', 'settled', 'refreshed', 'sessionEnded'],
    ]);
  });

  test('watching neither loads the session nor keeps anything running', async () => {
    const world = createWorld();
    const { tokens } = world.manager();
    const { told } = watch(tokens);
    await world.clock.settle();
    expect(world.moments).toEqual([]);
    expect(world.clock.pending).toBe(0);
    expect(told).toEqual([]);
  });
});

describe('a caller who waits', () => {
  test('is told in its own turn, and nobody is who holds a usable token', async () => {
    const { tokens, run, clock, server } = await signedIn();
    const { told } = watch(tokens);
    void tokens.getAccessToken();
    void tokens.getAccessToken({ minValidityMs: 0 });
    await clock.advance(LIFETIME - 1_000); // stale: served all the same
    void tokens.getAccessToken();
    void tokens.getAccessToken({ signal: new AbortController().signal });
    await clock.settle();
    expect(told.filter((what) => what === 'wait')).toEqual([]);

    await clock.advance(LIFETIME);
    server.next({ delayMs: 100 });
    const before = told.length;
    const callers = [tokens.getAccessToken(), tokens.getAccessToken(), tokens.getAccessToken({ signal: signal() })];
    expect(told.slice(before)).toEqual(['wait', 'wait', 'wait']);
    await run(Promise.all(callers));
    expect(told.slice(before)).toEqual(['wait', 'wait', 'wait', 'refreshStarted', 'settled', 'refreshed']);
  });

  test('is handed the very promise that the watcher was given', async () => {
    const { tokens, run, clock } = await signedIn();
    await clock.advance(LIFETIME);
    const seen: Promise<unknown>[] = [];
    watch(tokens, { wait: (outcome) => void seen.push(outcome) });
    const calls = [tokens.getAccessToken(), tokens.getAccessToken(), tokens.refresh()];
    expect(seen).toEqual(calls);
    expect(seen.every((outcome, index) => outcome === calls[index])).toBe(true);
    await run(Promise.all(calls));
  });

  test('is told also where a request was refused, or asks for longer than there is, or the session is being loaded', async () => {
    const { tokens, run, server, world } = await signedIn();
    const { told } = watch(tokens);
    const api = createFetch(tokens, { origins: [server.origin], fetch: server.fetch });
    server.revokeAccessTokens();
    await run(api(server.apiUrl));
    await run(tokens.replaceAccessToken(await tokens.getAccessToken()));
    await run(tokens.getAccessToken({ minValidityMs: 2 * LIFETIME }));
    expect(told.filter((what) => what === 'wait')).toHaveLength(3);
    const next = world.manager().tokens;
    const loading = watch(next);
    await run(next.getAccessToken());
    expect(loading.told).toEqual(['wait', 'sessionStarted']);
  });
});

describe('the end of a refresh', () => {
  const settledOnce = ['wait', 'refreshStarted', 'settled'];

  test('is told once whatever came of it, before what came of it', async () => {
    const { tokens, run, server, failure } = await signedIn({ retry: { attempts: 2 } });
    const { told } = watch(tokens);
    server.next({ status: 503 });
    await run(tokens.refresh());
    expect(told.splice(0)).toEqual([
      'wait',
      'refreshStarted',
      'refreshFailed',
      'refreshStarted',
      'settled',
      'refreshed',
    ]);
    server.next({ status: 503 }, { times: 2 });
    await failure(tokens.refresh());
    expect(told.splice(0)).toEqual([
      'wait',
      'refreshStarted',
      'refreshFailed',
      'refreshStarted',
      'settled',
      'refreshFailed',
    ]);
    server.revokeFamily();
    await failure(tokens.refresh());
    expect(told.splice(0)).toEqual([...settledOnce, 'sessionEnded']);
  });

  test('is told where nothing else is: of a session that is signed out or replaced, of a peer that was faster', async () => {
    const { tokens, run, server, world, failure, clock } = await signedIn();
    const { told } = watch(tokens);
    server.next({ delayMs: 1_000 });
    const refresh = failure(tokens.refresh());
    await clock.settle();
    await run(tokens.endSession());
    await refresh;
    expect(told.splice(0)).toEqual([...settledOnce, 'sessionEnded']);

    await run(tokens.startSession(server.signIn()));
    const peer = quietPeer(world);
    await clock.advance(LIFETIME - 1_000);
    await run(peer.refresh());
    await clock.advance(1_000);
    told.splice(0);
    await run(tokens.getAccessToken());
    expect(server.tokenRequests).toHaveLength(2);
    expect(told).toEqual([...settledOnce, 'refreshed']);
  });

  test('comes before the next refresh begins, also where a listener asks for that at once', async () => {
    const { tokens, run, clock } = await signedIn();
    const { told } = watch(tokens);
    const more: Promise<void>[] = [];
    tokens.on('refreshed', () => {
      if (more.length < 2) more.push(tokens.refresh());
    });
    await run(tokens.refresh());
    await run(Promise.all(more));
    await clock.settle();
    const runs = told.filter((what) => what === 'refreshStarted' || what === 'settled');
    expect(runs).toEqual(runs.map((_, index) => (index % 2 ? 'settled' : 'refreshStarted')));
    expect(runs.length).toBeGreaterThan(3);
  });
});

describe('the end of a manager', () => {
  test('is the last that is told, once, also in the middle of a refresh', async () => {
    const { tokens, server, clock, failure } = await signedIn();
    const { told } = watch(tokens, { disposed: () => tokens.dispose() });
    server.next({ delayMs: 1_000 });
    const refresh = failure(tokens.refresh());
    await clock.settle();
    tokens.dispose();
    tokens.dispose();
    await refresh;
    await clock.advance(60_000);
    expect(told).toEqual(['wait', 'refreshStarted', 'disposed']);
    expect(() => watch(tokens)).toThrow('dispose()');
  });
});

test('a watcher that throws is reported as a listener is, and changes nothing for anybody', async () => {
  const reportError = vi.fn();
  vi.stubGlobal('reportError', reportError);
  const world = createWorld();
  const { tokens, run, clock } = await signIn(world);
  const fail = () => {
    throw new Error('a fault of the watcher');
  };
  watch(tokens, { event: fail, wait: fail, settled: fail, disposed: fail });
  const { told } = watch(tokens);
  await clock.advance(LIFETIME);
  expect(await run(tokens.getAccessToken())).toBe(await tokens.getAccessToken());
  tokens.dispose();
  expect(told).toEqual(['wait', 'refreshStarted', 'settled', 'refreshed', 'disposed']);
  expect(reportError).toHaveBeenCalledTimes(told.length);
  vi.unstubAllGlobals();
});

function signal(): AbortSignal {
  return new AbortController().signal;
}
