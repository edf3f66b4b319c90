import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import type { Scenario, World } from '../../examples/game-days/scenario.js';
import { findScenario, scenarios } from '../../examples/game-days/scenarios.js';
import { revocationCanary } from '../../examples/observability/revocation-canary.js';
import { createFetch, createTokenManager, type TokenManager, tokenEndpoint } from '../../src/index.js';
import { openTelemetry } from '../../src/integrations/otel.js';
import { createAuthServer, type FakeClock, fakeClock, peers } from '../../src/testing.js';
import { seeded } from './seeded.js';

/** When a scenario went on, in seconds. */
export interface Episode {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** Some hours of several jobs in which everything goes wrong that there is a scenario for, one after the other. */
export interface FleetHistory {
  /** What Prometheus was told every 30 s, as OpenMetrics with timestamps. */
  readonly text: string;
  /** In seconds. */
  readonly from: number;
  readonly to: number;
  readonly episodes: readonly Episode[];
}

/** What goes wrong when: names of scenarios with minutes, and how long all is well between two of them. */
export interface Plan {
  readonly episodes: readonly (readonly [name: string, minutes: number])[];
  readonly calmMinutes: number;
  /** Access tokens live this many times shorter than otherwise. Default 1. */
  readonly pace?: number;
}

const SCRAPE_MS = 30_000;
const MINUTE_MS = 60_000;
/** Everything, though nothing for long: what is to be seen is seen by then. */
const EVERYTHING: Plan = {
  episodes: scenarios
    .filter(({ name }) => name !== 'healthy')
    .map(({ name, fault }) => [name, Math.min(fault.minutes, 15)]),
  calmMinutes: 6,
};
const LATENCY_MS = 60;

const JOBS: readonly JobOptions[] = [
  { job: 'shop', region: 'eu', users: 24, lifetimeMs: 3 * MINUTE_MS, restMs: 40_000, meets: () => true },
  {
    job: 'billing',
    region: 'us',
    users: 8,
    lifetimeMs: 5 * MINUTE_MS,
    restMs: 60_000,
    meets: ({ name }) => ['outage', 'slow', 'stale-keys'].includes(name),
  },
];

interface JobOptions {
  readonly job: string;
  readonly region: string;
  readonly users: number;
  readonly lifetimeMs: number;
  readonly restMs: number;
  readonly meets: (scenario: Scenario) => boolean;
}

/** Plays scenarios on a fake clock, all of them by default: the same history at every call. */
export async function playHistory({
  episodes: planned,
  calmMinutes,
  pace = 1,
}: Plan = EVERYTHING): Promise<FleetHistory> {
  const clock = fakeClock();
  const random = seeded(14);
  const jobs = JOBS.map((options) => startJob(clock, random, { ...options, lifetimeMs: options.lifetimeMs / pace }));
  const canary = startCanary(clock);
  const from = clock.now() / 1_000;
  const lines: string[] = [];
  const episodes: Episode[] = [];

  /** Lets time pass, and is Prometheus meanwhile. */
  async function pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += SCRAPE_MS) {
      await clock.advance(SCRAPE_MS);
      for (const { world, scrape } of [...jobs, canary]) if (world.isScraped) lines.push(...(await scrape()));
    }
  }

  await pass(20 * MINUTE_MS);
  for (const [name, minutes] of planned) {
    const scenario = findScenario(name);
    const at = clock.now() / 1_000;
    canary.lag = name === 'revocation-fails' ? 8_000 : 800;
    const ends = jobs.filter(({ options }) => options.meets(scenario)).map(({ world }) => scenario.fault.begin(world));
    await pass(minutes * MINUTE_MS);
    for (const end of ends) end();
    episodes.push({ name, from: at, to: clock.now() / 1_000 });
    await pass(calmMinutes * MINUTE_MS);
  }
  const text = `${lines.join('\n')}\n# EOF\n`;
  return { text, from, to: clock.now() / 1_000, episodes };
}

