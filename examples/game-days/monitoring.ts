import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isInstalled, startDaemon } from './daemon.js';
import { writeHistory } from './history.js';
import { RECEIVERS, type Receiver } from './scenario.js';
import { quickRoutes, quickRules } from './shipped.js';

/** What is scraped; undefined: it is not reached. */
export type Target = () => Promise<string> | undefined;

/** What a receiver was told about one alert. */
export interface Notice {
  readonly receiver: Receiver;
  readonly job: string;
  readonly alert: string;
  readonly status: 'firing' | 'resolved';
  /** Since when it fires by the clock of Prometheus, in epoch milliseconds. */
  readonly startsAt: number;
  /** Since when it does not any more; undefined while it fires. */
  readonly endsAt: number | undefined;
  /** When we were told. */
  readonly at: number;
}

/** As Alertmanager writes it. */
interface TextOfNotice {
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
}

/** One value of a query. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A Prometheus and an Alertmanager of our own, with the rules and routes that the package brings, sixty times as quick. */
export interface Monitoring {
  /** Where Prometheus listens. */
  readonly url: string;
  /** What was told to whom, in order. */
  readonly notices: readonly Notice[];
  /** What an expression says now, or at a moment in epoch milliseconds. */
  query(expression: string, at?: number): Promise<readonly Sample[]>;
  /** The alerts of a job that are pending or firing. */
  alerts(job: string): Promise<ReadonlyMap<string, string>>;
  stop(): Promise<void>;
}

/** How often is scraped and evaluated, in milliseconds: half a minute of the rules. */
export const INTERVAL_MS = 500;

const PROGRAMS = ['prometheus', 'promtool', 'prometheus-alertmanager'] as const;

/** The programs of Debian's packages `prometheus` and `prometheus-alertmanager` that are missing. */
export function missingPrograms(): readonly string[] {
  return PROGRAMS.filter((program) => !isInstalled(program));
}

/** Starts both, with a healthy day in their past for every job. */
export async function startMonitoring(targets: Readonly<Record<string, Target>>): Promise<Monitoring> {
  const folder = mkdtempSync(join(tmpdir(), 'evertoken-monitoring-'));
  const data = join(folder, 'data');
  mkdirSync(data);
  const notices: Notice[] = [];
  const { server, url } = await listen((request, response) => answer(request, response, targets, notices));
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const alertmanager = await startDaemon('prometheus-alertmanager', [
    `--config.file=${write('alertmanager.yml', quickRoutes(`http://${url}/told`))}`,
    `--storage.path=${join(folder, 'alertmanager')}`,
    '--cluster.listen-address=',
  ]);
  write('rules.yml', quickRules());
  writeHistory(Object.keys(targets), data);
  const prometheus = await startDaemon('prometheus', [
    `--config.file=${write('prometheus.yml', configOf(Object.keys(targets), url, new URL(alertmanager.url).host))}`,
    `--storage.tsdb.path=${data}`,
    '--storage.tsdb.retention.time=1d',
    '--query.lookback-delta=5s',
  ]);

  async function get(path: string): Promise<unknown> {
    const response = await fetch(`${prometheus.url}/api/v1/${path}`);
    const { data, error } = (await response.json()) as { data: unknown; error?: string };
    if (error !== undefined) throw new Error(`Expected an answer of Prometheus, got: ${error}`);
    return data;
  }

  return {
    url: prometheus.url,
    notices,
    query: async (expression, at) => {
      const time = at === undefined ? {} : { time: String(at / 1_000) };
      const { result } = (await get(`query?${new URLSearchParams({ query: expression, ...time })}`)) as {
        result: readonly { metric: Record<string, string>; value: readonly [number, string] }[];
      };
      return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
    },
    alerts: async (job) => {
      const { alerts } = (await get('alerts')) as {
        alerts: readonly { labels: Record<string, string>; state: string }[];
      };
      const ours = alerts.filter(({ labels }) => labels.job === job);
      return new Map(ours.map(({ labels, state }) => [labels.alertname ?? '', state]));
    },
    stop: async () => {
      await prometheus.stop();
      await alertmanager.stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function configOf(jobs: readonly string[], host: string, alertmanager: string): string {
  const scraped = jobs.map(
    (job) => `  - job_name: ${job}\n    metrics_path: /metrics/${job}\n    static_configs: [{ targets: ['${host}'] }]`,
  );
  return [
    `global: { scrape_interval: ${INTERVAL_MS}ms, evaluation_interval: ${INTERVAL_MS}ms }`,
    'rule_files: [rules.yml]',
    `alerting: { alertmanagers: [{ static_configs: [{ targets: ['${alertmanager}'] }] }] }`,
    'scrape_configs:',
    ...scraped,
    '',
  ].join('\n');
}

async function listen(
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<{ server: Server; url: string }> {
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, url: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** Answers scrapes and webhooks. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  targets: Readonly<Record<string, Target>>,
  notices: Notice[],
): Promise<void> {
  const [, what, name = ''] = (request.url ?? '').split('/');
  if (what === 'metrics') {
    const text = await targets[name]?.();
    if (text === undefined) response.destroy();
    else response.setHeader('content-type', 'text/plain; version=0.0.4').end(text);
    return;
  }
  const receiver = RECEIVERS.find((known) => known === name);
  if (what !== 'told' || !receiver) {
    response.writeHead(404).end();
    return;
  }
  let body = '';
  for await (const part of request) body += part;
  response.end();
  const { alerts } = JSON.parse(body) as { alerts: readonly TextOfNotice[] };
  for (const { status, labels, startsAt, endsAt } of alerts) {
    const { job = '', alertname: alert = '' } = labels;
    const ends = status === 'resolved' ? Date.parse(endsAt) : undefined;
    notices.push({ receiver, job, alert, status, startsAt: Date.parse(startsAt), endsAt: ends, at: Date.now() });
  }
}
