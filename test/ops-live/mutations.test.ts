import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { missingPrograms } from '../../examples/game-days/monitoring.js';

const folder = join(import.meta.dirname, '../../ops/prometheus');
const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const rules = read('evertoken.rules.yml');
const FILES = ['evertoken.test.yml', 'evertoken.days.test.yml'];
const CASE = '\n  - name: ';
const ALERT = '\n      - alert: ';

/** What comes before the alerts, and each of them from its name on. */
const [recorded = '', ...alerts] = rules.split(ALERT);
const names = alerts.map((text) => /^\w+/.exec(text)?.[0] ?? '');

/** The rule with thresholds that are ten times as hard to reach; where it has none, with another matcher or another day. */
function mutate(text: string): string {
  const [expression = '', ...rest] = text.split('\n        labels:');
  const changed = expression
    .replaceAll(/(>=?) ([\d.]+)/g, (_, sign: string, number: string) => `${sign} ${Number(number) * 10}`)
    .replaceAll(/< ([\d.]+)/g, (_, number: string) => `< ${Number(number) / 10}`)
    .replace('2..|400|401|403|429', '.*')
    .replace('[1h] offset 1d', '[1h] offset 2d');
  return [changed, ...rest].join('\n        labels:');
}

/** The cases in which this alert fires, as a file of tests; undefined where there is none. */
function casesOf(name: string, file: string): string | undefined {
  const [head = '', ...cases] = read(file).split(CASE);
  const fires = new RegExp(`- alertname: ${name}\\n.*\\n +exp_alerts:\\n`);
  const found = cases.filter((text) => fires.test(text));
  return found.length > 0 ? [head, ...found].join(CASE) : undefined;
}

describe.skipIf(missingPrograms().includes('promtool'))('a mutation of each alert goes red', () => {
  test.each(names)('%s', (name) => {
    const copy = mkdtempSync(join(tmpdir(), 'evertoken-mutation-'));
    onTestFinished(() => rmSync(copy, { recursive: true }));
    const changed = alerts.map((text, index) => (names[index] === name ? mutate(text) : text));
    writeFileSync(join(copy, 'evertoken.rules.yml'), [recorded, ...changed].join(ALERT));
    expect(changed).not.toEqual(alerts);
    const told = FILES.map((file) => {
      const cases = casesOf(name, file);
      if (cases === undefined) return '';
      writeFileSync(join(copy, file), cases);
      const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', file], {
        cwd: copy,
        encoding: 'utf8',
      });
      return status === 0 ? '' : stdout + stderr;
    });
    expect(told.join('\n')).toContain(`alertname: ${name}`);
  });
});
