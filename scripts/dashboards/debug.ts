import type { BoardSpec } from './board.js';
import type { PanelSpec } from './panel.js';
import { FAILED, histogram, quantile, rateBy } from './series.js';

const cells = (name: string, matchers?: string) =>
  `sum by (le) (increase(${histogram(name, 'bucket', matchers)}[$__rate_interval]))`;

const times: readonly PanelSpec[] = [
  {
    title: 'Refresh time',
    description: 'How many refreshes took how long. Two bands: some wait for something that others do not.',
    kind: 'heatmap',
    unit: 's',
    alert: 'RefreshSlow',
    queries: [{ expr: cells('refresh_duration') }],
    width: 12,
  },
  {
    title: 'Request time',
    description:
      'How many requests to the token endpoint took how long, without lock, storage and waits between attempts.',
    kind: 'heatmap',
    unit: 's',
    queries: [{ expr: cells('refresh_request_duration') }],
    width: 12,
  },
];

const failures: readonly PanelSpec[] = [
  {
    title: 'Failed refreshes by code and region',
    description:
      'The code of the error that a refresh ended with. docs/errors.md says what each means. `true` behind it: an errand, for another target than the session’s own. The first failure of a kind in a process is not shown here.',
    kind: 'stack',
    unit: 'ops',
    queries: [
      {
        expr: rateBy('error_type, region, evertoken_refresh_errand', histogram('refresh_duration', 'count', FAILED)),
        legend: '{{error_type}} {{region}} {{evertoken_refresh_errand}}',
      },
    ],
    width: 12,
  },
  {
    title: 'OAuth errors by code and region',
    description:
      'What the token endpoint gave as `error`. `invalid_grant`: the grant is over or was used twice; `invalid_client`: it refuses this client.',
    kind: 'stack',
    unit: 'reqps',
    queries: [
      {
        expr: rateBy(
          'evertoken_oauth_error, region',
          histogram('refresh_request_duration', 'count', 'evertoken_oauth_error!=""'),
        ),
        legend: '{{evertoken_oauth_error}} {{region}}',
      },
    ],
    width: 12,
  },
  {
    title: 'Reasons',
    description:
      'Why refreshes began. `rejected`: an API refused the access token; `expired`: somebody came after it had run out.',
    kind: 'stack',
    unit: 'ops',
    queries: [
      {
        expr: rateBy('evertoken_refresh_reason', histogram('refresh_duration', 'count')),
        legend: '{{evertoken_refresh_reason}}',
      },
    ],
    width: 12,
  },
  {
    title: 'Attempts',
    description: 'Requests to the token endpoint: first ones, and retries of the same refresh.',
    kind: 'stack',
    unit: 'reqps',
    queries: [
      {
        expr: rateBy('evertoken_refresh_retry', histogram('refresh_request_duration', 'count')),
        legend: 'retry {{evertoken_refresh_retry}}',
      },
    ],
    width: 12,
  },
];

const rhythm: readonly PanelSpec[] = [
  {
    title: 'Time between two refreshes',
    description: 'Of one session. A band far below the lifetime of access tokens: somebody refreshes too often.',
    kind: 'heatmap',
    unit: 's',
    alert: 'RefreshVelocity',
    queries: [{ expr: cells('refresh_interval') }],
    width: 12,
  },
  {
    title: 'Lifetime of new access tokens',
    description: 'As the server gives them. A step is a change of its settings.',
    kind: 'lines',
    unit: 's',
    queries: [
      { expr: quantile(0.1, 'token_lifetime'), legend: 'P10' },
      { expr: quantile(0.5, 'token_lifetime'), legend: 'P50' },
      { expr: quantile(0.9, 'token_lifetime'), legend: 'P90' },
    ],
    width: 12,
  },
];

const LINE =
  '{{.event_name}} session={{.evertoken_session_id}} error={{.error_type}} status={{.http_response_status_code}} oauth={{.evertoken_oauth_error}} end={{.evertoken_session_end_reason}}';

const records: readonly PanelSpec[] = [
  {
    title: 'Failures, ends and rotation mismatches',
    description:
      'Log records by session. A rotation mismatch is an end of reason `lost`, or `rejected` soon after a refresh. Click a line for all its attributes and its trace.',
    kind: 'logs',
    queries: [
      {
        expr: `{service_name=~"$job"} | event_name=~"evertoken[.](refresh[.]failure|session[.]end|storage[.]failure|revocation[.]failure)" | line_format \`${LINE}\``,
      },
    ],
    width: 24,
    height: 10,
  },
  {
    title: 'Traces of failed refreshes',
    description:
      'Each with its attempts, and the callers who waited for it. Requests of the HTTP instrumentation are below the attempts.',
    kind: 'traces',
    queries: [{ expr: '{ resource.service.name =~ "$job" && name = "evertoken.refresh" && status = error }' }],
    width: 12,
    height: 10,
  },
  {
    title: 'One session',
    description:
      'Everything that was told of the session whose id stands above, in order; of every session while none does.',
    kind: 'logs',
    queries: [
      {
        expr: `{service_name=~"$job"} | event_name=~"evertoken[.].+" | evertoken_session_id=~"$session.*" | line_format \`${LINE}\``,
      },
    ],
    width: 12,
    height: 10,
  },
];

/** An hour for whoever looks for the cause. */
export const debug: BoardSpec = {
  uid: 'evertoken-debug',
  title: 'evertoken: debug',
  description: 'Why refreshes fail, take long or come too often, down to one session.',
  from: 'now-1h',
  hasRecords: true,
  rows: [
    ['Times', times],
    ['Failures, reasons, attempts', failures],
    ['Rhythm', rhythm],
    ['Log records and traces', records],
  ],
};