function startJob(clock: FakeClock, random: () => number, options: JobOptions) {
  const { job, region, users, lifetimeMs } = options;
  const server = createAuthServer({ clock, accessTokenLifetimeMs: lifetimeMs, keepRequests: 100 });
  const [peer] = peers(1, { clock, random });
  const { metrics, scrape } = meters(clock, job);
  const create = openTelemetry({ metrics }, { attributes: { region } })(createTokenManager);
  for (let number = 0; number < users; number++) {
    const tokens = create({
      refresh: tokenEndpoint({ url: server.tokenUrl, clientId: job, fetch: server.fetch }),
      revoke: ({ refreshToken = '', signal }) =>
        server.fetch(server.revokeUrl, { method: 'POST', body: new URLSearchParams({ token: refreshToken }), signal }),
      platform: peer.platform,
      key: `user-${number}`,
      proactive: number % 2 === 0, // the others refresh when somebody asks
    });
    void live(tokens, { clock, server, random, restMs: options.restMs }, `user-${number}`);
  }
  /** No network takes as long today as it did a moment ago. */
  function wobble(): void {
    server.set({ answerDelayMs: LATENCY_MS * (0.5 + 3 * random() ** 3) });
    clock.after(7_000, wobble);
  }
  wobble();
  const world: World = { server, peer, isScraped: true };
  return { options, world, scrape };
}

interface Surroundings {
  readonly clock: FakeClock;
  readonly server: ReturnType<typeof createAuthServer>;
  readonly random: () => number;
  readonly restMs: number;
}

/** Asks the API again and again, signs out after a while, and signs in again. */
async function live(tokens: TokenManager, { clock, server, random, restMs }: Surroundings, user: string) {
  const api = createFetch(tokens, { origins: [server.origin], fetch: server.fetch });
  const rest = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));
  const ignore = () => undefined; // the application would show it
  await rest(random() * 3 * MINUTE_MS);
  for (;;) {
    if (tokens.getSnapshot().status !== 'active') await tokens.startSession(server.signIn({ user })).catch(ignore);
    await api(server.apiUrl).then((response) => response.body?.cancel(), ignore);
    if (random() < 0.02) await tokens.endSession().catch(ignore);
    await rest(restMs * (0.5 + random()));
  }
}

/** A probe every minute, of an API that hears of revocations after a while. */
function startCanary(clock: FakeClock) {
  const server = createAuthServer({ clock, clients: [{ clientId: 'canary', clientSecret: 'secret' }] });
  const { metrics, scrape } = meters(clock, 'canary');
  const heard = new Map<string, number>();
  const started = { scrape, lag: 800, world: { isScraped: true } };
  const probe = revocationCanary({
    ...{ tokenUrl: server.tokenUrl, revokeUrl: server.revokeUrl, apiUrl: server.apiUrl },
    ...{ clientId: 'canary', clientSecret: 'secret', clock, meter: metrics.getMeter() },
    fetch: async (input, init) => {
      const request = new Request(input, init);
      const token = request.headers.get('authorization') ?? '';
      if (request.url !== server.apiUrl) return server.fetch(request);
      if (clock.now() - (heard.get(token) ?? 0) < started.lag) return new Response('cached');
      heard.set(token, clock.now());
      return server.fetch(request);
    },
  });
  const again = () => {
    void probe();
    clock.after(MINUTE_MS, again);
  };
  again();
  return started;
}

/** A meter, and what the exporter for Prometheus makes of it, with the labels and the time that a scrape adds. */
function meters(clock: FakeClock, job: string) {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const provider = new MeterProvider({ readers: [exporter] });
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true);
  return {
    metrics: { getMeter: () => provider.getMeter('evertoken') },
    scrape: async () => {
      const { resourceMetrics } = await exporter.collect();
      const added = `job="${job}",instance="${job}:9464"`;
      return serializer
        .serialize(resourceMetrics)
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) => {
          const [, name = '', labels = '', value = ''] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
          return `${name}{${added}${labels && `,${labels}`}} ${value} ${clock.now() / 1_000}`;
        });
    },
  };
}
