import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BOARDS, fillIn, readBoard } from '../../scripts/dashboards/board-file.js';
import { type BackfilledPrometheus, backfill, hasPrometheus } from '../support/backfilled-prometheus.js';
import { type FleetHistory, playHistory } from '../support/fleet-history.js';

if (!hasPrometheus) {
  if (process.env.REQUIRE_PROMETHEUS) throw new Error('prometheus is missing: install the package prometheus');
  console.log('Prometheus is not installed (Debian: prometheus): the queries of ops/grafana are not run');
}

/** Which scenario has to fill which panel. */
const FILLED_BY: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  executive: {
    'Refreshes that succeed': 'third-fails',
    'Budget left': 'third-fails',
    'Sessions active': 'outage',
    'Accidental sign-outs per refresh': 'lost',
    'Refresh time': 'slow',
    'Waits longer than a second': 'slow',
    'Access tokens issued': 'mass-revocation',
    Incidents: 'outage',
    'Top jobs by refreshes': 'third-fails',
  },
  'on-call': {
    'Firing alerts': 'outage',
    'Success now': 'third-fails',
    'Answers of the token endpoint': 'outage',
    'Share of 5xx, 4xx and 429': 'misconfigured',
    'Jobs that are rate limited': 'rate-limited',
    'Refresh time': 'slow',
    'Callers who wait': 'slow',
    'How long they wait': 'slow',
    'Sessions that wait': 'outage',
    'Ends by reason': 'mass-revocation',
    'Lost in 30 minutes': 'lost',
    'Rejected in 15 minutes': 'mass-revocation',
    'Requests that APIs refuse': 'stale-keys',
    'New access tokens refused': 'stale-keys',
    'Storage failures in 10 minutes': 'storage-fails',
    'Storage time': 'storage-fails',
    'Wait for the lock': 'slow',
    'Revocations that fail': 'revocation-fails',
    'Until a revoked access token is refused': 'revocation-fails',
  },
  debug: {
    'Refresh time': 'slow',
    'Request time': 'slow',
    'Failed refreshes by code and region': 'outage',
    'OAuth errors by code and region': 'misconfigured',
    Reasons: 'stale-keys',
    Attempts: 'outage',
    'Time between two refreshes': 'stale-keys',
    'Lifetime of new access tokens': 'third-fails',
  },
};

const panels = BOARDS.flatMap((board) =>
  readBoard(board).panels.flatMap((panel) =>
    panel.datasource?.type === 'prometheus' ? [{ board, title: panel.title, panel }] : [],
  ),
);

describe.skipIf(!hasPrometheus)(
  'P7 No panel is empty in the scenario that should fill it',
  { timeout: 300_000 },
  () => {
    let history: FleetHistory;
    let prometheus: BackfilledPrometheus;

    beforeAll(async () => {
      history = await playHistory();
      prometheus = await backfill(history);
    }, 300_000);
    afterAll(() => prometheus?.stop());

    /** The values of a query while a scenario goes on, and in the two minutes after. */
    async function valuesIn(name: string, expr: string): Promise<number[]> {
      const episode = history.episodes.find((one) => one.name === name);
      if (!episode) throw new Error(`There is no scenario ${name}`);
      const filled = fillIn(expr, { __rate_interval: '2m', __range: '4h' });
      const range = { from: episode.from, to: episode.to + 120, step: 30 };
      const series = await prometheus.queryRange(filled, range);
      return series.flatMap(({ values }) => values.map(([, value]) => value)).filter(Number.isFinite);
    }

    test.each(panels)('$board: $title', async ({ board, title, panel }) => {
      const name = FILLED_BY[board]?.[title] ?? '';
      const all = await Promise.all((panel.targets ?? []).map(({ expr = '' }) => valuesIn(name, expr)));
      expect(all.flat().filter((value) => value !== 0).length, `${title}, in ${name}`).toBeGreaterThan(0);
    });

    test('each query of a panel with several has values in some scenario', async () => {
      const range = { from: history.from, to: history.to, step: 30 };
      for (const { board, panel } of panels) {
        for (const { expr = '' } of panel.targets ?? []) {
          const series = await prometheus.queryRange(fillIn(expr, { __rate_interval: '2m', __range: '4h' }), range);
          expect(series.length, `${board}, ${panel.title}: ${expr}`).toBeGreaterThan(0);
        }
      }
    });

    test('a query that asks for what nobody tells is noticed as empty', async () => {
      const [lost] = panels.filter(({ title }) => title === 'Lost in 30 minutes');
      const expr = lost?.panel.targets?.[0]?.expr ?? '';
      expect(await valuesIn('lost', expr)).not.toEqual([]);
      expect(await valuesIn('lost', expr.replace('"lost"', '"mislaid"'))).toEqual([]);
    });

    test('the alerts that the scenarios are about fired', async () => {
      const fired = await prometheus.queryRange('count by (alertname) (ALERTS{alertstate="firing"})', {
        from: history.from,
        to: history.to,
        step: 30,
      });
      const names = fired.map(({ metric }) => metric.alertname);
      const expected = ['TokenEndpointDown', 'RefreshBudgetBurnsFast', 'ClientMisconfigured', 'SessionsLost'];
      expected.push('SessionsRejected', 'NewTokensRefused', 'StorageFails', 'RevocationFails', 'RevocationSlow');
      expect(names).toEqual(expect.arrayContaining(expected));
    });
  },
);

test('every panel that asks Prometheus has a scenario that should fill it', () => {
  const named = Object.entries(FILLED_BY).flatMap(([board, titles]) =>
    Object.keys(titles).map((one) => `${board}: ${one}`),
  );
  expect(panels.map(({ board, title }) => `${board}: ${title}`).sort()).toEqual(named.sort());
});
