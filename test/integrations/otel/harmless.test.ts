import * as realApi from '@opentelemetry/api';
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hooks } from '../../../src/core/hooks.js';
import { createFetch, createTokenManager, tokenEndpoint } from '../../../src/index.js';
import { type OpenTelemetryLike, openTelemetry } from '../../../src/integrations/otel.js';
import { observed, observedSession } from '../../support/observed.js';
import { majors, type SeenPoint, startSdk } from '../../support/open-telemetry.js';
import { LIFETIME } from '../../support/signed-in.js';
import { createWorld, EVENT_TYPES, type World } from '../../support/world.js';

const CANARY = 'canary-8d1f';

/** Everything that a session goes through; returns what its application sees of it. */
async function story(api: OpenTelemetryLike | undefined): Promise<{ seen: unknown[]; world: World }> {
  const world = createWorld();
  world.platform.random = () => 0.999_999;
  const { server, run, clock, failure, platform, refresh } = world;
  const create = api ? openTelemetry(api)(createTokenManager) : createTokenManager;
  const tokens = create({
    refresh,
    platform,
    proactive: false,
    key: 'story',
    retry: { attempts: 2 },
    revoke: () => Promise.reject(new Error(CANARY)),
  });
  const seen: unknown[] = [];
  for (const type of EVENT_TYPES) tokens.on(type, ({ at, sessionId, ...event }) => seen.push([type, at, event]));
  const api2 = createFetch(tokens, { origins: [server.origin], fetch: server.fetch });
  await run(tokens.startSession(server.signIn({ user: 'zoe-q7', scope: 'openid', claims: { email: CANARY } })));
  server.next({ status: 503, body: { error: 'invalid_grant_of_nobody', error_description: CANARY } });
  await run(tokens.refresh());
  server.next({ status: 401, body: { error: CANARY } }, { times: 2 });
  await failure(tokens.refresh());
  await clock.advance(LIFETIME);
  await run(tokens.getAccessToken());
  server.revokeAccessTokens();
  seen.push((await run(api2(`${server.apiUrl}/${CANARY}?of=${CANARY}`))).status);
  server.next({ status: 401 }, { endpoint: 'api', times: 2 });
  seen.push((await run(api2(`${server.apiUrl}/${CANARY}`))).status);
  const { getItem, setItem } = platform.storage;
  Object.assign(platform.storage, { setItem: () => Promise.reject(new Error(CANARY)) });
  await run(tokens.refresh());
  Object.assign(platform.storage, { getItem, setItem });
  await clock.advance(60_000);
  seen.push(await failure(tokens.getAccessToken({ signal: AbortSignal.abort(new Error(CANARY)) })));
  await run(tokens.endSession());
  await run(tokens.settled());
  await run(tokens.startSession(server.signIn()));
  server.revokeFamily();
  seen.push((await failure(tokens.refresh())).code);
  tokens.dispose();
  return { seen, world };
}

const told = ({ seen }: { seen: unknown[] }) =>
  JSON.stringify(seen, (_, value) => (value instanceof Error ? String(value) : value));

describe('O8 no token, no part of one, no claim, URL path or message is in any span, record or metric', () => {
  test.each(majors)('with SDK %s', async (...major) => {
    const sdk = startSdk(major);
    const { world } = await story(sdk.api);
    const everything = await sdk.everything();
    world.watch.see('telemetry', everything); // tokens: checked when the test ends
    expect(everything).toContain('evertoken.session.end');
    const secrets = [
      CANARY,
      '/api',
      '/token',
      'zoe-q7',
      'openid',
      'Expected',
      'The server refused',
      'invalid_grant_of',
    ];
    expect(secrets.filter((secret) => everything.includes(secret))).toEqual([]);
  });

  test('the session’s id is told on spans and records unless switched off, and never on metrics', async () => {
    for (const sessionIds of [true, false]) {
      const sdk = startSdk(majors[0] as never);
      const { tokens, run } = await observedSession(sdk.api, {}, { telemetry: { sessionIds } });
      const { sessionId } = tokens.getSnapshot();
      await run(tokens.refresh());
      expect(JSON.stringify([sdk.spans(), sdk.records()]).includes(String(sessionId))).toBe(sessionIds);
      expect(JSON.stringify(await sdk.points())).not.toContain(sessionId);
    }
  });
});

