import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import type { Block, Simulate } from './answer-blocks.js';
import { buildWorker } from './build.js';
import type { Mutation } from './mutation.js';
import type { Outcome } from './simulate.js';
import { count, createTally, showProgress, showTally, type Tally } from './tally.js';

/** Where the project is, where there is room for a while, and what is wanted. */
export interface Order {
  readonly root: string;
  readonly folder: string;
  readonly args: readonly string[];
}

/** What is simulated. */
export interface Simulation {
  /** As it is called: `npm run simulate`. */
  readonly command: string;
  /** The module of its worker threads, below the project's root. */
  readonly worker: string;
  readonly simulate: Simulate;
  readonly mutations: readonly Mutation[];
  /** What a line of the summary says about requests and waiting. */
  readonly describe: (tally: Tally) => string;
}

const BLOCK = 20;
const SHOWN = 40;
/** A mutation that fewer seeds notice is noticed by luck. */
const WANTED = 3;
/** So many more are looked for, as some may fail with the safeguard in its place. */
const SPARE = 2;

/** The command line of a simulation; resolves with the exit code. */
export async function runSeeds(simulation: Simulation, { root, folder, args }: Order): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string', default: '2000' },
      from: { type: 'string', default: '0' },
      seed: { type: 'string' },
      workers: { type: 'string', default: '2' },
      mutations: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      theme: { type: 'string' },
    },
  });
  // what listeners throw is part of the play
  Object.assign(globalThis, { reportError: () => undefined });
  if (values.seed !== undefined) return replay(simulation, Number(values.seed), values.theme);
  const from = Number(values.from);
  const { theme } = values;
  const range = { from, to: from + Number(values.seeds), workers: Number(values.workers), theme };
  if (values.mutations) return mutate(simulation, root, folder, range, values.only);
  const file = await buildWorker(root, join(folder, 'worker.mjs'), [], simulation.worker);
  const startedAt = performance.now();
  const tally = await play(file, range, Number.POSITIVE_INFINITY, (now) => {
    process.stderr.write(`${showProgress(now, Number(values.seeds), performance.now() - startedAt)}\n`);
  });
  console.log(showTally(tally, performance.now() - startedAt, simulation.describe(tally)));
  for (const { seed, violations } of tally.failures.slice(0, SHOWN)) {
    console.log(
      `\nseed ${seed}, again with: ${simulation.command} -- ${theme === undefined ? '' : `--theme ${theme} `}--seed ${seed}`,
    );
    for (const { invariant, detail } of violations) console.log(`  ${invariant}: ${detail}`);
  }
  const [first] = tally.failures;
  return first ? replay(simulation, first.seed, theme, 60) : 0;
}

/** Runs one seed and tells what happens, or how it ends. */
async function replay(
  { simulate }: Simulation,
  seed: number,
  theme?: string,
  last = Number.POSITIVE_INFINITY,
): Promise<number> {
  const lines: string[] = [];
  const { violations } = await simulate(seed, lines, theme);
  console.log([lines[0], ...lines.slice(1).slice(-last)].join('\n'));
  return violations.length > 0 ? 1 : 0;
}

interface Range {
  readonly from: number;
  readonly to: number;
  readonly workers: number;
  readonly theme: string | undefined;
}

/** At once, as the end of many seeds is far away. */
function tellFailure(seed: number, invariant: string | undefined): void {
  if (invariant !== undefined) process.stderr.write(`seed ${seed}: ${invariant}\n`);
}

/** Deals blocks of seeds to the workers. */
function play(file: string, range: Range, most: number, progress?: (tally: Tally) => void): Promise<Tally> {
  const tally = createTally();
  let next = range.from;
  const timer = progress && setInterval(() => progress(tally), 5_000);
  const deal = (worker: Worker): boolean => {
    if (next >= range.to || tally.failures.length >= most) return false;
    const block: Block = { from: next, to: Math.min(range.to, next + BLOCK), theme: range.theme };
    next = block.to;
    worker.postMessage(block);
    return true;
  };
  const work = () =>
    new Promise<void>((resolve, reject) => {
      const worker = new Worker(file);
      worker.on('error', reject);
      worker.on('message', (outcomes: Outcome[]) => {
        for (const outcome of outcomes) count(tally, outcome);
        if (progress) for (const { seed, violations } of outcomes) tellFailure(seed, violations[0]?.invariant);
        if (!deal(worker)) void worker.terminate().then(() => resolve());
      });
      if (!deal(worker)) void worker.terminate().then(() => resolve());
    });
  return Promise.all(Array.from({ length: range.workers }, work)).then(() => {
    clearInterval(timer);
    return tally;
  });
}

/** Takes one safeguard out after the other, and looks for seeds that notice. */
async function mutate(
  { mutations, worker, simulate }: Simulation,
  root: string,
  folder: string,
  range: Range,
  only: string,
): Promise<number> {
  let missed = 0;
  console.log(`| safeguard taken out | first ${WANTED} seeds that notice | by |\n|---|---|---|`);
  const chosen = mutations.filter(({ name }) => name.includes(only));
  for (const [index, { name, patches, theme }] of chosen.entries()) {
    try {
      const file = await buildWorker(root, join(folder, `mutant-${index}.mjs`), patches, worker);
      const among = theme ?? range.theme;
      const { failures } = await play(file, { ...range, theme: among }, WANTED + SPARE);
      const found: Outcome[] = [];
      for (const outcome of failures.sort((a, b) => a.seed - b.seed)) {
        if (found.length === WANTED) break;
        const whole = await simulate(outcome.seed, undefined, among);
        if (whole.violations.length === 0) found.push(outcome); // else it would notice anything
      }
      if (found.length < WANTED) missed++;
      const by = new Set(found.map(({ violations }) => violations[0]?.invariant));
      const seeds = found.map(({ seed }) => seed).join(', ') || 'none';
      console.log(`| ${name} | ${seeds}${theme === undefined ? '' : ` of ${theme}`} | ${[...by].join(', ')} |`);
    } catch (error) {
      missed++;
      console.log(`| ${name} | DOES NOT APPLY ANY MORE | ${(error as Error).message.split('\n').join(' ')} |`);
    }
  }
  const seeds = range.to - range.from;
  console.log(`\n${chosen.length - missed} of ${chosen.length} noticed by ${WANTED} of ${seeds} seeds or more`);
  return missed > 0 ? 1 : 0;
}
