// Draws the dashboards of ops/grafana without Grafana, from a real Prometheus (Debian: prometheus) that holds a simulated
// run: `npm run dashboards:preview` writes docs/images/dashboard-*.svg.
import { writeFile } from 'node:fs/promises';
import { type BackfilledPrometheus, backfill } from '../test/support/backfilled-prometheus.js';
import { type FleetHistory, type Plan, playHistory } from '../test/support/fleet-history.js';
import { type BoardFile, fillIn, type PanelFile, readBoard, type TargetFile } from './dashboards/board-file.js';
import type { Drawn } from './dashboards/preview/charts.js';
import { drawBoard, type FilledPanel } from './dashboards/preview/draw-board.js';

const POINTS = 120;
/** So many minutes of the run stand for a day where a panel counts by day. */
const DAY_MINUTES = 15;
/** What a month may bring. */
const MONTH: Plan = {
  episodes: [
    ['rate-limited', 15],
    ['slow', 4],
    ['third-fails', 0.5],
    ['lost', 5],
  ],
  calmMinutes: 41,
  pace: 4,
};

interface Run {
  readonly history: FleetHistory;
  readonly prometheus: BackfilledPrometheus;
}

/** The panels of a dashboard with what Prometheus answers. */
async function fill(board: BoardFile, run: Run): Promise<FilledPanel[]> {
  return Promise.all(board.panels.map(async (panel) => ({ panel, chart: await chartOf(panel, run, !isMonth(board)) })));
}

const isMonth = ({ time }: BoardFile) => time.from === 'now-30d';

async function chartOf(
  panel: PanelFile,
  { history, prometheus }: Run,
  hasBands: boolean,
): Promise<FilledPanel['chart']> {
  if (panel.datasource?.type !== 'prometheus') return undefined;
  const { from, to, episodes } = history;
  const isDaily = panel.interval === '1d';
  const step = isDaily ? DAY_MINUTES * 60 : Math.round((to - from) / POINTS / 30) * 30;
  const range = `${Math.round((to - from) / 60)}m`;
  const ask = async ({ expr = '', legendFormat = '', instant = false }: TargetFile): Promise<Drawn[]> => {
    const filled = fillIn(expr, { __rate_interval: `${Math.max(120, step) / 60}m`, __range: range });
    const query = filled.replaceAll('[1d', `[${DAY_MINUTES}m`);
    const start = instant ? to : isDaily ? from + step : from;
    const series = await prometheus.queryRange(query, { from: start, to, step });
    return series.map(({ metric, values }) => ({
      name: legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => metric[label] ?? ''),
      values,
    }));
  };
  const series = (await Promise.all((panel.targets ?? []).map(ask))).flat();
  const shown = panel.type === 'state-timeline' ? byStart(series) : series;
  return {
    series: shown,
    from,
    to,
    step,
    episodes: hasBands ? episodes : [],
    marks: hasBands ? hours(history) : days(history),
  };
}

const marks = (from: number, to: number, every: number, text: (count: number) => string) =>
  Array.from(
    { length: Math.floor((to - from) / every) + 1 },
    (_, count) => [from + count * every, text(count)] as const,
  );
const hours = ({ from, to }: FleetHistory) => marks(from, to, 3_600, (count) => `${count} h`);
const days = ({ from, to }: FleetHistory) => marks(from, to, DAY_MINUTES * 180, (count) => `day ${count * 3}`);

const byStart = (series: readonly Drawn[]) =>
  [...series].sort((one, other) => (one.values[0]?.[0] ?? 0) - (other.values[0]?.[0] ?? 0));

async function draw(names: readonly string[], plan?: Plan): Promise<void> {
  const history = await playHistory(plan);
  const prometheus = await backfill(history);
  try {
    for (const name of names) {
      const board = readBoard(name);
      const about = isMonth(board)
        ? `Drawn from a simulated run of two jobs; ${DAY_MINUTES} minutes of it stand for a day.`
        : 'Drawn from a simulated run of two jobs and a canary, in which everything goes wrong, one thing after the other.';
      const key = isMonth(board)
        ? ''
        : history.episodes.map((episode, index) => `${index + 1} ${episode.name}`).join(' · ');
      const picture = drawBoard(board, await fill(board, { history, prometheus }), about, key);
      await writeFile(new URL(`../docs/images/dashboard-${name}.svg`, import.meta.url), picture);
    }
  } finally {
    await prometheus.stop();
  }
}

await draw(['executive'], MONTH);
await draw(['on-call', 'debug']);
