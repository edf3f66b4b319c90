import type { BoardSpec } from './board.js';
import { COUNTED, FAILED, histogram, increased, series } from './series.js';

const total = (window: string) => increased(series('evertoken_refresh_ends_total', COUNTED), window);
const failed = (window: string) =>
  `(${increased(series('evertoken_refresh_ends_total', FAILED), window)} or vector(0))`;
const ours = 'evertoken_refresh_by="us", evertoken_refresh_errand=""';
const firing = 'ALERTS{alertstate="firing", severity="page", job=~"$job"}';

/** A month for those who ask whether users are kept signed in. */
export const executive: BoardSpec = {
  uid: 'evertoken-executive',
  title: 'evertoken: executive',
  description: 'Whether users are kept signed in, over a month.',
  from: 'now-30d',
  rows: [
    [
      'The promise',
      [
        {
          title: 'Refreshes that succeed',
          description:
            'The share of refreshes that did not fail in the time shown. The objective is 99.9 %. Grants that users or administrators end are no failures.',
          kind: 'stat',
          unit: 'percentunit',
          limit: { value: 0.999, alert: 'RefreshBudgetBurnsSlowly', isFloor: true },
          queries: [{ expr: `1 - ${failed('$__range')} / ${total('$__range')}`, legend: 'succeed' }],
          width: 6,
          height: 6,
        },
        {
          title: 'Budget left',
          description:
            'How much of the failures that the objective allows is left in the time shown: 100 % is none used, below 0 the objective is missed.',
          kind: 'stat',
          unit: 'percentunit',
          limit: { value: 0, isFloor: true },
          queries: [{ expr: `1 - ${failed('$__range')} / ${total('$__range')} / 0.001`, legend: 'left' }],
          width: 6,
          height: 6,
        },
        {
          title: 'Sessions active',
          description: 'Sessions that are here, by job. A step down without a release deserves a question.',
          kind: 'stack',
          unit: 'short',
          queries: [
            {
              expr: `sum by (job) (${series('evertoken_session_count', 'evertoken_session_status="active"')})`,
              legend: '{{job}}',
            },
          ],
          width: 12,
          height: 6,
        },
      ],
    ],
    [
      'By day',
      [
        {
          title: 'Accidental sign-outs per refresh',
          description:
            'Sessions that were lost because the answer with the next refresh token did not arrive, per refresh of that day. The objective is one in ten thousand.',
          kind: 'bars',
          unit: 'percentunit',
          limit: { value: 0.0001, alert: 'SessionsLost' },
          queries: [
            {
              expr: `${increased(series('evertoken_session_ends_total', 'evertoken_session_end_reason="lost"'), '1d')} / ${total('1d')}`,
              legend: 'lost',
            },
          ],
          interval: '1d',
        },
        {
          title: 'Refresh time',
          description:
            'How long a refresh by us takes, with its lock, storage and attempts: the mean of the day, and what 95 % stay under.',
          kind: 'lines',
          unit: 's',
          limit: { value: 0.3, alert: 'RefreshSlow' },
          queries: [
            {
              expr: `${increased(histogram('refresh_duration', 'sum', ours), '1d')} / ${increased(histogram('refresh_duration', 'count', ours), '1d')}`,
              legend: 'mean',
            },
            {
              expr: `histogram_quantile(0.95, ${increased(histogram('refresh_duration', 'bucket', ours), '1d', 'le')})`,
              legend: 'P95',
            },
          ],
          interval: '1d',
        },
        {
          title: 'Waits longer than a second',
          description:
            'Of the callers who had to wait for their access token that day, the share that waited longer than a second. The objective is 1 %. Who does not wait is not counted at all.',
          kind: 'bars',
          unit: 'percentunit',
          limit: { value: 0.01 },
          queries: [
            {
              expr: `1 - ${increased(histogram('wait_duration', 'bucket', 'le=~"1|1\\\\.0"'), '1d')} / ${increased(histogram('wait_duration', 'count'), '1d')}`,
              legend: 'longer than 1 s',
            },
          ],
          interval: '1d',
        },
        {
          title: 'Access tokens issued',
          description: 'Access tokens that were issued to these jobs that day: refreshes by us, and sign-ins.',
          kind: 'bars',
          unit: 'short',
          queries: [
            {
              expr: increased(
                histogram('refresh_duration', 'count', `evertoken_refresh_outcome="refreshed", ${ours}`),
                '1d',
              ),
              legend: 'refreshes',
            },
            {
              expr: increased(
                series('evertoken_session_starts_total', 'evertoken_session_from=~"sign-in|grant"'),
                '1d',
              ),
              legend: 'sign-ins',
            },
          ],
          interval: '1d',
        },
        {
          title: 'Incidents',
          description: 'How often each alert that pages somebody began to fire that day.',
          kind: 'bars',
          unit: 'short',
          queries: [
            {
              expr: `sum by (alertname) (count_over_time((${firing} unless ${firing} offset 1m)[1d:1m]))`,
              legend: '{{alertname}}',
            },
          ],
          interval: '1d',
          nothing: 'none',
        },
        {
          title: 'Top jobs by refreshes',
          description: 'The ten jobs with most refreshes in the time shown.',
          kind: 'ranking',
          unit: 'short',
          queries: [
            {
              expr: `topk(10, ${increased(series('evertoken_refresh_ends_total', COUNTED), '$__range', 'job')})`,
              legend: '{{job}}',
            },
          ],
        },
      ],
    ],
  ],
};
