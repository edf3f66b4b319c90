import { describe, expect, test } from 'vitest';
import { createFetch } from '../../../src/index.js';
import { observed, observedSession } from '../../support/observed.js';
import { majors, type Sdk, startSdk } from '../../support/open-telemetry.js';
import { LIFETIME, quietPeer } from '../../support/signed-in.js';
import { createWorld } from '../../support/world.js';

const OUTCOME = 'evertoken.refresh.outcome';

describe.each(majors)('with SDK %s of OpenTelemetry', (...major) => {
  const start = (): Sdk => startSdk(major);

  test('O1 one line observes a manager; importing and creating still do nothing observable', async () => {
    const { api, spans, records, points } = start();
    const world = observed(api);
    await world.clock.settle();
    expect(world.moments).toEqual([]);
    expect(world.clock.pending).toBe(0);
    expect([...spans(), ...records()]).toEqual([]);
    expect((await points()).filter(({ count }) => count !== 0)).toEqual([]);

    await world.run(world.tokens.startSession(world.server.signIn()));
    await world.run(world.tokens.refresh());
    expect(spans().map(({ name }) => name)).toContain('evertoken.refresh');
    expect(records().map(({ name }) => name)).toEqual(['evertoken.session.start', 'evertoken.refresh']);
    expect((await points('evertoken.session.starts')).filter(({ count }) => count > 0)).toMatchObject([
      { count: 1, unit: '{session}', attributes: { 'evertoken.session.from': 'sign-in' } },
    ]);
  });

  test('O4 a refresh is one span whatever its attempts; each attempt is its child; its status is that of the end', async () => {
    const { api, spans } = start();
    const { tokens, server, run, failure, clock } = await observedSession(api, { retry: { attempts: 2 } });
    server.next({ status: 503, delayMs: 40 });
    await run(tokens.refresh());
    const [refresh] = spans('evertoken.refresh');
    expect(refresh).toMatchObject({
      isError: false,
      attributes: {
        [OUTCOME]: 'refreshed',
        'evertoken.refresh.by': 'us',
        'evertoken.refresh.reason': 'asked',
        'evertoken.refresh.attempts': 2,
        'evertoken.refresh.rotated': true,
        'evertoken.session.id': tokens.getSnapshot().sessionId,
      },
    });
    expect(
      spans('evertoken.refresh.request').map(({ parent, isError, attributes, ms }) => [
        parent,
        isError,
        attributes,
        ms,
      ]),
    ).toEqual([
      [
        refresh?.id,
        true,
        expect.objectContaining({
          'http.response.status_code': 503,
          'error.type': '503',
          'evertoken.refresh.retry': false,
        }),
        40,
      ],
      [
        refresh?.id,
        false,
        expect.objectContaining({ 'http.response.status_code': 200, 'evertoken.refresh.retry': true }),
        0,
      ],
    ]);

    server.next({ status: 503 }, { times: 2 });
    await failure(tokens.refresh());
    expect(spans('evertoken.refresh').at(-1)).toMatchObject({
      isError: true,
      attributes: { [OUTCOME]: 'failed', 'error.type': 'ERR_REFRESH_UNAVAILABLE', 'http.response.status_code': 503 },
    });
    await clock.advance(LIFETIME);
    server.revokeFamily();
    await failure(tokens.getAccessToken());
    expect(spans('evertoken.refresh').at(-1)).toMatchObject({
      isError: true,
      attributes: {
        [OUTCOME]: 'ended',
        'error.type': 'ERR_SESSION_REJECTED',
        'evertoken.oauth.error': 'invalid_grant',
      },
    });
    expect(spans().flatMap(({ events }) => events)).toEqual(spans().map(() => 0)); // deprecated: log records tell
  });

  test('O5 whoever waits has a span in its trace, linked to the refresh; whoever does not, has none', async () => {
    const { api, spans, inSpan } = start();
    const { tokens, server, run, clock } = await observedSession(api);
    await inSpan('GET /fresh', () => run(tokens.getAccessToken()));
    await clock.advance(LIFETIME);
    server.next({ delayMs: 30 });
    await Promise.all([
      inSpan('GET /orders', () => run(tokens.getAccessToken())),
      inSpan('GET /bills', () => run(tokens.getAccessToken())),
    ]);
    const [orders, bills] = ['GET /orders', 'GET /bills'].map((name) => spans(name)[0]);
    const [refresh] = spans('evertoken.refresh');
    expect(refresh).toMatchObject({ parent: orders?.id, trace: orders?.trace });
    expect(spans('evertoken.wait').map(({ parent, trace, links, ms }) => ({ parent, trace, links, ms }))).toEqual([
      { parent: orders?.id, trace: orders?.trace, links: [refresh?.id], ms: 30 },
      { parent: bills?.id, trace: bills?.trace, links: [refresh?.id], ms: 30 },
    ]);
    await inSpan('GET /fresh', () => run(tokens.getAccessToken()));
    expect(spans('evertoken.wait')).toHaveLength(2);
    const signedOut = observed(api);
    await signedOut.run(signedOut.tokens.ready());
    await signedOut.failure(signedOut.tokens.getAccessToken());
    expect(spans('evertoken.wait')).toHaveLength(2);
  });

  test('O6 a proactive refresh is in nobody’s trace', async () => {
    const { api, spans, inSpan } = start();
    const { tokens, run, clock } = await observedSession(api, { proactive: true, leewayMs: 60_000 });
    await clock.advance(LIFETIME);
    const [ahead] = spans('evertoken.refresh');
    expect(ahead).toMatchObject({ parent: undefined, links: [], attributes: { 'evertoken.refresh.reason': 'due' } });

    const later = await observedSession(api, { leewayMs: 60_000 });
    await later.clock.advance(LIFETIME - 10_000);
    await inSpan('GET /stale', () => later.run(later.tokens.getAccessToken()));
    await later.clock.settle();
    const [stale] = spans('GET /stale');
    const behind = spans('evertoken.refresh').at(-1);
    expect(behind).toMatchObject({
      parent: undefined,
      links: [stale?.id],
      attributes: { 'evertoken.refresh.reason': 'due' },
    });
    expect(behind?.trace).not.toBe(stale?.trace);
    await run(tokens.endSession());
  });

  test('O7 each refresh is counted once, with one outcome; retries do not skew it', async () => {
    const { api, points } = start();
    const { tokens, server, run, failure, clock, world } = await observedSession(api, { retry: { attempts: 2 } });
    server.next({ status: 503 });
    await run(tokens.refresh()); // refreshed, at its second attempt
    server.next({ status: 503 }, { times: 2 });
    await failure(tokens.refresh()); // failed
    server.next({ delayMs: 1_000 });
    const dropped = failure(tokens.refresh());
    await clock.settle();
    await run(tokens.endSession()); // dropped
    await dropped;
    await run(tokens.startSession(server.signIn()));
    const peer = quietPeer(world);
    await clock.advance(LIFETIME - 1_000);
    await run(peer.refresh());
    await clock.advance(1_000);
    await run(tokens.getAccessToken()); // refreshed by a peer
    server.revokeFamily();
    await failure(tokens.refresh()); // ended
    const counted = (await points('evertoken.refresh.duration')).map(({ attributes, count }) => [
      attributes[OUTCOME],
      attributes['evertoken.refresh.by'],
      attributes['error.type'],
      count,
    ]);
    expect(counted).toEqual([
      ['refreshed', 'us', undefined, 1],
      ['failed', undefined, 'ERR_REFRESH_UNAVAILABLE', 1],
      ['dropped', undefined, undefined, 1],
      ['refreshed', 'peer', undefined, 1],
      ['ended', undefined, 'ERR_SESSION_REJECTED', 1],
    ]);
    const requests = (await points('evertoken.refresh.request.duration')).reduce((sum, { count }) => sum + count, 0);
    expect(requests).toBe(server.tokenRequests.length - 1); // one was the peer's, who is not observed
  });

  test('O10 what an alert reads exists from the start', async () => {
    const { api, points } = start();
    observed(api);
    const zero = (await points()).map(({ name, attributes, count }) => {
      expect(count).toBe(0);
      return `${name} ${Object.values(attributes).join(' ')}`;
    });
    expect(zero.sort()).toEqual(
      [
        ...['ended', 'peer', 'replaced'].map((reason) => `evertoken.session.ends ${reason}`),
        ...['rejected', 'lost', 'expired'].map(
          (reason) => `evertoken.session.ends ${reason} ERR_SESSION_${reason.toUpperCase()}`,
        ),
        ...['sign-in', 'storage', 'cookie', 'grant', 'peer'].map((from) => `evertoken.session.starts ${from}`),
        ...['active', 'waiting'].map((status) => `evertoken.session.count ${status}`),
        ...['refreshed', 'dropped', 'ended ERR_SESSION_REJECTED', 'ended ERR_SESSION_LOST'].map(
          (end) => `evertoken.refresh.ends ${end}`,
        ),
        ...['NETWORK', 'TIMEOUT', 'UNAVAILABLE', 'RESPONSE', 'CONFIG', 'INTERACTION'].map(
          (code) => `evertoken.refresh.ends failed ERR_REFRESH_${code}`,
        ),
        ...['LOCK_TIMEOUT', 'LOCK_LOST', 'STORAGE_READ', 'STORAGE_WRITE', 'STORAGE_CORRUPT'].map(
          (code) => `evertoken.refresh.ends failed ERR_${code}`,
        ),
        'evertoken.storage.failures read ERR_STORAGE_READ',
        'evertoken.storage.failures write ERR_STORAGE_WRITE',
        'evertoken.storage.failures remove ERR_STORAGE_WRITE',
      ].sort(),
    );
  });

  test('O10 the first refresh of a process that fails is a step from zero, whatever it fails of', async () => {
    const { api, points } = start();
    const { tokens, server, run, failure, clock } = await observedSession(api, { retry: { attempts: 1 } });
    const seen = async () =>
      (await points('evertoken.refresh.ends')).map(({ attributes, count }) => [
        `${attributes[OUTCOME]} ${attributes['error.type'] ?? ''}`.trim(),
        count,
      ]);
    const before = await seen();
    expect(before.map(([, count]) => count)).toEqual(Array(15).fill(0));
    await run(tokens.refresh());
    server.next({ status: 503 });
    await failure(tokens.refresh());
    await clock.advance(60_000);
    server.next({ status: 401, body: { error: 'invalid_client' } });
    await failure(tokens.refresh());
    await clock.advance(3_600_000);
    server.revokeFamily();
    await failure(tokens.refresh());
    const steps = {
      refreshed: 1,
      'failed ERR_REFRESH_UNAVAILABLE': 1,
      'failed ERR_REFRESH_CONFIG': 1,
      'ended ERR_SESSION_REJECTED': 1,
    };
    // the series are those that were there: none has begun with its first event
    expect(Object.fromEntries(await seen())).toEqual({ ...Object.fromEntries(before), ...steps });
  });

  test('O10 the first replay that is refused is a step from zero, which an alert sees', async () => {
    const { api, points } = start();
    const { tokens, server, run } = await observedSession(api);
    const fetchApi = createFetch(tokens, { origins: [server.origin], fetch: server.fetch });
    server.next({ status: 401 }, { endpoint: 'api', times: 1 });
    await run(fetchApi(`${server.apiUrl}/secret-path`));
    const seen = async () =>
      (await points('evertoken.request.rejections')).map(({ attributes, count }) => [
        attributes['evertoken.request.replayed'],
        count,
      ]);
    expect(await seen()).toEqual([
      [true, 0],
      [false, 1],
    ]);
    server.next({ status: 401 }, { endpoint: 'api', times: 2 });
    await run(fetchApi(server.apiUrl));
    expect(await seen()).toEqual([
      [true, 1],
      [false, 2],
    ]);
  });

  test('O11 nothing of ours adds a header to a token request', async () => {
    const { api, inSpan } = start();
    const bare = createWorld();
    const { tokens } = bare.manager();
    await bare.run(tokens.startSession(bare.server.signIn()));
    await bare.run(tokens.refresh());
    const { tokens: ours, server, run } = await observedSession(api);
    await inSpan('GET /orders', () => run(ours.refresh()));
    const headers = (of: typeof server) => of.tokenRequests.map(({ headers }) => Object.keys(Object(headers)));
    expect(headers(server)).toEqual(headers(bare.server));
  });

  test('the refresh function is called with the request span active, and sees the span of nobody else', async () => {
    const { api, spans, inSpan } = start();
    const seen: unknown[] = [];
    const world = createWorld();
    const refresh: typeof world.refresh = (request) => {
      seen.push(api.trace?.getSpan(api.context?.active() as never)?.spanContext());
      return world.refresh(request);
    };
    const { tokens, run } = await observedSession(api, { refresh }, { world });
    await inSpan('GET /orders', () => run(tokens.refresh()));
    expect(seen).toMatchObject([{ spanId: spans('evertoken.refresh.request')[0]?.id }]);
  });

  test('what else is measured: storage, lock, revocation, intervals, lifetimes and sessions', async () => {
    const { api, points } = start();
    const world = createWorld({ storage: 'slow' });
    const { tokens, run, server, clock, failure } = await observedSession(
      api,
      { revoke: () => new Promise((resolve) => world.clock.after(70, () => resolve(undefined), { keepAlive: true })) },
      { world, telemetry: { attributes: { region: 'eu' } } },
    );
    await run(tokens.refresh());
    await clock.advance(60_000);
    await run(tokens.refresh());
    const of = async (name: string) =>
      (await points(name)).map(({ attributes: { region, ...attributes }, count, sum }) => {
        expect(region).toBe('eu');
        return { ...attributes, count, sum };
      });
    const operations = await of('evertoken.storage.operation.duration');
    expect(operations.map((one) => (one as never as Record<string, unknown>)['evertoken.storage.operation'])).toEqual([
      'read',
      'write',
    ]);
    for (const { count, sum } of operations) expect(sum).toBeCloseTo(count * 0.02);
    expect(await of('evertoken.lock.wait.duration')).toMatchObject([{ sum: 0 }]);
    expect(await of('evertoken.refresh.interval')).toMatchObject([{ count: 1, sum: expect.closeTo(60.08, 1) }]);
    expect(await of('evertoken.token.lifetime')).toMatchObject([{ count: 2 }]);
    server.next({ status: 503 }, { times: 3 });
    await failure(tokens.refresh());
    const sessions = () => of('evertoken.session.count');
    expect(await sessions()).toMatchObject([{ count: 0 }, { 'evertoken.session.status': 'waiting', count: 1 }]);
    await run(tokens.endSession());
    await run(tokens.settled());
    expect(await of('evertoken.revocation.duration')).toMatchObject([{ count: 1, sum: 0.07 }]);
    expect(await sessions()).toMatchObject([{ count: 0 }, { count: 0 }]);
    await run(tokens.startSession(server.signIn()));
    expect(await sessions()).toMatchObject([{ 'evertoken.session.status': 'active', count: 1 }, { count: 0 }]);
    tokens.dispose();
    tokens.dispose();
    expect(await sessions()).toMatchObject([{ count: 0 }, { count: 0 }]);
  });
});
