import type { BoardSpec } from './board.js';
import type { PanelSpec } from './panel.js';
import { histogram, increased, quantile, rateBy, recorded, series } from './series.js';

const OURS = 'evertoken_refresh_by="us", evertoken_refresh_errand=""';
const requests = (matchers?: string) => histogram('refresh_request_duration', 'count', matchers);
const share = (matchers: string, by?: string) =>
  by === undefined
    ? `sum(rate(${requests(matchers)}[$__rate_interval])) / sum(rate(${requests()}[$__rate_interval]))`
    : `${rateBy(by, requests(matchers))} / ${rateBy(by, requests())}`;

const now: readonly PanelSpec[] = [
  {
    title: 'Firing alerts',
    description:
      'Which alerts fire, and since when. The name of an alert leads to its runbook in docs/observability.md.',
    kind: 'states',
    unit: 'short',
    queries: [
      {
        expr: 'max by (alertname, severity, job) (ALERTS{alertstate="firing", job=~"$job"})',
        legend: '{{alertname}} {{job}}',
      },
    ],
    nothing: 'no alert fires',
    width: 18,
    height: 10,
  },
  {
    title: 'Success now',
    description: 'The share of refreshes in the last ten minutes that did not fail, by job.',
    kind: 'stat',
    unit: 'percentunit',
    limit: { value: 0.995, alert: 'RefreshSuccessLow', isFloor: true },
    queries: [{ expr: `1 - ${recorded('refresh_errors:ratio_rate10m')}`, legend: '{{job}}' }],
    width: 6,
    height: 10,
  },
];

const endpoint: readonly PanelSpec[] = [
  {
    title: 'Answers of the token endpoint',
    description:
      'Requests to the token endpoint by status; those without one by what happened to them. Nothing but 5xx and failures is an outage.',
    kind: 'stack',
    unit: 'reqps',
    alert: 'TokenEndpointDown',
    queries: [
      {
        expr: rateBy('http_response_status_code', requests('http_response_status_code!=""')),
        legend: '{{http_response_status_code}}',
      },
      {
        expr: rateBy('error_type', requests('http_response_status_code="", error_type!=""')),
        legend: '{{error_type}}',
      },
    ],
  },
  {
    title: 'Share of 5xx, 4xx and 429',
    description:
      '5xx is the server, 4xx the client or its grants, 429 the rate. A 400 for a grant that is over is no fault.',
    kind: 'lines',
    unit: 'percentunit',
    alert: 'ClientMisconfigured',
    queries: [
      { expr: share('http_response_status_code=~"5.."'), legend: '5xx' },
      { expr: share('http_response_status_code=~"4..", http_response_status_code!="429"'), legend: '4xx' },
      { expr: share('http_response_status_code="429"'), legend: '429' },
    ],
  },
  {
    title: 'Jobs that are rate limited',
    description: 'The share of token requests that is answered 429, by job.',
    kind: 'lines',
    unit: 'percentunit',
    limit: { value: 0.01, alert: 'RateLimited' },
    queries: [{ expr: share('http_response_status_code="429"', 'job'), legend: '{{job}}' }],
  },
];

const callers: readonly PanelSpec[] = [
  {
    title: 'Refresh time',
    description: 'How long refreshes by us take, with their lock, storage and attempts. The bound is that of P95.',
    kind: 'lines',
    unit: 's',
    limit: { value: 0.3, alert: 'RefreshSlow' },
    queries: [
      { expr: quantile(0.5, 'refresh_duration', OURS), legend: 'P50' },
      { expr: `max(${recorded('refresh_duration:p95_5m')})`, legend: 'P95' },
      { expr: quantile(0.99, 'refresh_duration', OURS), legend: 'P99' },
    ],
  },
  {
    title: 'Callers who wait',
    description: 'How many callers a second did not get their access token at once, by job.',
    kind: 'lines',
    unit: 'reqps',
    limit: { value: 0.1, alert: 'CallersWait' },
    queries: [{ expr: recorded('waits:rate5m'), legend: '{{job}}' }],
  },
  {
    title: 'How long they wait',
    description: 'What 95 % of those who waited stay under, by job.',
    kind: 'lines',
    unit: 's',
    limit: { value: 1, alert: 'CallersWait' },
    queries: [{ expr: recorded('wait_duration:p95_5m'), legend: '{{job}}' }],
  },
];

