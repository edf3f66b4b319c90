import type { styleText } from 'node:util';
import type { Job } from './job.js';
import { LIFETIME_MS, type Settings } from './settings.js';

/** Colours a text, or leaves it as it is. */
export type Paint = (style: Parameters<typeof styleText>[0], text: string) => string;

interface Cell {
  readonly mark: string;
  readonly style: Parameters<Paint>[0];
}

/** One access token, from its issue to the moment another took its place. */
interface Span {
  readonly from: number;
  readonly refreshAt: number;
  readonly until: number;
  readonly expiresAt: number;
}

const MARGIN = '  ';
const LONGEST_MS = 30_000;

/** The lives of the access tokens on two lanes, one after the other, above a scale of seconds. */
export function draw(job: Job, { seconds }: Settings, width: number, paint: Paint): string[] {
  const lengthMs = Math.min(seconds * 1_000 + LIFETIME_MS / 2, LONGEST_MS);
  const { startedAt } = job.log;
  const firstAt = Math.max(startedAt, Date.now() - lengthMs + LIFETIME_MS);
  const cells = Math.max(20, width - 2 * MARGIN.length);
  const column = (at: number) => Math.round(((at - firstAt) / lengthMs) * cells);
  const lanes: Cell[][] = [[], []];

  spansOf(job).forEach(({ from, refreshAt, until, expiresAt }, index) => {
    const lane = lanes[index % 2] ?? [];
    const fill = (begin: number, end: number, mark: string, style: Cell['style']) => {
      for (let at = Math.max(0, column(begin)); at < Math.min(cells, column(end)); at++) lane[at] = { mark, style };
    };
    fill(from, Math.min(refreshAt, until), '━', 'green');
    fill(refreshAt, Math.min(until, expiresAt), '╍', 'yellow');
    fill(expiresAt, until, '×', 'red');
    fill(until, expiresAt, '┄', 'dim');
    [...String(index + 1)].forEach((mark, offset) => {
      if (column(from) >= 0) lane[column(from) + offset] = { mark, style: 'bold' };
    });
    if (refreshAt < until && column(refreshAt) >= 0) lane[column(refreshAt)] = { mark: '●', style: 'cyan' };
  });

  const rows = lanes.map((lane) => {
    return (
      MARGIN +
      Array.from({ length: cells }, (_, at) => (lane[at] ? paint(lane[at].style, lane[at].mark) : ' ')).join('')
    );
  });
  return ['', ...rows, MARGIN + paint('dim', scale(firstAt - startedAt, lengthMs, cells)), legend(paint)];
}

function spansOf({ log: { startedAt, refreshes }, tokens }: Job): Span[] {
  let from = startedAt;
  const past = refreshes.map(({ startedAt: refreshAt, endedAt: until, expiresAt }): Span => {
    const span = { from, refreshAt, until, expiresAt };
    from = until;
    return span;
  });
  const { expiresAt = from } = tokens.getSnapshot();
  const now = Date.now();
  return [...past, { from, refreshAt: now, until: now, expiresAt }];
}

function scale(offsetMs: number, lengthMs: number, cells: number): string {
  let text = '';
  for (let second = Math.ceil(offsetMs / 5_000) * 5; ; second += 5) {
    const at = Math.round(((second * 1_000 - offsetMs) / lengthMs) * cells);
    const label = `${second} s`;
    if (at + label.length > cells) return text;
    text = text.padEnd(at) + label;
  }
}

function legend(paint: Paint): string {
  const parts: [string, Cell['style'], string][] = [
    ['━', 'green', 'access token in use'],
    ['●', 'cyan', 'refresh begins'],
    ['┄', 'dim', 'life it had left'],
  ];
  return `${MARGIN}${parts.map(([mark, style, text]) => `${paint(style, mark)} ${paint('dim', text)}`).join('   ')}`;
}
