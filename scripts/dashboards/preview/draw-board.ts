import type { BoardFile, PanelFile } from '../board-file.js';
import { type Chart, heatChart, rankingChart, statChart, stateChart, timeChart } from './charts.js';
import { escapeXml, px } from './format.js';

/** A panel with what Prometheus answered. */
export interface FilledPanel {
  readonly panel: PanelFile;
  readonly chart: Omit<Chart, 'width' | 'height' | 'unit' | 'limit'> | undefined;
}

const COLUMN = 50;
const UNIT = 27;
const GAP = 8;
const HEAD = 62;
const TITLE = 26;
const EMPTY = 5;

const STYLE = `
svg{--b:#f4f5f5;--p:#fff;--e:#d8d9da;--t:#24292e;--s:#5c6370;--g:#e9eaeb;--bad:#c4162a;--good:#1b7f3b;--blue:#1f60c4;--band:#8d93a11c}
@media (prefers-color-scheme:dark){svg{--b:#111217;--p:#181b1f;--e:#2c3038;--t:#d8d9da;--s:#9aa0aa;--g:#262a31;--bad:#ff5f6d;--good:#73bf69;--blue:#7aa8ff;--band:#9aa0aa22}}
text{font-family:system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:var(--t)}
.t{font-size:12px}.s{font-size:10px;fill:var(--s)}.n{font-size:9px;fill:var(--s)}.big{font-weight:600}
.bg{fill:var(--b)}.card{fill:var(--p);stroke:var(--e)}.g{stroke:var(--g);fill:none}.band{fill:var(--band)}
.l{fill:none;stroke-width:1.5;stroke-linejoin:round}.a{stroke:none;fill-opacity:.3}.limit{stroke:var(--bad);stroke-dasharray:5 3;fill:none}
text.bad{fill:var(--bad)}text.good{fill:var(--good)}text.blue{fill:var(--blue)}.state{fill:var(--bad);fill-opacity:.8}
${['#3274d9', '#e0752d', '#1f9e5a', '#a352cc', '#c15c17', '#0f8a94', '#b0489e', '#808a9c'].map((colour, index) => `.c${index}{stroke:${colour};fill:${colour}}.l.c${index}{fill:none}.f.c${index},.a.c${index}{stroke:none}`).join('')}
${[0.14, 0.3, 0.5, 0.75, 1].map((opacity, index) => `.h${index + 1}{fill:var(--blue);fill-opacity:${opacity}}`).join('')}`;

/** A picture of a dashboard, without Grafana and labelled so; light or dark as the reader's system is. */
export function drawBoard(board: BoardFile, filled: readonly FilledPanel[], about: string, key: string): string {
  const panels = compact(filled);
  const width = 24 * COLUMN + GAP;
  const lines = wrap(key, 190);
  const head = HEAD + (lines.length > 0 ? 6 + lines.length * 14 : 0);
  const height = head + Math.max(...panels.map(({ panel: { gridPos } }) => gridPos.y + gridPos.h)) * UNIT + GAP;
  const name = `Preview of the dashboard “${board.title}”`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeXml(name)}">`,
    `<style>${STYLE}</style><rect class="bg" width="${width}" height="${height}"/>`,
    `<text x="14" y="28" style="font-size:20px;font-weight:600">${escapeXml(board.title)}</text>`,
    `<text class="bad" x="${width - 14}" y="28" text-anchor="end" style="font-size:14px;font-weight:600">PREVIEW, not Grafana</text>`,
    `<text class="s" x="14" y="48" style="font-size:12px">${escapeXml(about)}</text>`,
    ...lines.map(
      (line, index) => `<text class="s" x="14" y="${66 + index * 14}" style="font-size:11px">${escapeXml(line)}</text>`,
    ),
    ...panels.map((one) => drawPanel(one, head)),
    '</svg>\n',
  ].join('\n');
}

/** Panels that nothing is asked for here need no more room than their query does. */
function compact(filled: readonly FilledPanel[]): FilledPanel[] {
  const isEmpty = ({ type }: PanelFile) => type === 'logs' || type === 'table';
  const tall = new Map(
    filled.filter(({ panel }) => isEmpty(panel)).map(({ panel: { gridPos } }) => [gridPos.y, gridPos.h]),
  );
  return filled.map(({ panel, chart }) => {
    const { y, h } = panel.gridPos;
    const saved = [...tall].filter(([from]) => from < y).reduce((sum, [, was]) => sum + was - EMPTY, 0);
    return { panel: { ...panel, gridPos: { ...panel.gridPos, y: y - saved, h: isEmpty(panel) ? EMPTY : h } }, chart };
  });
}

function drawPanel({ panel, chart }: FilledPanel, head: number): string {
  const { x, y, w, h } = panel.gridPos;
  const [left, top] = [x * COLUMN + GAP, head + y * UNIT];
  if (panel.type === 'row')
    return `<text x="${left + 4}" y="${top + 18}" style="font-size:13px;font-weight:600">${escapeXml(panel.title)}</text>`;
  const [width, height] = [w * COLUMN - GAP, h * UNIT - GAP];
  const title = `<text class="t" x="10" y="18" style="font-weight:600">${escapeXml(panel.title)}</text>`;
  const inside = { width: width - 16, height: height - TITLE - 6 };
  const body = chart ? drawChart(panel, { ...chart, ...inside }) : drawWords(panel, inside.width);
  return `<g transform="translate(${left} ${top})"><rect class="card" width="${width}" height="${height}" rx="3"/>${title}<g transform="translate(8 ${TITLE})">${body}</g></g>`;
}

function drawChart({ type, fieldConfig }: PanelFile, given: Omit<Chart, 'unit' | 'limit'>): string {
  const { unit, thresholds, custom } = fieldConfig?.defaults ?? {};
  const steps = thresholds?.steps ?? [];
  const chart: Chart = { ...given, unit, limit: steps.find(({ value }) => value !== null)?.value ?? undefined };
  switch (type) {
    case 'stat':
      return statChart(chart, steps[0]?.color === 'red');
    case 'bargauge':
      return rankingChart(chart);
    case 'heatmap':
      return heatChart(chart);
    case 'state-timeline':
      return stateChart(chart);
    default:
      return timeChart(
        chart,
        custom?.drawStyle === 'bars' ? 'bars' : custom?.stacking?.mode === 'normal' ? 'stack' : 'lines',
      );
  }
}

/** What a panel says that asks no Prometheus: its text, or its query. */
function drawWords({ type, description = '', targets = [] }: PanelFile, width: number): string {
  const asked = targets.map(({ expr, query }) => expr ?? query ?? '');
  const from = type === 'logs' ? 'Loki' : 'Tempo';
  const words =
    type === 'text'
      ? description.replaceAll('**', '')
      : `Asks ${from}, which is not part of this preview: ${asked.join(' ')}`;
  return wrap(words, Math.floor(width / 6.4))
    .map(
      (line, index) =>
        `<text class="s" x="4" y="${px(14 + index * 16)}" style="font-size:11px">${escapeXml(line)}</text>`,
    )
    .join('');
}

function wrap(text: string, most: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ').filter(Boolean)) {
    const line = lines.at(-1);
    if (line === undefined || line.length + word.length + 1 > most) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines;
}
