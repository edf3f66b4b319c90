import { beforeAll, describe, expect, test } from 'vitest';
import { missingPrograms } from '../../examples/game-days/monitoring.js';
import { scenarios } from '../../examples/game-days/scenarios.js';
import { type PlayedScenario, playScenarios } from '../support/play-scenarios.js';

const missing = missingPrograms();
if (missing.length > 0) {
  const words = `${missing.join(', ')}: not installed (Debian: prometheus, prometheus-alertmanager)`;
  if (process.env.REQUIRE_PROMETHEUS) throw new Error(words);
  console.log(`${words}: no scenario is played`);
}

/** Alertmanager waits so many minutes before it tells of a new group, and before it tells of what changed in one. */
const GROUP_WAIT = 0.5;
const GROUP_INTERVAL = 5;
const MOST_SERIES = 1_500;

describe.skipIf(missing.length > 0)('from end to end, with the rules and routes that the package brings', () => {
  let all: ReadonlyMap<string, PlayedScenario> = new Map();

  beforeAll(async () => {
    all = await playScenarios();
    for (const { scenario, told, series, minutes } of all.values()) {
      console.log(`${scenario.name}: ${series} series; ${JSON.stringify(told)}; ${JSON.stringify(minutes)}`);
    }
  }, 360_000);

  const played = (name: string): PlayedScenario => {
    const found = all.get(name);
    if (!found) throw new Error(`${name} was not played`);
    return found;
  };

  test('P1 a healthy fleet tells nobody anything', () => {
    expect(played('healthy').notices).toEqual([]);
  });

  test('P2 an outage is one page within five minutes, and its end resolves it within ten', () => {
    const { notices, minutes } = played('outage');
    const pages = notices.filter(({ receiver }) => receiver === 'on-call');
    expect(pages.map(({ alert, status }) => `${alert} ${status}`)).toEqual([
      'TokenEndpointDown firing',
      'TokenEndpointDown resolved',
    ]);
    const minutesTo = (is: string) =>
      minutes.find(({ alert, status }) => alert === 'TokenEndpointDown' && status === is)?.minutes ?? Number.NaN;
    expect(minutesTo('firing') + GROUP_WAIT).toBeLessThanOrEqual(5);
    expect(minutesTo('resolved') + GROUP_INTERVAL).toBeLessThanOrEqual(10);
  });

  test.each(scenarios)('P3 $name tells exactly its receivers, and nobody else', ({ name, told, toldAfter = {} }) => {
    expect(played(name).told).toEqual({ before: {}, fault: told, after: toldAfter });
  });

  test.each(scenarios)('$name: users feel what is said, and no more', ({ name, errors: codes = [], signsOut }) => {
    const { requests, refused, errors, signedOut } = played(name).felt;
    expect(requests).toBeGreaterThan(500);
    expect([...signedOut.keys()]).toEqual(signsOut ? [signsOut] : []);
    expect([...errors.keys()].filter((code) => !codes.includes(code))).toEqual([]);
    const isRefused = name === 'stale-keys' || signsOut !== undefined; // access tokens of a grant that has ended, too
    if (!isRefused) expect(refused).toBe(0);
    if (name === 'stale-keys') expect(refused).toBeGreaterThan(100);
  });

  test.each(scenarios)('O8 $name: nothing that Prometheus sees holds a token, a claim or a path', ({ name }) => {
    const { leaks, tokens, scrapes } = played(name);
    expect(leaks).toEqual([]);
    expect(tokens).toBeGreaterThan(100);
    expect(scrapes).toBeGreaterThan(10);
  });

  test.each(scenarios)('O9 $name: a process makes at most 1 500 series', ({ name }) => {
    expect(played(name).series).toBeGreaterThan(100);
    expect(played(name).series).toBeLessThanOrEqual(MOST_SERIES);
  });
});
