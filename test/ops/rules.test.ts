import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'ops/prometheus');
const rules = readFileSync(join(folder, 'evertoken.rules.yml'), 'utf8');
const tests = ['evertoken.test.yml', 'evertoken.days.test.yml'];
const page = readFileSync(join(root, 'docs/observability.md'), 'utf8');
const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name);

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;
if (!hasPromtool) {
  if (process.env.REQUIRE_PROMETHEUS) throw new Error('promtool is missing: install the package prometheus');
  console.log('promtool is not installed (Debian: prometheus): the tests of ops/ are skipped');
}

function promtool(args: string[], cwd = folder): string {
  const { status, stdout, stderr } = spawnSync('promtool', args, { cwd, encoding: 'utf8' });
  return status === 0 ? 'success' : stdout + stderr;
}

describe.skipIf(!hasPromtool)('the rules for Prometheus', () => {
  test('are rules', () => {
    expect(promtool(['check', 'rules', 'evertoken.rules.yml'])).toBe('success');
  });

  test('P1 P2 P4 P5 each alert fires when it should, and a healthy fleet or a quiet night tells nobody anything', {
    timeout: 300_000,
  }, () => {
    expect(promtool(['test', 'rules', 'evertoken.test.yml'])).toBe('success');
  });

  test('cases that last a day', { timeout: 300_000 }, () => {
    expect(promtool(['test', 'rules', 'evertoken.days.test.yml'])).toBe('success');
  });

  test('a wrong threshold is noticed', { timeout: 300_000 }, () => {
    const changed = rules.replace('p95_5m > 0.3', 'p95_5m > 30');
    expect(changed).not.toBe(rules);
    const copy = mkdtempSync(join(tmpdir(), 'evertoken-rules-'));
    onTestFinished(() => rmSync(copy, { recursive: true }));
    writeFileSync(join(copy, 'evertoken.rules.yml'), changed);
    const [head = '', ...cases] = readFileSync(join(folder, 'evertoken.test.yml'), 'utf8').split('\n  - name: ');
    const slow = cases.filter((one) => one.startsWith('refreshes that are slow'));
    writeFileSync(join(copy, 'slow.test.yml'), [head, ...slow].join('\n  - name: '));
    expect(promtool(['test', 'rules', 'slow.test.yml'], copy)).toContain('RefreshSlow');
  });
});

test('each alert is tested once firing and once not', () => {
  const seen = new Map<string, Set<boolean>>();
  for (const file of tests) {
    const text = readFileSync(join(folder, file), 'utf8');
    for (const [, name = '', rest = ''] of text.matchAll(/- alertname: (\w+)\n.*\n(.*)/g)) {
      seen.set(name, (seen.get(name) ?? new Set()).add(!rest.includes('[]')));
    }
  }
  expect(alerts.filter((name) => seen.get(name)?.size !== 2)).toEqual([]);
  expect(alerts.length).toBeGreaterThan(14);
});

test('P8 every name in ops/ is one that the code makes', () => {
  const instruments = [...page.matchAll(/^\| `(evertoken\.[a-z._]+)` \| (?:histogram|counter|up-down)/gm)];
  const known = instruments.map(([, name = '']) => name.replaceAll('.', '_'));
  const attributes = [...page.matchAll(/`([a-z_]+\.[a-z._]+)`/g)].map(([, name = '']) => name.replaceAll('.', '_'));
  const ours = new Set([...known, ...attributes]);
  for (const file of ['evertoken.rules.yml', ...tests]) {
    const text = readFileSync(join(folder, file), 'utf8')
      .replaceAll(/job:\w+:\w+/g, '')
      .replaceAll('(_seconds)?', '');
    const named = [...text.matchAll(/\b(evertoken_[a-z_]+|error_type|http_response_[a-z_]+|server_[a-z]+)/g)];
    const unknown = named
      .map(([, name = '']) => name.replace(/(_seconds)?(_total|_bucket|_count|_sum)?_?$/, ''))
      .filter((name) => !ours.has(name) && !ours.has(`${name}_count`));
    expect([...new Set(unknown)]).toEqual([]);
  }
  const unused = known.filter((name) => !rules.replaceAll('(_seconds)?', '').includes(name));
  // what only dashboards show
  expect(unused).toEqual([
    'evertoken_token_lifetime',
    'evertoken_session_starts',
    'evertoken_storage_operation_duration',
  ]);
});

test('P6 every alert has a runbook, and every runbook names its alerts', () => {
  const pages = readdirSync(join(root, 'docs/runbooks'));
  for (const [, name = '', runbook = ''] of rules.matchAll(/- alert: (\w+)[\s\S]*?docs\/runbooks\/([a-z-]+)\.md/g)) {
    expect(existsSync(join(root, `docs/runbooks/${runbook}.md`)), name).toBe(true);
    expect(readFileSync(join(root, `docs/runbooks/${runbook}.md`), 'utf8')).toContain(`\`${name}\``);
  }
  const named = pages.flatMap((file) => {
    const [, list = ''] = /^Alerts: (.*?)\. What/m.exec(readFileSync(join(root, 'docs/runbooks', file), 'utf8')) ?? [];
    return [...list.matchAll(/`(\w+)`/g)].map(([, name = '']) => name);
  });
  expect(named.sort()).toEqual([...alerts].sort());
});

const hasAmtool = spawnSync('amtool', ['--version']).status === 0;
test.skipIf(!hasAmtool)('each alert goes where its labels say', () => {
  const config = join(root, 'ops/alertmanager/evertoken.yml');
  const check = spawnSync('amtool', ['check-config', config], { encoding: 'utf8' });
  expect(check.status, check.stderr).toBe(0);
  const goesTo = (severity: string, team: string) =>
    spawnSync(
      'amtool',
      ['config', 'routes', 'test', `--config.file=${config}`, `severity=${severity}`, `team=${team}`],
      {
        encoding: 'utf8',
      },
    ).stdout.trim();
  expect(goesTo('page', 'on-call')).toBe('on-call');
  expect(goesTo('page', 'security')).toBe('security');
  expect(goesTo('ticket', 'security')).toBe('security-tickets');
  expect(goesTo('ticket', 'on-call')).toBe('tickets');
});
