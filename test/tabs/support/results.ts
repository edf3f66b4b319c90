import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { isLong } from './in-every-browser.js';

/** What one scenario came to in one engine; `npm run docs:browsers` makes a table of them. */
export interface Result {
  readonly engine: string;
  readonly storage: string;
  readonly scenario: string;
  readonly rounds: number;
  /** Requests to the token endpoint, in all rounds. */
  readonly requests: number;
  /** Requests that there should have been. */
  readonly expected: number;
  /** Sessions that tabs were told to be over, without a sign-out. */
  readonly signOuts: number;
  readonly familiesRevoked: number;
  /** Of those, after which the server had rotated and the answer was never stored. */
  readonly unavoidable?: number;
  /** How often a tab was refused for the moment, told when to ask again, and did. */
  readonly again?: number;
  /** Rounds in which a process was stopped within a transaction, and the others were refused until it went on. */
  readonly stuck?: number;
  /** The longest that a tab had to wait for its token, in milliseconds. */
  readonly slowestMs?: number;
  /** What it may be. */
  readonly boundMs?: number;
}

const file = 'reports/tabs.jsonl';

/** The last commit that changed what is tested; marked where files differ from it. */
const version = git('log', '-1', '--format=%h', '--abbrev=10') + (git('status', '--porcelain') && ' and more');

function git(...args: string[]): string {
  const { stdout } = spawnSync('git', [...args, '--', 'src', 'examples/spa'], { encoding: 'utf8' });
  return stdout?.trim() ?? '';
}

/** Keeps a result for the table, and prints it. */
export function record(result: Result): void {
  mkdirSync(dirname(file), { recursive: true });
  appendFileSync(file, `${JSON.stringify({ at: new Date().toISOString(), version, isLong, ...result })}\n`);
  const { engine, storage, scenario, ...figures } = result;
  console.log(`${engine}, ${storage}: ${scenario}: ${JSON.stringify(figures)}`);
}
