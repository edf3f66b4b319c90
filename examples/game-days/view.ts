import { styleText } from 'node:util';
import { changesOf } from './changes.js';
import type { Fleet } from './fleet.js';
import type { Monitoring } from './monitoring.js';
import { MINUTE_MS, type Phase, type Played } from './play.js';
import { type Scenario, type Told, wordsOf } from './scenario.js';
import { scenarios } from './scenarios.js';
import { runbooks } from './shipped.js';

const LOOK_MS = 500;
/** Between two lines of figures. */
const FIGURES_MS = 5 * MINUTE_MS;
const MOST_SERIES = 6;

type Style = Parameters<typeof styleText>[0];
const paint = (style: Style, text: string) => styleText(style, text, { stream: process.stdout });

/** Shows a game day, line by line: what is injected, which alerts are pending and firing, and which runbook to open. */
export interface View {
  readonly phase: (phase: Phase) => void;
  stop(played: Played): boolean;
}

/** Prints the names of all scenarios, and what is injected in each. */
export function listScenarios(): void {
  console.log('\nnpm start -- --scenario NAME\n');
  for (const { name, fault } of scenarios) console.log(`  ${paint('bold', name.padEnd(18))}${fault.injected}`);
  console.log('');
}

export function createView(scenario: Scenario, fleet: Fleet, monitoring: Monitoring | undefined): View {
  const startedAt = Date.now();
  const pages = runbooks();
  const states = new Map<string, string>();
  let heard = 0;
  let before = '';
  let figuresAt = startedAt + FIGURES_MS;

  function say(text: string): void {
    const minutes = Math.round((Date.now() - startedAt) / MINUTE_MS);
    console.log(`${String(minutes).padStart(6)} min  ${text}`);
  }

  async function showAlerts({ alerts, notices }: Monitoring): Promise<void> {
    const now = await alerts(scenario.name);
    for (const [alert, state] of now) {
      if (states.get(alert) !== state) say(`${paint(state === 'firing' ? 'red' : 'yellow', state.padEnd(9))} ${alert}`);
    }
    for (const [alert, state] of states) {
      if (!now.has(alert)) say(`${paint('green', (state === 'firing' ? 'over' : 'passed').padEnd(9))} ${alert}`);
    }
    states.clear();
    for (const [alert, state] of now) states.set(alert, state);
    for (const { receiver, alert, status } of notices.slice(heard)) {
      const then = status === 'firing' ? `open ${pages.get(alert)}` : 'is over';
      say(`${paint('bold', 'told'.padEnd(9))} ${receiver}: ${alert}, ${then}`);
    }
    heard = notices.length;
  }

  async function showFigures(): Promise<void> {
    const { requests, refused, errors, signedOut } = fleet.felt;
    const list = (counts: ReadonlyMap<string, number>) =>
      [...counts].map(([name, count]) => `${count} ${name}`).join(', ');
    say(
      paint(
        'dim',
        [
          `users: ${requests} requests, ${refused} refused by the API`,
          `errors: ${list(errors) || 'none'}`,
          `signed out against their will: ${list(signedOut) || 'nobody'}`,
        ].join('; '),
      ),
    );
    if (monitoring) return;
    const now = await fleet.scrape();
    for (const line of changesOf(before, now, MOST_SERIES)) say(`          ${line}`);
    before = now;
  }

  async function look(): Promise<void> {
    if (monitoring) await showAlerts(monitoring);
    if (Date.now() < figuresAt) return;
    figuresAt += FIGURES_MS;
    await showFigures();
  }

  headline(scenario, monitoring);
  const timer = setInterval(() => void look().catch(() => undefined), LOOK_MS); // Prometheus may be busy for a moment
  return {
    phase: (phase) => {
      if (phase === 'before') say('everything is well');
      if (phase === 'fault') say(paint('bold', `from now on ${scenario.fault.injected}`));
      if (phase === 'after') say(paint('bold', 'put right'));
    },
    stop: (played) => {
      clearInterval(timer);
      return monitoring ? summarize(scenario, played) : true;
    },
  };
}

function headline({ name, felt, runbooks: pages, fault }: Scenario, monitoring: Monitoring | undefined): void {
  console.log(`\n  ${paint('bold', `Game day: ${name}`)}; 40 sessions, and a minute of the rules is a second here`);
  console.log(`  Injected:    ${fault.injected}`);
  console.log(`  Users feel:  ${felt}`);
  console.log(`  Practice of: ${pages.map((page) => `docs/runbooks/${page}.md`).join(', ') || 'nothing'}`);
  console.log(
    monitoring
      ? `  Prometheus:  ${monitoring.url} while it lasts; the job is "${name}"\n`
      : '  Prometheus:  not installed (Debian: prometheus, prometheus-alertmanager): what grows is shown instead\n',
  );
}

/** Who was told what, against who should be; `false` where these differ. */
function summarize({ told, toldAfter = {} }: Scenario, played: Played): boolean {
  const isRight = [
    line('before', {}, played.told.before),
    line('meanwhile', told, played.told.fault),
    line('afterwards', toldAfter, played.told.after),
  ].every(Boolean);
  console.log(isRight ? '\n  Exactly these, and nobody else.\n' : '\n  Not what was expected.\n');
  return isRight;
}

function line(when: string, expected: Told, told: Told): boolean {
  const [wanted, got] = [wordsOf(expected), wordsOf(told)];
  const isRight = wanted === got;
  const mark = isRight ? paint('green', '✔') : paint('red', '✘');
  console.log(`  ${mark} ${`told ${when}:`.padEnd(17)} ${got}${isRight ? '' : `, expected ${wanted}`}`);
  return isRight;
}
