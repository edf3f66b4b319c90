import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A day and a half hour, where a day is 24 minutes: what rules compare with the day before finds something there. */
const SECONDS = 26.5 * 60;
const STEP_S = 5;
/** What a healthy application of 40 sessions does. */
const REFRESHES_A_SECOND = 13;
const SESSIONS = 38;

const BOUNDS = ['1', '10', '60', '120', '300', '600', '900', '1800', '3600', '7200', '21600', '86400', '+Inf'];

/** Series of a healthy day, by name and labels: a constant, or what comes a second. */
const SERIES: readonly (readonly [name: string, labels: string, constant: number, perSecond: number])[] = [
  ['evertoken_refresh_ends_total', 'evertoken_refresh_outcome="refreshed"', 0, REFRESHES_A_SECOND],
  ['evertoken_refresh_request_duration_count', 'http_response_status_code="200"', 0, REFRESHES_A_SECOND],
  ['evertoken_session_count', 'evertoken_session_status="active"', SESSIONS, 0],
  ['evertoken_session_ends_total', 'evertoken_session_end_reason="rejected"', 0, 0],
  ['evertoken_session_ends_total', 'evertoken_session_end_reason="lost"', 0, 0],
  ...BOUNDS.map((le) => ['evertoken_refresh_interval_bucket', `le="${le}"`, 0, le === '1' ? 0 : 12] as const),
];

/** Writes blocks of a healthy day before now, of each of these jobs, into the folder of a Prometheus that is not running. */
export function writeHistory(jobs: readonly string[], folder: string, now = Date.now() / 1_000): void {
  const lines: string[] = [];
  for (let second = 0; second <= SECONDS; second += STEP_S) {
    const at = (now - 2 - SECONDS + second).toFixed(3);
    for (const job of jobs) {
      for (const [name, labels, constant, perSecond] of SERIES) {
        lines.push(`${name}{job="${job}",${labels}} ${constant + perSecond * second} ${at}`);
      }
    }
  }
  const file = join(folder, '..', 'history.txt');
  writeFileSync(file, `${lines.join('\n')}\n# EOF\n`);
  const args = ['tsdb', 'create-blocks-from', 'openmetrics', '--quiet', file, folder];
  const { status, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`Expected promtool to write a day of history: ${stderr}`);
  rmSync(file);
}
