import { parseArgs } from 'node:util';

/** What the demonstration is asked to do. */
export interface Settings {
  readonly callers: number;
  readonly seconds: number;
  readonly chaos: boolean;
}

/** Access tokens live this long. */
export const LIFETIME_MS = 4_000;
/** A refresh takes at least this long. */
export const LATENCY_MS = 250;
/** How long the server answers a repeated refresh again; in the chaos alone, strict otherwise. */
export const REUSE_WINDOW_MS = 60_000;

export const USAGE = `npm start -- [--chaos] [--callers N] [--seconds N]
npm start -- --scenario [NAME]

  --chaos      the token endpoint drops requests and answers, stalls, and answers 503, 429 and HTML
  --callers N  how many call the API at the same time, 1 to 1000 (50)
  --seconds N  for how long, 5 to 600 (20)
  --scenario   a game day, alone on the line: one kind of trouble, its alerts and its runbook; without a NAME lists them`;

/** Reads the command line; throws an `Error` that says what was expected. Undefined: asked for help. */
export function readSettings(args: readonly string[]): Settings | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      callers: { type: 'string', default: '50' },
      seconds: { type: 'string', default: '20' },
      chaos: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    callers: readCount('callers', values.callers, 1, 1_000),
    seconds: readCount('seconds', values.seconds, 5, 600),
    chaos: values.chaos,
  };
}

function readCount(name: string, text: string, low: number, high: number): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= low && count <= high) return count;
  throw new Error(`Expected --${name} to be a whole number from ${low} to ${high}, got ${text}.`);
}