describe('O9 metric attributes are closed lists', () => {
  test('at most 1 500 series a process whatever servers answer', { timeout: 60_000 }, async () => {
    const sdk = startSdk(majors[0] as never);
    const world = createWorld();
    let hostile: { status: number; error: string; isThrown: boolean };
    const { tokens, run, server, clock } = await observedSession(
      sdk.api,
      {
        retry: { attempts: 1 },
        endsSession: () => false,
        refresh: async () => {
          const { status, error, isThrown } = hostile;
          if (isThrown) throw Object.assign(new Error(error), { name: error, status });
          return new Response(JSON.stringify({ error }), { status, headers: { 'content-type': 'application/json' } });
        },
      },
      { world },
    );
    await run(tokens.startSession(server.signIn()));
    const word = fc.stringMatching(/^[a-z_]{1,20}$/);
    const one = fc.record({
      status: fc.integer({ min: 400, max: 599 }),
      error: word,
      isThrown: fc.boolean(),
      host: word,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(one, { minLength: 100, maxLength: 100 }), async (many) => {
        for (const next of many) {
          hostile = next;
          await run(tokens.refresh().catch(() => undefined));
          const { status, host, isThrown, error } = next;
          const challenges = [{ scheme: 'bearer', parameters: { error } }] as never;
          tokens[hooks]?.reject({ status, origin: `https://${host}.test`, challenges, replayed: isThrown }, 'none');
        }
        await clock.advance(3_600_000);
        const series = (await sdk.points()).reduce((sum, point) => sum + seriesOf(point), 0);
        expect(series).toBeLessThanOrEqual(1_500);
      }),
      { numRuns: 6 },
    );
    const values = new Set((await sdk.points()).flatMap(({ attributes }) => Object.values(attributes)));
    expect(values).toContain('_OTHER');
  });

  test('every set of attributes that the code can tell apart is within 1 500 series', async () => {
    const made: Record<string, { bounds: number; sets: Set<string> }> = {};
    const instrument = (name: string, { advice }: { advice?: { explicitBucketBoundaries: number[] } }) => {
      const kept = { bounds: advice?.explicitBucketBoundaries.length ?? 0, sets: new Set<string>() };
      made[name] = kept;
      const keep = (_: number, attributes: object) => void kept.sets.add(JSON.stringify(attributes));
      return { add: keep, record: keep };
    };
    const meter = { createHistogram: instrument, createCounter: instrument, createUpDownCounter: instrument };
    const { createInstruments } = await import('../../../src/integrations/otel/instruments.js');
    const { look, record } = createInstruments(() => meter, {});
    look();
    for (const name of Object.keys(made)) {
      for (let index = 0; index < 100; index++) {
        const outcome = ['refreshed', 'failed', 'ended', 'dropped'][index % 4];
        const errand = index % 8 < 4 || undefined;
        const facts: Record<string, object> = {
          'evertoken.refresh.duration': { 'evertoken.refresh.outcome': outcome, 'evertoken.refresh.errand': errand },
          'evertoken.refresh.ends': { 'evertoken.refresh.outcome': outcome },
          'evertoken.refresh.request.duration': { 'evertoken.refresh.errand': errand },
        };
        record(name as never, 1, { index, ...facts[name] });
      }
    }
    const series = Object.values(made).reduce(
      (sum, { bounds, sets }) => sum + sets.size * (bounds ? bounds + 3 : 1),
      0,
    );
    expect(Object.keys(made)).toHaveLength(14);
    expect(series).toBeLessThanOrEqual(1_500);
    expect(series).toBeGreaterThan(1_000);
  });
});

