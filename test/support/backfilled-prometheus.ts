import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FleetHistory } from './fleet-history.js';
import { freePort } from './free-port.js';

/** Values of one series, by seconds. */
export interface RangeSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [at: number, value: number])[];
}

/** A real Prometheus that holds a history: what it was told, what the rules recorded, and which alerts fired. */
export interface BackfilledPrometheus {
  queryRange(expr: string, range: { from: number; to: number; step: number }): Promise<RangeSeries[]>;
  stop(): Promise<void>;
}

interface Alert {
  readonly name: string;
  readonly expr: string;
  readonly forS: number;
  readonly keepS: number;
  readonly labels: Readonly<Record<string, string>>;
}

const RULES = new URL('../../ops/prometheus/evertoken.rules.yml', import.meta.url);
const STEP = 30;
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 };

/** Whether Prometheus and promtool are there (Debian: prometheus). */
export const hasPrometheus: boolean = ['prometheus', 'promtool'].every(
  (name) => spawnSync(name, ['--version']).status === 0,
);

/** Writes a history into an empty Prometheus. Recording rules are evaluated by promtool, alerts by their own words. */
export async function backfill(history: FleetHistory): Promise<BackfilledPrometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'evertoken-prometheus-'));
  const { from, to } = history;
  write(folder, history.text);
  let running = await start(folder);
  try {
    const range = ['--start', String(from), '--end', String(to), '--eval-interval', `${STEP}s`];
    promtool([
      'tsdb',
      'create-blocks-from',
      'rules',
      ...range,
      '--url',
      running.url,
      '--output-dir',
      data(folder),
      path(RULES),
    ]);
    await running.stop();
    running = await start(folder); // which reads the new blocks
    const lines: string[] = [];
    for (const alert of readAlerts()) {
      const series = await running.queryRange(alert.expr, { from, to, step: STEP });
      lines.push(...series.flatMap(({ metric, values }) => alertLines(alert, metric, values, to)));
    }
    await running.stop();
    if (lines.length > 0) write(folder, `${lines.join('\n')}\n# EOF\n`);
    running = await start(folder);
  } catch (error) {
    await running.stop();
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  const { queryRange, stop } = running;
  return {
    queryRange,
    stop: async () => {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const data = (folder: string) => join(folder, 'data');
const path = (url: URL) => url.pathname;

function promtool(args: string[]): void {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`promtool ${args.slice(0, 3).join(' ')}: ${stderr || stdout}`);
}

function write(folder: string, text: string): void {
  const file = join(folder, 'told.om');
  writeFileSync(file, text);
  promtool(['tsdb', 'create-blocks-from', 'openmetrics', '--quiet', file, data(folder)]);
  rmSync(file);
}

async function start(folder: string) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const config = join(folder, 'prometheus.yml');
  writeFileSync(config, '{}\n');
  const process = spawn(
    'prometheus',
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${data(folder)}`,
      '--storage.tsdb.retention.time=100y',
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: 'ignore' },
  );
  const ended = new Promise<void>((resolve) => process.once('exit', () => resolve()));
  const stop = async () => {
    process.kill('SIGTERM');
    await ended;
  };
  await ready(url, process);
  return { url, stop, queryRange: queryOf(url) };
}

async function ready(url: string, process: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (process.exitCode !== null) throw new Error(`Prometheus ended with ${process.exitCode}`);
    const answer = await fetch(`${url}/-/ready`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100)); // a server of others, on a real clock
  }
  throw new Error('Prometheus was not ready within 30 s');
}

function queryOf(url: string): BackfilledPrometheus['queryRange'] {
  return async (expr, { from, to, step }) => {
    const body = new URLSearchParams({ query: expr, start: String(from), end: String(to), step: String(step) });
    const answer = await fetch(`${url}/api/v1/query_range`, { method: 'POST', body });
    const { status, error, data } = (await answer.json()) as {
      status: string;
      error?: string;
      data?: { result: { metric: Record<string, string>; values: [number, string][] }[] };
    };
    if (status !== 'success') throw new Error(`Prometheus refused ${expr}: ${error}`);
    return (data?.result ?? []).map(({ metric, values }) => ({
      metric,
      values: values.map(([at, value]) => [at, Number(value)] as const),
    }));
  };
}

/** The alerts of the file that is shipped. */
function readAlerts(): Alert[] {
  const seconds = (text = '0s') => Number.parseInt(text, 10) * (UNITS[text.at(-1) ?? ''] ?? 0);
  return readFileSync(RULES, 'utf8')
    .split('      - alert: ')
    .slice(1)
    .map((text) => {
      const line = (name: string) => new RegExp(`^ +${name}: (\\S+)`, 'm').exec(text)?.[1];
      const labels = Object.fromEntries(['severity', 'team', 'slo'].map((name) => [name, line(name) ?? '']));
      return {
        name: text.split('\n')[0] ?? '',
        expr: /expr: \|-\n([\s\S]*?)\n {8}(?:for|labels|keep)/.exec(text)?.[1] ?? '',
        forS: seconds(line('for')),
        keepS: seconds(line('keep_firing_for')),
        labels,
      };
    });
}

/** The series ALERTS of one alert: pending for as long as its `for` says, then firing, and a while longer. */
function alertLines(
  { name, forS, keepS, labels }: Alert,
  metric: RangeSeries['metric'],
  values: RangeSeries['values'],
  to: number,
): string[] {
  const lines: string[] = [];
  const all = { alertname: name, ...metric, ...labels };
  const told = Object.entries(all).filter(([label, value]) => label !== '__name__' && value !== '');
  const tell = (state: string, at: number) =>
    lines.push(`ALERTS{alertstate="${state}",${told.map(([label, value]) => `${label}="${value}"`).join()}} 1 ${at}`);
  let since = values[0]?.[0] ?? 0;
  for (const [index, [at]] of values.entries()) {
    const before = values[index - 1]?.[0];
    if (before !== undefined && at - before > STEP) since = at;
    const isFiring = at - since >= forS;
    tell(isFiring ? 'firing' : 'pending', at);
    const next = Math.min(values[index + 1]?.[0] ?? to, at + keepS + STEP);
    for (let later = at + STEP; isFiring && later < next; later += STEP) tell('firing', later);
  }
  return lines;
}
