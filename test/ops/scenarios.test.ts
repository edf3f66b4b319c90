import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { changesOf } from '../../examples/game-days/changes.js';
import { RECEIVERS, type Receiver, type Scenario } from '../../examples/game-days/scenario.js';
import { findScenario, scenarios } from '../../examples/game-days/scenarios.js';
import { quickRules } from '../../examples/game-days/shipped.js';
import { withPractice, withTable } from '../../scripts/scenarios-page.js';

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400 };
const root = join(import.meta.dirname, '../..');
const rules = readFileSync(join(root, 'ops/prometheus/evertoken.rules.yml'), 'utf8');

/** Labels and runbook of each alert, as the rules say. */
const alerts = new Map(
  rules
    .split('- alert: ')
    .slice(1)
    .map((text) => {
      const labelOf = (name: string) => new RegExp(`^ +${name}: (\\S+)`, 'm').exec(text)?.[1];
      const isPage = labelOf('severity') === 'page';
      const isSecurity = labelOf('team') === 'security';
      const receiver: Receiver = isSecurity
        ? isPage
          ? 'security'
          : 'security-tickets'
        : isPage
          ? 'on-call'
          : 'tickets';
      const [, runbook = ''] = /docs\/runbooks\/([a-z-]+)\.md/.exec(text) ?? [];
      return [/^\w+/.exec(text)?.[0] ?? '', { receiver, runbook }];
    }),
);

const entriesOf = ({ told, toldAfter = {} }: Scenario) =>
  [told, toldAfter].flatMap((list) =>
    RECEIVERS.flatMap((name) => (list[name] ?? []).map((alert) => ({ name, alert }))),
  );

test('there are twelve scenarios, each of another name', () => {
  expect(new Set(scenarios.map(({ name }) => name)).size).toBe(12);
  expect(() => findScenario('flood')).toThrow('healthy, outage');
});

test.each(scenarios)(
  '$name: who is told is who the routes say, and the runbooks are those of its alerts',
  (scenario) => {
    const entries = entriesOf(scenario);
    for (const { name, alert } of entries) expect(alerts.get(alert)?.receiver, alert).toBe(name);
    const named = new Set(entries.map(({ alert }) => alerts.get(alert)?.runbook));
    expect(scenario.runbooks.filter((name) => name !== 'compromise').sort()).toEqual([...named].sort());
  },
);

function start(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const command = ['--import', './scripts/typescript.mjs', 'examples/demonstration/main.ts', ...args];
  return spawnSync(process.execPath, command, { cwd: root, encoding: 'utf8' });
}

test('npm start -- --scenario lists the scenarios, and a name that is none is refused with all that are', () => {
  const list = start('--scenario');
  expect(list.status).toBe(0);
  for (const { name, fault } of scenarios)
    expect(list.stdout).toMatch(new RegExp(`${name} +${fault.injected.slice(0, 20)}`));
  const flood = start('--scenario', 'flood');
  expect(flood.status).toBe(2);
  expect(flood.stderr).toContain(scenarios.map(({ name }) => name).join(', '));
});

test('where there is no Prometheus, what grows out of the ordinary is shown: failures, and not the work of every day', () => {
  const well = 'evertoken_refresh_duration_count{evertoken_refresh_outcome="refreshed",evertoken_refresh_reason="due"}';
  const lost = 'evertoken_session_ends_total{evertoken_session_end_reason="lost",otel_scope_name="evertoken"}';
  const text = (good: number, bad: number) => `# HELP x\n${well} ${good}\n${lost} ${bad}\n`;
  expect(changesOf(text(1, 0), text(9, 3), 6)).toEqual(['+3 session_ends_total{session_end_reason="lost"}']);
  expect(changesOf(text(9, 3), text(20, 3), 6)).toEqual([]);
});

test('every duration of the rules is divided by sixty, and nothing else is touched', () => {
  const quick = quickRules();
  expect(quick).toContain('ratio_rate1h > 0.0144');
  expect(quick).toContain('}[15s] offset 24m)');
  expect(quick).toContain('for: 30s');
  const durations = /(?<=\[|for: |offset )\d+[smhd]/g;
  const seconds = (text: string) =>
    [...text.matchAll(durations)].map(([one]) => Number.parseInt(one, 10) * (UNITS[one.slice(-1)] ?? 0));
  expect(seconds(quick).map((one) => one * 60)).toEqual(seconds(rules));
  expect(quick.replaceAll(durations, '')).toBe(rules.replaceAll(durations, ''));
  expect(seconds(rules).length).toBeGreaterThan(50);
});

test('P6 every runbook has a scenario that CI plays', () => {
  const pages = readdirSync(join(root, 'docs/runbooks')).map((file) => file.replace('.md', ''));
  expect([...new Set(scenarios.flatMap(({ runbooks }) => runbooks))].sort()).toEqual(pages.sort());
});

test('the table of the documentation, and how to practise each runbook, are those of the scenarios', () => {
  const page = readFileSync(join(root, 'docs/observability.md'), 'utf8');
  expect(withTable(page), 'npm run docs:scenarios writes it').toBe(page);
  for (const { name } of scenarios) expect(page).toContain(`| \`${name}\` |`);
  for (const file of readdirSync(join(root, 'docs/runbooks'))) {
    const text = readFileSync(join(root, 'docs/runbooks', file), 'utf8');
    expect(withPractice(file.replace('.md', ''), text), 'npm run docs:scenarios writes it').toBe(text);
    expect(text).toContain('npm start -- --scenario ');
  }
});
