import type { RangeSeries } from '../../../test/support/backfilled-prometheus.js';
import type { Episode } from '../../../test/support/fleet-history.js';
import { escapeXml, format, px, ticks } from './format.js';

/** One series as it is drawn. */
export interface Drawn {
  readonly name: string;
  readonly values: RangeSeries['values'];
}

/** Where and what to draw. */
export interface Chart {
  readonly width: number;
  readonly height: number;
  readonly unit: string | undefined;
  readonly limit: number | undefined;
  readonly series: readonly Drawn[];
  readonly from: number;
  readonly to: number;
  /** The distance of two points; a gap is longer. */
  readonly step: number;
  readonly episodes: readonly Episode[];
  /** What stands at the bottom. */
  readonly marks: readonly (readonly [at: number, text: string])[];
}

const LEFT = 52;
const BOTTOM = 16;
const LEGEND = 16;
const COLOURS = 8;
/** Above the highest value, for the numbers of the scenarios. */
const HEADROOM = 1.15;

/** Lines, areas that are stacked, or bars. */
export function timeChart(chart: Chart, kind: 'lines' | 'stack' | 'bars'): string {
  const { width, series, limit = 0, unit, from, to } = chart;
  const height = chart.height - BOTTOM - LEGEND;
  const stacked =
    kind === 'lines' ? series.map(({ values }) => ({ values, base: new Map<number, number>() })) : stack(series);
  const values = stacked.flatMap((one) => one.values.map(([, value]) => value)).filter(Number.isFinite);
  const most = Math.max(0, ...values);
  // a bound that is far above shows only that there is nothing to see
  const top = Math.max(most, limit <= 3 * most ? limit : 0) * HEADROOM || 1;
  const x = (at: number) => LEFT + ((at - from) / (to - from)) * (width - LEFT - 6);
  const y = (value: number) => height - (Math.min(value, top) / top) * (height - 6);
  const parts = [bands(chart, x, height), grid(chart, top, x, y, height)];
  for (const [index, { values, base }] of stacked.entries()) {
    const colour = `c${index % COLOURS}`;
    if (kind === 'bars') {
      const wide = Math.max(2, (x(from + chart.step) - x(from)) * 0.7);
      for (const [at, value] of values) {
        const low = base.get(at) ?? 0;
        if (value <= low) continue;
        const place = `x="${px(x(at) - wide)}" y="${px(y(value))}" width="${px(wide)}" height="${px(y(low) - y(value))}"`;
        parts.push(`<rect class="f ${colour}" ${place}/>`);
      }
      continue;
    }
    const draw = (run: (readonly [number, number])[]) =>
      run.map(([at, value]) => `${px(x(at))} ${px(y(value))}`).join('L');
    for (const run of kind === 'stack' ? runs(values, chart.step) : []) {
      const back = [...run].reverse().map(([at]) => `${px(x(at))} ${px(y(base.get(at) ?? 0))}`);
      parts.push(`<path class="a ${colour}" d="M${draw(run)}L${back.join('L')}Z"/>`);
    }
    // a series that is 0 would hide the one below it
    const seen = kind === 'stack' ? values.filter(([at, value]) => value > (base.get(at) ?? 0)) : values;
    for (const run of runs(seen, chart.step)) {
      parts.push(`<path class="l ${colour}" d="M${draw(run)}${run.length === 1 ? 'h1' : ''}"/>`);
    }
  }
  if (limit > 0 && limit <= top) {
    parts.push(`<path class="limit" d="M${LEFT} ${px(y(limit))}H${width - 6}"/>`);
    parts.push(
      `<text class="s bad" x="${width - 8}" y="${px(y(limit) - 3)}" text-anchor="end">${format(limit, unit)}</text>`,
    );
  }
  return parts.join('') + legend(chart, chart.height - 3);
}

