import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RECEIVERS, type Receiver, type Scenario } from '../../examples/game-days/scenario.js';
import { findScenario, scenarios } from '../../examples/game-days/scenarios.js';
import { withPractice, withTable } from '../../scripts/scenarios-page.js';

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
