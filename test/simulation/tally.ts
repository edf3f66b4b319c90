import type { Outcome } from './simulate.js';

/** What came of many seeds. */
export interface Tally {
  seeds: number;
  steps: number;
  requests: number;
  simulatedMs: number;
  mostRequestsPerHour: number;
  longestMs: number;
  readonly faults: Map<string, number>;
  readonly failures: Outcome[];
}

export function createTally(): Tally {
  return {
    seeds: 0,
    steps: 0,
    requests: 0,
    simulatedMs: 0,
    mostRequestsPerHour: 0,
    longestMs: 0,
    faults: new Map(),
    failures: [],
  };
}

export function count(tally: Tally, outcome: Outcome): void {
  tally.seeds++;
  tally.steps += outcome.steps;
  tally.requests += outcome.requests;
  tally.simulatedMs += outcome.simulatedMs;
  tally.mostRequestsPerHour = Math.max(tally.mostRequestsPerHour, outcome.requestsPerHour);
  tally.longestMs = Math.max(tally.longestMs, outcome.longestMs);
  for (const [kind, times] of outcome.faults) tally.faults.set(kind, (tally.faults.get(kind) ?? 0) + times);
  if (outcome.violations.length > 0) tally.failures.push(outcome);
}

/** One line, for as long as it lasts. */
export function showProgress({ seeds, faults, failures }: Tally, total: number, ms: number): string {
  const injected = [...faults.values()].reduce((sum, times) => sum + times, 0);
  const kinds = [...faults].sort(([, a], [, b]) => b - a).map(([kind, times]) => `${kind} ${times}`);
  const speed = Math.round((seeds * 1000) / Math.max(1, ms));
  return `${seeds} of ${total} seeds, ${speed} per second, ${failures.length} failures, ${injected} faults: ${kinds.join(', ')}`;
}

/** The whole, in the end. */
export function showTally(tally: Tally, ms: number, requests: string): string {
  const { seeds, steps, simulatedMs, faults, failures } = tally;
  const hours = Math.round(simulatedMs / 3_600_000);
  const kinds = [...faults]
    .sort(([, a], [, b]) => b - a)
    .map(([kind, times]) => `  ${String(times).padStart(9)}  ${kind}`);
  return [
    `${seeds} seeds in ${(ms / 1000).toFixed(1)} s, ${((seeds * 1000) / ms).toFixed(1)} per second; ${hours} simulated hours in ${steps} steps`,
    requests,
    'faults:',
    ...kinds,
    `violations: ${failures.length}`,
  ].join('\n');
}
