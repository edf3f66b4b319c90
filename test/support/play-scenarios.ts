import { type Felt, type Fleet, startFleet } from '../../examples/game-days/fleet.js';
import {
  INTERVAL_MS,
  type Monitoring,
  type Notice,
  type Sample,
  startMonitoring,
} from '../../examples/game-days/monitoring.js';
import { patientClock } from '../../examples/game-days/patient-clock.js';
import { MINUTE_MS, type Played, play } from '../../examples/game-days/play.js';
import { CANARIES, type Scenario } from '../../examples/game-days/scenario.js';
import { scenarios as all } from '../../examples/game-days/scenarios.js';
import { createSecretWatch } from './secret-watch.js';

/** What came of a scenario, and what Prometheus got to see of it. */
export interface PlayedScenario extends Played {
  readonly scenario: Scenario;
  /** What users felt, all in all. */
  readonly felt: Felt;
  /**
   * How many minutes of the rules an alert needed to fire, and to end: rounds of rules that Prometheus has done, each half a
   * minute. A machine that is too busy leaves rounds out, and that says nothing about the rules.
   */
  readonly minutes: readonly { readonly alert: string; readonly status: Notice['status']; readonly minutes: number }[];
  /** How many times Prometheus was told something. */
  readonly scrapes: number;
  /** The most series that it was told at once: those of one process. */
  readonly series: number;
  /** What it was told and must never be: the canaries, and parts of tokens. */
  readonly leaks: readonly string[];
  /** How many tokens were looked for. */
  readonly tokens: number;
}

export interface PlayScenariosOptions {
  /** Default: all twelve. */
  readonly scenarios?: readonly Scenario[];
  /**
   * The fault is still there, and everybody has been told who has to be: a moment to ask Prometheus about it.
   *
   * The job of a scenario has its name: `query('sum by (job) (evertoken_session_count{job="outage"})')`.
   */
  readonly onEnd?: (
    scenario: Scenario,
    query: (expression: string) => Promise<readonly Sample[]>,
    monitoring: Monitoring,
  ) => Promise<void>;
}

/**
 * Plays scenarios side by side, each a job of its own at one Prometheus and one Alertmanager of our own.
 *
 * Takes two minutes, in which a minute of the rules is a second. Needs Debian's `prometheus` and `prometheus-alertmanager`.
 */
export async function playScenarios({
  scenarios = all,
  onEnd,
}: PlayScenariosOptions = {}): Promise<ReadonlyMap<string, PlayedScenario>> {
  const clock = patientClock();
  const scenes = scenarios.map((scenario) => createScene(scenario, startFleet(clock)));
  const targets = Object.fromEntries(scenes.map(({ scenario, target }) => [scenario.name, target]));
  const monitoring = await startMonitoring(targets);
  try {
    const played = scenes.map(async ({ scenario, fleet, seen }) => {
      const onFault = async () => onEnd?.(scenario, (expression) => monitoring.query(expression), monitoring);
      const result = await play({ scenario, fleet, monitoring, onFault });
      const minutes = await Promise.all(result.notices.map((notice) => measure(notice, result, monitoring)));
      return [scenario.name, { ...result, scenario, minutes, felt: fleet.felt, ...(await seen()) }] as const;
    });
    return new Map(await Promise.all(played));
  } finally {
    await monitoring.stop();
    await Promise.all(scenes.map(({ fleet }) => fleet.end()));
    clock.stop();
  }
}

async function measure(
  { alert, status, startsAt, endsAt }: Notice,
  { beganAt, endedAt }: Played,
  { query }: Monitoring,
): Promise<PlayedScenario['minutes'][number]> {
  const [from, to] = endsAt === undefined ? [beganAt, startsAt] : [endedAt, endsAt];
  if (to <= from) return { alert, status, minutes: 0 };
  const [rounds] = await query(`max(count_over_time(job:evertoken_refreshes:rate5m[${to - from}ms]))`, to);
  return { alert, status, minutes: ((rounds?.value ?? 0) * INTERVAL_MS) / MINUTE_MS };
}

type Seen = Pick<PlayedScenario, 'scrapes' | 'series' | 'leaks' | 'tokens'>;

/** A fleet whose every scrape is looked at. */
function createScene(scenario: Scenario, fleet: Fleet) {
  let [scrapes, series] = [0, 0];
  const shown = new Set<string>();
  const look = async () => {
    const text = await fleet.scrape();
    scrapes++;
    series = Math.max(series, text.split('\n').filter((line) => line && !line.startsWith('#')).length);
    for (const canary of Object.values(CANARIES)) if (text.includes(canary)) shown.add(canary);
    return text;
  };
  return {
    scenario,
    fleet,
    target: () => (fleet.isScraped ? look() : undefined),
    seen: async (): Promise<Seen> => {
      const watch = createSecretWatch();
      for (const { accessToken } of fleet.server.apiRequests) watch.learn(accessToken);
      for (const { refreshToken } of fleet.server.tokenRequests) watch.learn(refreshToken);
      watch.see('the last scrape', await look()); // counters: whatever was ever told is still in it
      return { scrapes, series, leaks: [...shown, ...watch.leaks()], tokens: watch.counts.tokens };
    },
  };
}