const sessions: readonly PanelSpec[] = [
  {
    title: 'Sessions that wait',
    description: 'Sessions whose last refresh failed; they are kept and try again by themselves, more and more rarely.',
    kind: 'lines',
    unit: 'short',
    queries: [
      {
        expr: `sum by (job) (${series('evertoken_session_count', 'evertoken_session_status="waiting"')})`,
        legend: '{{job}}',
      },
    ],
    width: 6,
  },
  {
    title: 'Ends by reason',
    description:
      'Sessions that ended in the last ten minutes. `ended` are sign-outs, `peer` those of another tab or process.',
    kind: 'stack',
    unit: 'short',
    queries: [
      {
        expr: increased(series('evertoken_session_ends_total'), '10m', 'evertoken_session_end_reason'),
        legend: '{{evertoken_session_end_reason}}',
      },
    ],
    width: 6,
  },
  {
    title: 'Lost in 30 minutes',
    description: 'Sessions whose refresh token was used up without the answer arriving, or used by somebody else.',
    kind: 'lines',
    unit: 'short',
    limit: { value: 3, alert: 'SessionsLost' },
    queries: [
      {
        expr: increased(series('evertoken_session_ends_total', 'evertoken_session_end_reason="lost"'), '30m', 'job'),
        legend: '{{job}}',
      },
    ],
    width: 6,
  },
  {
    title: 'Rejected in 15 minutes',
    description: 'Sessions that the server ended. The alert also wants five times as many as the day before.',
    kind: 'lines',
    unit: 'short',
    limit: { value: 20, alert: 'SessionsRejected' },
    queries: [
      {
        expr: increased(
          series('evertoken_session_ends_total', 'evertoken_session_end_reason="rejected"'),
          '15m',
          'job',
        ),
        legend: '{{job}}',
      },
    ],
    width: 6,
  },
];

const apis: readonly PanelSpec[] = [
  {
    title: 'Requests that APIs refuse',
    description:
      'By API. `replayed true`: refused although the access token was new, so another refresh does not help.',
    kind: 'lines',
    unit: 'reqps',
    queries: [
      {
        expr: rateBy('server_address, evertoken_request_replayed', series('evertoken_request_rejections_total')),
        legend: '{{server_address}}, replayed: {{evertoken_request_replayed}}',
      },
    ],
  },
  {
    title: 'New access tokens refused',
    description: 'Answers 401 to a replay, per refresh, by job: keys, audience or clocks of an API.',
    kind: 'lines',
    unit: 'percentunit',
    limit: { value: 0.05, alert: 'NewTokensRefused' },
    queries: [
      {
        expr: `${rateBy('job', series('evertoken_request_rejections_total', 'http_response_status_code="401", evertoken_request_replayed="true"'))} / ${rateBy('job', series('evertoken_refresh_ends_total'))}`,
        legend: '{{job}}',
      },
    ],
  },
  {
    title: 'Top offending addresses',
    description:
      'A client does not know its address: **this panel belongs to the metrics of your server**. Put its query here, for example failed events of Keycloak by address from its log, or the top talkers of the proxy before the token endpoint. What evertoken tells has no address of a user in it.',
    kind: 'text',
  },
];

const parts: readonly PanelSpec[] = [
  {
    title: 'Storage failures in 10 minutes',
    description: 'What the manager made of a failing store of sessions: timeouts and damage too.',
    kind: 'lines',
    unit: 'short',
    limit: { value: 3, alert: 'StorageFails' },
    queries: [{ expr: increased(series('evertoken_storage_failures_total'), '10m', 'job'), legend: '{{job}}' }],
  },
  {
    title: 'Storage time',
    description:
      'What 95 % of the calls of the store stay under, by operation. The lowest bucket ends at 50 ms: 47.5 ms means that all of them were in it.',
    kind: 'lines',
    unit: 's',
    queries: [
      {
        expr: quantile(0.95, 'storage_operation_duration', undefined, 'evertoken_storage_operation'),
        legend: '{{evertoken_storage_operation}}',
      },
    ],
  },
  {
    title: 'Wait for the lock',
    description:
      'What 95 % of those who refresh wait for the lock, by job. The lowest bucket ends at 50 ms: 47.5 ms means that all of them were in it.',
    kind: 'lines',
    unit: 's',
    limit: { value: 5, alert: 'LockSlow' },
    queries: [{ expr: quantile(0.95, 'lock_wait_duration', undefined, 'job'), legend: '{{job}}' }],
  },
  {
    title: 'Revocations that fail',
    description: 'The share of revocations that the server did not take: the session ended here, and there it did not.',
    kind: 'lines',
    unit: 'percentunit',
    limit: { value: 0.01, alert: 'RevocationFails' },
    queries: [
      {
        expr: `${rateBy('job', histogram('revocation_duration', 'count', 'error_type!=""'))} / ${rateBy('job', histogram('revocation_duration', 'count'))}`,
        legend: '{{job}}',
      },
    ],
    width: 12,
  },
  {
    title: 'Until a revoked access token is refused',
    description:
      'What nine in ten probes of the revocation canary stay under; see docs/observability.md. Empty where no canary runs.',
    kind: 'lines',
    unit: 's',
    limit: { value: 5, alert: 'RevocationSlow' },
    queries: [
      { expr: quantile(0.9, 'probe_revocation_delay', undefined, 'server_address'), legend: '{{server_address}}' },
    ],
    nothing: 'no canary',
    width: 12,
  },
];

/** Three hours for whoever was woken. */
export const onCall: BoardSpec = {
  uid: 'evertoken-on-call',
  title: 'evertoken: on call',
  description: 'What is wrong, since when, and whose it is.',
  from: 'now-3h',
  refresh: '30s',
  rows: [
    ['Now', now],
    ['The token endpoint', endpoint],
    ['Refreshes and callers', callers],
    ['Sessions', sessions],
    ['APIs', apis],
    ['Storage, lock, revocation', parts],
  ],
};