describe('O12 a tracer, meter or logger that throws, hangs or is absent changes nothing', () => {
  const fail = () => {
    throw new Error('a fault of the telemetry');
  };
  const throwing = {
    getTracer: fail,
    setSpan: fail,
    getSpan: fail,
    getMeter: fail,
    getLogger: fail,
    active: fail,
    with: fail,
  };
  const brokenParts: object = new Proxy({}, { get: () => fail });
  const api = (context: object): OpenTelemetryLike =>
    ({
      ...realApi,
      trace: { ...throwing, getTracer: () => ({ startSpan: () => brokenParts }), setSpan: () => ({}) },
      context,
    }) as never;
  const cases: Record<string, OpenTelemetryLike> = {
    'none of it': {},
    'the API without an SDK': realApi as never,
    'all of it throws': { trace: throwing, context: throwing, metrics: throwing, logs: throwing } as never,
    'its parts throw': {
      trace: { ...throwing, getTracer: () => brokenParts },
      context: { active: () => ({}), with: fail },
      metrics: { getMeter: () => brokenParts },
      logs: { getLogger: () => brokenParts },
    } as never,
    'a context manager that runs nothing': api({ active: () => ({}), with: () => undefined }),
    'a context manager that runs twice, and throws': api({
      active: () => ({}),
      with: (_: object, task: () => void) => {
        task();
        task();
        fail();
      },
    }),
    'a context manager that runs too late': api({
      active: () => ({}),
      with: (_: object, task: () => void) => void Promise.resolve().then(task),
    }),
  };

  test.each(Object.keys(cases))('%s', async (name) => {
    const bare = await story(undefined);
    const ours = await story(cases[name]);
    expect(told(ours)).toBe(told(bare));
    expect(ours.world.server.tokenRequests.length).toBe(bare.world.server.tokenRequests.length);
    expect(ours.world.moments).toEqual(bare.world.moments);
  });

  test('metrics, log records and spans go without each other', async () => {
    for (const left of ['trace', 'context', 'metrics', 'logs'] as const) {
      const sdk = startSdk(majors[0] as never);
      const { tokens, run } = await observedSession({ ...sdk.api, [left]: undefined });
      await run(tokens.refresh());
      expect(sdk.spans().length > 0).toBe(left !== 'trace' && left !== 'context');
      expect((await sdk.points()).length > 0).toBe(left !== 'metrics');
      expect(sdk.records().length > 0).toBe(left !== 'logs');
    }
  });

  test('a wrong option is told by createTokenManager itself', () => {
    const create = openTelemetry({})(createTokenManager);
    for (const wrong of [undefined, null, {}, { refresh: 1 }, () => undefined]) {
      const message = (make: typeof create) => {
        try {
          make(wrong as never);
        } catch (error) {
          return String(error);
        }
        return 'nothing';
      };
      expect(message(create)).toBe(message(createTokenManager));
    }
  });
});

test('O2 serving a fresh token costs nothing more: same promise, no call of a watcher', async () => {
  let calls = 0;
  const count = () => void calls++;
  const sdk = startSdk(majors[0] as never);
  const counting: OpenTelemetryLike = {
    ...sdk.api,
    context: {
      active: () => {
        count();
        return {};
      },
      with: (_, task) => task(),
    },
  };
  const { tokens } = await observedSession(counting);
  const before = calls;
  const first = tokens.getAccessToken();
  expect(tokens.getAccessToken()).toBe(first);
  expect(tokens.getAccessToken({ signal: new AbortController().signal })).toBe(first);
  await first;
  expect(calls).toBe(before);
});