/** Parts without a gap in them. */
function runs(values: Drawn['values'], step: number): (readonly [number, number])[][] {
  const found: (readonly [number, number])[][] = [];
  let last = Number.NEGATIVE_INFINITY;
  for (const point of values) {
    if (!Number.isFinite(point[1])) continue;
    if (point[0] - last > step * 1.5) found.push([]);
    found.at(-1)?.push(point);
    last = point[0];
  }
  return found;
}

/** Each series on top of those before it. */
function stack(series: readonly Drawn[]) {
  const sums = new Map<number, number>();
  return series.map(({ values }) => {
    const base = new Map<number, number>();
    const raised = values
      .filter(([, value]) => Number.isFinite(value))
      .map(([at, value]) => {
        base.set(at, sums.get(at) ?? 0);
        sums.set(at, (sums.get(at) ?? 0) + value);
        return [at, sums.get(at) ?? 0] as const;
      });
    return { values: raised, base };
  });
}

function bands({ episodes, from, to }: Chart, x: (at: number) => number, height: number): string {
  return episodes
    .map((episode, index) => {
      const [left, right] = [x(Math.max(from, episode.from)), x(Math.min(to, episode.to))];
      const rect = `<rect class="band" x="${px(left)}" y="6" width="${px(right - left)}" height="${px(height - 6)}"/>`;
      return `${rect}<text class="n" x="${px((left + right) / 2)}" y="14" text-anchor="middle">${index + 1}</text>`;
    })
    .join('');
}

function grid(
  chart: Chart,
  top: number,
  x: (at: number) => number,
  y: (value: number) => number,
  height: number,
): string {
  const { unit, width } = chart;
  const rows = ticks(top, unit).map((value) => {
    const line = `<path class="g" d="M${LEFT} ${px(y(value))}H${width - 6}"/>`;
    return `${line}<text class="s" x="${LEFT - 6}" y="${px(y(value) + 3)}" text-anchor="end">${format(value, unit, top)}</text>`;
  });
  return rows.join('') + below(chart, x, height);
}

function below({ marks, from, to }: Chart, x: (at: number) => number, height: number): string {
  return marks
    .map(([at, text]) => {
      const anchor = at === from ? 'start' : to - at < (to - from) / 40 ? 'end' : 'middle';
      return `<text class="s" x="${px(x(at))}" y="${px(height + 13)}" text-anchor="${anchor}">${text}</text>`;
    })
    .join('');
}

/** Names beside their colours, as many as there is room for. */
function legend({ series, width }: Chart, y: number): string {
  let x = 10;
  const parts: string[] = [];
  for (const [index, { name }] of series.entries()) {
    const wide = 18 + name.length * 5.6 + (name.match(/[A-Z_]/g)?.length ?? 0) * 1.6;
    if (x + wide > width) {
      parts.push(`<text class="s" x="${px(x)}" y="${px(y)}">…</text>`);
      break;
    }
    const box = `<rect class="f c${index % COLOURS}" x="${px(x)}" y="${px(y - 8)}" width="9" height="9" rx="2"/>`;
    parts.push(`${box}<text class="s" x="${px(x + 13)}" y="${px(y)}">${escapeXml(name)}</text>`);
    x += wide + 6;
  }
  return parts.join('');
}

/** One large number for each series, coloured by its bound. */
export function statChart({ width, height, series, unit, limit }: Chart, isFloor: boolean): string {
  const size = series.length > 1 ? 26 : 40;
  const gap = (height - 10) / Math.max(1, series.length);
  return series
    .map(({ name, values }, index) => {
      const value = [...values].reverse().find(([, one]) => Number.isFinite(one))?.[1] ?? Number.NaN;
      const isBad = limit !== undefined && (isFloor ? value < limit : value > limit);
      const colour = limit === undefined ? 'blue' : isBad ? 'bad' : 'good';
      const y = gap * index + gap / 2 + size / 3;
      const label =
        series.length > 1
          ? `<text class="s" x="${width / 2}" y="${px(y + 15)}" text-anchor="middle">${escapeXml(name)}</text>`
          : '';
      return `<text class="${colour} big" style="font-size:${size}px" x="${width / 2}" y="${px(y)}" text-anchor="middle">${format(value, unit)}</text>${label}`;
    })
    .join('');
}

