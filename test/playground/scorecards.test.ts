import { describe, expect, test } from 'vitest';
import { evertokenClient } from '../../playground/evertoken.js';
import { interceptorClient } from '../../playground/interceptor.js';
import { readLink, writeLink } from '../../playground/permalink.js';
import { PRESETS, play } from '../../playground/presets.js';
import { ACTIONS, createRun, type Score, SWITCHES } from '../../playground/run.js';
import { LINES } from '../../playground/scorecard.js';

/** Plays a preset for half an hour with evertoken, and with the interceptor that everybody writes. */
async function scores(name: string, seed = 1): Promise<{ ours: Score; theirs: Score }> {
  const preset = PRESETS.find((one) => one.name === name) ?? expect.fail(`there is no preset ${name}`);
  const runs = [createRun(seed, evertokenClient), createRun(seed, interceptorClient)] as const;
  await Promise.all(runs.map((run) => play(run, preset)));
  return { ours: runs[0].score, theirs: runs[1].score };
}

/** Access tokens of two minutes, refreshed ahead of expiry: what half an hour needs, and a little more. */
const RHYTHM = 22;

const promises: Record<string, (scores: { ours: Score; theirs: Score }) => void> = {
  calm: ({ ours, theirs }) => {
    expect(ours).toMatchObject({ waited: 0, failed: 0, refused: 0 });
    expect(ours.tokenRequests).toBeLessThanOrEqual(RHYTHM);
    expect(theirs.waited).toBeGreaterThan(5);
    expect(theirs.refused).toBeGreaterThan(5);
  },
  outage: ({ ours, theirs }) => {
    // ten minutes without any token are longer than a token lives: those calls fail, and say so
    expect(ours.failed).toBeGreaterThan(100);
    expect(ours.tokenRequests).toBeLessThanOrEqual(60);
    expect(theirs.accidents).toBeGreaterThan(0);
    expect(theirs.turnedAway).toBeGreaterThan(100);
  },
  'lost-answers': ({ ours, theirs }) => {
    expect(ours.failed).toBe(0);
    expect(theirs.accidents).toBeGreaterThan(0);
  },
  'lost-strict': ({ ours, theirs }) => {
    // nobody can mend it on this side, and the scorecard does not hide that
    expect(ours.accidents).toBeGreaterThan(0);
    expect(theirs.accidents).toBeGreaterThan(0);
  },
  busy: ({ ours, theirs }) => {
    // seven minutes, and nobody asks earlier than the minute that was named
    expect(ours.tokenRequests).toBeLessThanOrEqual(RHYTHM + 7);
    expect(theirs.accidents).toBeGreaterThan(0);
  },
  slow: ({ ours, theirs }) => {
    expect(ours).toMatchObject({ waited: 0, failed: 0 });
    expect(theirs.accidents).toBeGreaterThan(2);
    expect(theirs.waited).toBeGreaterThan(10);
  },
  clock: ({ ours }) => expect(ours.tokenRequests).toBeLessThanOrEqual(RHYTHM + 2),
  frozen: ({ ours }) => expect(ours.failed).toBe(0),
  crash: ({ ours }) => expect(ours.failed).toBe(0),
  sleep: ({ ours, theirs }) => {
    expect(ours.failed).toBe(0);
    expect(ours.tokenRequests).toBeLessThanOrEqual(RHYTHM + 1);
    expect(theirs.refused).toBeGreaterThan(ours.refused);
  },
  'sign-out': ({ ours }) => expect(ours.failed).toBe(0),
};

describe('the scorecard of each preset', () => {
  test.each(PRESETS.map(({ name, title }) => [name, title]))('%s: %s', async (name) => {
    for (const seed of [1, 2, 3]) {
      const both = await scores(name, seed);
      if (name !== 'lost-strict') expect(both.ours).toMatchObject({ accidents: 0, turnedAway: 0 });
      expect(both.ours.calls).toBeGreaterThan(600);
      promises[name]?.(both);
    }
  });

  test('every preset promises something, and does what a user can do, too', () => {
    expect(Object.keys(promises)).toEqual(PRESETS.map(({ name }) => name));
    const steps = PRESETS.flatMap((preset) => preset.steps);
    const used = new Set(steps.map((step) => ('act' in step ? step.act : 'on' in step ? step.on : step.off)));
    expect([...used].sort()).toEqual([...SWITCHES, ...ACTIONS].sort());
  });

  test('the same seed gives the same scorecard, another seed another one', async () => {
    const [first, again, other] = [await scores('slow', 7), await scores('slow', 7), await scores('slow', 8)];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  test('every number has its line', async () => {
    expect(LINES.map(({ key }) => key).sort()).toEqual(Object.keys((await scores('calm')).ours).sort());
  });
});

describe('a permalink', () => {
  test('brings back the story, the seed, the speed and the switches', () => {
    const link = { preset: 'slow', seed: 42, speed: 600, on: ['lost', 'clock'] as const };
    expect(writeLink(link)).toBe('#preset=slow&seed=42&speed=600&on=lost%2Cclock');
    expect(readLink(writeLink(link))).toEqual(link);
  });

  test.each(['', '#', '#preset=none&seed=-1&speed=601&on=rain', '#seed=1.5&speed=x', '#preset=%3Cb%3E'])(
    'with nonsense in it starts the first story: %s',
    (hash) => expect(readLink(hash)).toEqual({ preset: 'calm', seed: 1, speed: 30, on: [] }),
  );
});