test('O5 the turn of the caller counts, where no context survives an await', async () => {
  const sdk = startSdk(majors[0] as never, 'stack');
  const seen: unknown[] = [];
  const world = createWorld();
  const refresh: typeof world.refresh = (request) => {
    seen.push(sdk.api.trace?.getSpan(sdk.api.context?.active() as never)?.spanContext());
    return world.refresh(request);
  };
  const { tokens, run, clock, server } = await observedSession(sdk.api, { refresh }, { world });
  await clock.advance(LIFETIME);
  server.next({ delayMs: 20 });
  const outcome = Promise.all([
    sdk.inSpan('GET /orders', () => tokens.getAccessToken()),
    sdk.inSpan('GET /bills', () => tokens.getAccessToken()),
  ]);
  await run(outcome);
  const [orders, bills] = ['GET /orders', 'GET /bills'].map((name) => sdk.spans(name)[0]);
  expect(sdk.spans('evertoken.wait').map(({ parent }) => parent)).toEqual([orders?.id, bills?.id]);
  expect(sdk.spans('evertoken.refresh')[0]?.parent).toBe(orders?.id);
  expect(seen).toMatchObject([{ spanId: sdk.spans('evertoken.refresh.request')[0]?.id }]);
});

test('a clock that is set back in the middle of a refresh makes no duration negative', async () => {
  const durations: [string, number][] = [];
  const histogram = (name: string) => ({ record: (value: number) => void durations.push([name, value]) });
  const meter = {
    createHistogram: histogram,
    createCounter: () => ({ add: () => undefined }),
    createUpDownCounter: () => ({ add: () => undefined }),
  };
  const { tokens, clock, server, run } = await observedSession({ metrics: { getMeter: () => meter } });
  await clock.advance(LIFETIME);
  server.next({ delayMs: 3_000 });
  const served = tokens.getAccessToken();
  await clock.advance(1_000);
  clock.set(clock.now() - 2 * 3_600_000);
  await run(served);
  await run(tokens.refresh());
  expect(durations.map(([name]) => name)).toContain('evertoken.refresh.request.duration');
  expect(durations.filter(([, value]) => value < 0)).toEqual([]);
});

test('O13 both living SDK majors behave alike', async () => {
  const exports = [];
  for (const major of majors) {
    const sdk = startSdk(major);
    await story(sdk.api);
    const bare = ({ name, attributes }: { name: string; attributes: object }) => {
      const { 'evertoken.session.id': _, ...rest } = attributes as Record<string, unknown>;
      return [name, rest];
    };
    exports.push([
      sdk.spans().map(bare),
      sdk.records().map(bare),
      (await sdk.points()).map(({ count, ...point }) => [bare(point), count]),
    ]);
  }
  for (const other of exports) expect(other).toEqual(exports[0]);
});

test('a meter provider that is registered late is found, and begins with the sessions that are there', async () => {
  let meter = realApi.createNoopMeter();
  const { tokens, run, clock } = await observedSession({ metrics: { getMeter: () => meter as never } });
  const reader = new (class extends MetricReader {
    protected override onShutdown = async () => undefined;
    protected override onForceFlush = async () => undefined;
  })();
  meter = new MeterProvider({ readers: [reader] }).getMeter('evertoken');
  await run(tokens.refresh());
  const { resourceMetrics } = await reader.collect();
  const text = new PrometheusSerializer().serialize(resourceMetrics).replaceAll(/,?otel_scope_name="evertoken"/g, '');
  expect(text).toContain('evertoken_session_count{evertoken_session_status="active"} 1\n');
  expect(text).toContain(
    'evertoken_session_ends_total{evertoken_session_end_reason="lost",error_type="ERR_SESSION_LOST"} 0\n',
  );
  expect(text).toContain('evertoken_refresh_duration_bucket{');
  expect(text).toContain('le="0.3"');
  await clock.settle();
});

test('a refresh function keeps what it tells of itself: endpoint and client still name the session', async () => {
  const world = createWorld();
  const refresh = tokenEndpoint({ url: 'https://auth.test/token', clientId: 'app', fetch: world.server.fetch });
  const ours = observed({}, { refresh }, { world });
  await ours.run(ours.tokens.startSession(world.server.signIn()));
  expect([...ours.stored.keys()].join()).toContain('app@https://auth.test/token');
});

function seriesOf({ bounds }: SeenPoint): number {
  return bounds ? bounds.length + 3 : 1;
}
