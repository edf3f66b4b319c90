import type { Job } from './job.js';
import { failuresOf, requestsOf } from './meter.js';
import type { Settings } from './settings.js';

/** One line of the summary: a plain figure, or a promise that was kept or broken. */
export interface Line {
  readonly label: string;
  readonly figure: string;
  readonly note?: string;
  /** Undefined where nothing was promised. */
  readonly kept?: boolean;
}

/** What is promised at any time, and what came of it. */
export function summarize(job: Job, { chaos }: Settings): Line[] {
  const { meter, log, server } = job;
  const { createFetch, ky } = meter.requests;
  const wrong = failuresOf(meter) + (chaos ? 0 : meter.postponed + meter.unauthorized);
  const reasons = [...meter.failures].map(([text, count]) => `${count} × ${text}`).join('; ');
  const total = { label: 'requests', figure: count(requestsOf(meter)) };
  return [
    {
      ...total,
      note: `${count(createFetch)} through createFetch, ${count(ky)} through ky`,
      kept: requestsOf(meter) > 0,
    },
    { label: 'failures', figure: count(wrong), kept: wrong === 0, note: reasons },
    ...(chaos ? chaosLines(job) : calmLines(job)),
    {
      label: 'refused although a usable token was there',
      figure: count(meter.refusedInVain),
      kept: meter.refusedInVain === 0,
    },
    {
      label: 'sign-outs',
      figure: count(log.signOuts.length),
      kept: log.signOuts.length === 0,
      note: log.signOuts.join(),
    },
    {
      label: 'refreshes under way at once, at most',
      figure: count(server.counts.mostTokenRequestsAtOnce),
      // a request that was given up may still be on its way when the next arrives
      ...(chaos ? {} : { kept: server.counts.mostTokenRequestsAtOnce <= 1 }),
    },
    latency(job),
  ];
}

function calmLines({ meter, log, server }: Job): Line[] {
  const asked = server.tokenRequests.length;
  const lifetimes = log.accessTokens.size - 1;
  return [
    { label: 'requests that waited for a refresh', figure: count(meter.waited), kept: meter.waited === 0 },
    {
      label: 'refreshes',
      figure: count(asked),
      note: `for ${lifetimes === 1 ? 'one lifetime' : `${lifetimes} lifetimes`}, ${ahead(log.refreshes)} ahead of expiry`,
      kept: asked === lifetimes && lifetimes > 0,
    },
  ];
}

function chaosLines({ meter, log, server, faults, tokens }: Job): Line[] {
  const struck = [...(faults?.struck ?? [])].filter(([, times]) => times > 0);
  const { retryAt } = tokens.getSnapshot();
  return [
    {
      label: 'faults injected',
      figure: count(faults?.total ?? 0),
      note: struck.map(([name, times]) => `${times} × ${name}`).join('\n'),
      kept: struck.length > 0,
    },
    { label: 'refreshes', figure: count(log.refreshes.length), note: `out of ${server.tokenRequests.length} requests` },
    { label: 'rotations told again by the server', figure: count(repeats(server)), note: 'after an answer was lost' },
    {
      label: 'requests that waited for a refresh',
      figure: count(meter.waited),
      note: `the longest for ${(meter.longestWaitMs / 1_000).toFixed(1)} s`,
    },
    {
      label: 'callers told when to come back',
      figure: count(meter.postponed),
      note: 'while no usable token was there',
    },
    { label: 'requests answered with 401 all the same', figure: count(meter.unauthorized) },
    {
      label: 'signed in and well when the faults stopped',
      figure: retryAt === undefined ? 'yes' : 'no',
      kept: retryAt === undefined,
    },
  ];
}

function repeats({ tokenRequests }: Job['server']): number {
  return tokenRequests.filter(({ reused, granted }) => reused && granted).length;
}

function ahead(refreshes: Job['log']['refreshes']): string {
  const seconds = refreshes.map(({ startedAt, expiresAt }) => (expiresAt - startedAt) / 1_000);
  return `${Math.min(...seconds).toFixed(1)} to ${Math.max(...seconds).toFixed(1)} s`;
}

function latency({ meter: { addedNs } }: Job): Line {
  const at = (percent: number) => (addedNs.percentile(percent) / 1e6).toFixed(2);
  return {
    label: 'added by evertoken to a request',
    figure: `${at(50)} ms`,
    note: `p50; p99 ${at(99)} ms; waiting included`,
  };
}

/** A whole number with thin groups, such as 10 214. */
export function count(number: number): string {
  return number.toLocaleString('en').replaceAll(',', ' ');
}
