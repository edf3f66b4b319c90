import type { Action, Run, Switch } from './run.js';

/** Something that is switched, or happens, at a moment after the start. */
export type Step =
  | { readonly atMs: number; readonly on: Switch }
  | { readonly atMs: number; readonly off: Switch }
  | { readonly atMs: number; readonly act: Action };

/** A story to watch. */
export interface Preset {
  readonly name: string;
  readonly title: string;
  /** What to look at. */
  readonly watch: string;
  readonly steps: readonly Step[];
}

const MINUTE_MS = 60_000;
const at = (minutes: number): number => minutes * MINUTE_MS;

/** How long a preset is played for its scorecard. */
export const PRESET_MS: number = at(30);

export const PRESETS: readonly Preset[] = [
  {
    name: 'calm',
    title: 'A calm half hour',
    watch:
      'Nothing is wrong. Access tokens live two minutes; four tabs call an API. Look at who waits, and at two tabs that refresh at the same time.',
    steps: [],
  },
  {
    name: 'outage',
    title: 'The token endpoint is down',
    watch:
      'From minute 5 to 15 every refresh is answered with 503. Nobody has done anything wrong, so nobody should be signed out.',
    steps: [
      { atMs: at(5), on: 'outage' },
      { atMs: at(15), off: 'outage' },
    ],
  },
  {
    name: 'lost-answers',
    title: 'Answers get lost',
    watch:
      'The server refreshes, but one answer of four never arrives. It gives the same answer again for a minute, as many do; so presenting the same refresh token once more mends it.',
    steps: [
      { atMs: 0, on: 'grace' },
      { atMs: at(2), on: 'lost' },
      { atMs: at(20), off: 'lost' },
    ],
  },
  {
    name: 'lost-strict',
    title: 'Answers get lost, and the server forgives nothing',
    watch:
      'The same, but a refresh token that comes twice ends the session, as by the book. Nobody can mend that on this side: evertoken signs out too, and says that the session was lost. Give refresh tokens a minute of grace at the server.',
    steps: [
      { atMs: at(2), on: 'lost' },
      { atMs: at(20), off: 'lost' },
    ],
  },
  {
    name: 'busy',
    title: '429: too many requests',
    watch:
      'From minute 5 to 12 the token endpoint answers 429 and says when to come back. Look at the requests that come earlier all the same.',
    steps: [
      { atMs: at(5), on: 'limited' },
      { atMs: at(12), off: 'limited' },
    ],
  },
  {
    name: 'slow',
    title: 'A slow token endpoint',
    watch:
      'Each refresh takes six seconds. Whoever refreshes ahead of expiry lets nobody wait; whoever waits for a 401 has a wide window for two tabs to collide.',
    steps: [{ atMs: at(2), on: 'slow' }],
  },
  {
    name: 'clock',
    title: 'The clock of the device is wrong',
    watch: 'At minute 5 it jumps an hour ahead, and at minute 15 back. At most one refresh too many for each jump.',
    steps: [
      { atMs: at(5), on: 'clock' },
      { atMs: at(15), off: 'clock' },
    ],
  },
  {
    name: 'frozen',
    title: 'A tab is frozen, whatever it holds',
    watch:
      'The browser freezes tab 2 for ten minutes. It may hold the lock, and comes back with tokens that are long gone.',
    steps: [
      { atMs: at(4), on: 'frozen' },
      { atMs: at(14), off: 'frozen' },
    ],
  },
  {
    name: 'crash',
    title: 'Tab 1 crashes again and again',
    watch: 'Every five minutes, also in the middle of a refresh. The others take over its lock.',
    steps: [5, 10, 15, 20].map((minute) => ({ atMs: at(minute), act: 'crash' as const })),
  },
  {
    name: 'sleep',
    title: 'The lid is closed for eight hours',
    watch: 'Then all four tabs wake at the same moment, with the same expired access token.',
    steps: [{ atMs: at(5), act: 'sleep' }],
  },
  {
    name: 'sign-out',
    title: 'Signing out in one tab',
    watch: 'The user signs out in tab 3 and signs in again a minute later. All tabs follow.',
    steps: [{ atMs: at(5), act: 'signOut' }],
  },
];

/** Does to a run what the preset does until it is over; for scorecards. */
export async function play(run: Run, { steps }: Preset, untilMs: number = PRESET_MS): Promise<void> {
  let nowMs = 0;
  for (const step of steps) {
    await run.advance(step.atMs - nowMs);
    nowMs = step.atMs;
    take(run, step);
  }
  await run.advance(untilMs - nowMs);
}

/** Does one step. */
export function take(run: Run, step: Step): void {
  if ('on' in step) run.set(step.on, true);
  else if ('off' in step) run.set(step.off, false);
  else run.act(step.act);
}
