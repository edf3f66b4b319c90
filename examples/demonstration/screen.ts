import { styleText } from 'node:util';
import type { Job } from './job.js';
import { failuresOf, requestsOf } from './meter.js';
import { draw, type Paint } from './picture.js';
import { LATENCY_MS, LIFETIME_MS, type Settings } from './settings.js';
import { count, type Line } from './summary.js';

/** Where the run is shown: a terminal with a picture at the bottom, or plain lines. */
export interface Screen {
  begin(job: Job): void;
  note(text: string): void;
  end(lines: readonly Line[]): void;
}

const FRAME_MS = 100;
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const NARROWEST = 70;
const WIDEST = 100;
const NOTES_AT = 54;
const MARGIN = '  ';

export function createScreen(settings: Settings, output: NodeJS.WriteStream = process.stdout): Screen {
  const isLive = output.isTTY === true && output.columns >= NARROWEST && process.env.TERM !== 'dumb';
  const width = () => (isLive ? Math.min(output.columns, WIDEST) : WIDEST);
  // respects NO_COLOR and a stream that goes elsewhere
  const paint: Paint = (style, text) => styleText(style, text, { stream: output });
  const timers: NodeJS.Timeout[] = [];
  let notes: string[] = [];
  let picture: string[] = [];
  let job: Job | undefined;
  let second = () => '';
  let ticks = 0;

  function tick(): void {
    const text = notes.join(', ');
    const room = (isLive ? output.columns : Number.POSITIVE_INFINITY) - NOTES_AT;
    print([`${second()}${MARGIN}${paint('dim', text.length > room ? `${text.slice(0, room - 1)}…` : text)}`.trimEnd()]);
    notes = [];
    ticks++;
  }

  function print(lines: readonly string[]): void {
    const back = picture.length > 0 ? `\x1b[${picture.length}A\x1b[0J` : '';
    picture = isLive && job ? draw(job, settings, width(), paint) : [];
    output.write(`${back}${[...lines, ...picture].map((line) => `${line}\n`).join('')}`);
  }

  return {
    begin: (started) => {
      job = started;
      print([
        ...headline(settings, started, paint),
        '',
        paint('dim', columns('time', 'requests', 'refreshes', 'waiting', 'failures')),
      ]);
      second = createSecond(started);
      timers.push(setInterval(tick, 1_000));
      if (!isLive) return;
      timers.push(setInterval(() => print([]), FRAME_MS));
      output.write(HIDE_CURSOR);
      process.once('exit', () => output.write(SHOW_CURSOR));
      process.once('SIGINT', () => process.exit(130));
    },
    note: (text) => {
      notes.push(text);
    },
    end: (lines) => {
      timers.forEach(clearInterval);
      if (ticks < settings.seconds) tick();
      const last = job ? draw(job, settings, width(), paint) : [];
      if (!isLive) output.write(`${last.join('\n')}\n`);
      picture = [];
      job = undefined;
      print(['', ...lines.flatMap((line) => show(line, paint)), '', verdict(lines, paint)]);
    },
  };
}

function headline({ callers, seconds, chaos }: Settings, { origin }: Job, paint: Paint): string[] {
  const server = `access tokens live ${LIFETIME_MS / 1_000} s, refresh tokens work once, a refresh takes ${LATENCY_MS} ms`;
  const weather = chaos
    ? 'Two in three requests to the token endpoint meet a fault; access tokens are revoked early.'
    : 'The server is strict and well.';
  return [
    '',
    `${MARGIN}${paint('bold', `${callers} callers for ${seconds} s`)}, half through createFetch and half through ky`,
    `${MARGIN}${origin}: ${server}`,
    `${MARGIN}${weather}`,
  ];
}

function columns(time: string, ...figures: string[]): string {
  return `${MARGIN}${time.padStart(5)}${figures.map((figure) => figure.padStart(11)).join('')}`;
}

/** Tells what happened since it was called last. */
function createSecond({ meter, log }: Job): () => string {
  let before = [0, 0, 0];
  let seconds = 0;
  return () => {
    const now = [requestsOf(meter), log.refreshes.length, failuresOf(meter)];
    const [requests = 0, refreshes = 0, failures = 0] = now.map((figure, index) => figure - (before[index] ?? 0));
    before = now;
    const waiting = meter.waitingPeak;
    meter.waitingPeak = meter.waiting;
    return columns(`${++seconds} s`, ...[requests, refreshes, waiting, failures].map(count));
  };
}

function show({ label, figure, note = '', kept }: Line, paint: Paint): string[] {
  const mark = kept === undefined ? ' ' : kept ? paint('green', '✔') : paint('red', '✘');
  const [first = '', ...more] = note.split('\n').filter(Boolean);
  const line = `${MARGIN}${mark} ${label.padEnd(43)}${figure.padStart(8)}`;
  return [
    first ? `${line}${MARGIN}${paint('dim', first)}` : line,
    ...more.map((text) => `${' '.repeat(57)}${paint('dim', text)}`),
  ];
}

function verdict(lines: readonly Line[], paint: Paint): string {
  const broken = lines.filter(({ kept }) => kept === false);
  if (broken.length === 0) return `${MARGIN}${paint(['green', 'bold'], 'Every promise was kept.')}\n`;
  return `${MARGIN}${paint(['red', 'bold'], `Broken: ${broken.map(({ label }) => label).join(', ')}.`)}\n`;
}