/** A bar for each series, the longest first. */
export function rankingChart({ width, series, unit }: Chart): string {
  const rows = series
    .map(({ name, values }) => [name, values.at(-1)?.[1] ?? 0] as const)
    .sort(([, one], [, other]) => other - one);
  const most = Math.max(1, ...rows.map(([, value]) => value));
  return rows
    .map(([name, value], index) => {
      const y = 12 + index * 36;
      const wide = (value / most) * (width - 90);
      const text = `<text class="t" x="8" y="${y}">${escapeXml(name)}</text>`;
      const bar = `<rect class="f c0" x="8" y="${y + 5}" width="${px(wide)}" height="14" rx="2"/>`;
      return `${text}${bar}<text class="s" x="${px(wide + 14)}" y="${y + 16}">${format(value, unit)}</text>`;
    })
    .join('');
}

/** Which series was there when. */
export function stateChart(chart: Chart): string {
  const { width, series, from, to, step } = chart;
  const left = 210;
  const height = chart.height - BOTTOM;
  const x = (at: number) => left + ((at - from) / (to - from)) * (width - left - 6);
  const gap = (height - 18) / Math.max(1, series.length);
  const parts = [bands(chart, x, height)];
  for (const [index, { name, values }] of series.entries()) {
    const y = 18 + gap * index;
    parts.push(
      `<text class="s" x="${left - 8}" y="${px(y + gap / 2 + 3)}" text-anchor="end">${escapeXml(name)}</text>`,
    );
    for (const run of runs(values, step)) {
      const [start, end] = [run[0]?.[0] ?? from, run.at(-1)?.[0] ?? from];
      const place = `x="${px(x(start))}" y="${px(y + 1)}" width="${px(Math.max(2, x(end + step) - x(start)))}" height="${px(Math.max(3, gap - 3))}"`;
      parts.push(`<rect class="state" ${place} rx="1"/>`);
    }
  }
  return parts.join('') + below(chart, x, height);
}

/** Cells of a histogram over time: what came into each bucket, the fuller the darker. */
export function heatChart(chart: Chart): string {
  const { width, from, to, step } = chart;
  const height = chart.height - BOTTOM;
  const rows = chart.series
    .map(({ name, values }) => ({
      bound: name === '+Inf' ? Number.POSITIVE_INFINITY : Number(name),
      values: new Map(values),
    }))
    .sort((one, other) => one.bound - other.bound);
  const cells = rows.flatMap(({ values }, index) =>
    [...values].map(([at, value]) => [at, index, Math.max(0, value - (rows[index - 1]?.values.get(at) ?? 0))] as const),
  );
  const most = Math.max(1, ...cells.map(([, , value]) => value));
  const x = (at: number) => LEFT + ((at - from) / (to - from)) * (width - LEFT - 6);
  const tall = (height - 18) / Math.max(1, rows.length);
  const y = (index: number) => height - (index + 1) * tall;
  const wide = x(from + step) - x(from);
  const parts = [bands(chart, x, height)];
  for (const [at, index, value] of cells) {
    const shade = Math.ceil(Math.sqrt(value / most) * 5);
    if (value < 0.5 || shade === 0) continue;
    const place = `x="${px(x(at) - wide)}" y="${px(y(index) + 0.5)}" width="${px(wide)}" height="${px(tall - 1)}"`;
    parts.push(`<rect class="h${shade}" ${place}/>`);
  }
  for (const [index, { bound }] of rows.entries()) {
    const label = Number.isFinite(bound) ? format(bound, 's') : 'more';
    parts.push(`<text class="s" x="${LEFT - 6}" y="${px(y(index) + 3)}" text-anchor="end">${label}</text>`);
  }
  return parts.join('') + below(chart, x, height);
}
