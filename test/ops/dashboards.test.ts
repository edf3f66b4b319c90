import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { BOARDS, type BoardFile, fillIn, readBoard } from '../../scripts/dashboards/board-file.js';
import { dashboardFiles } from '../../scripts/dashboards.js';
import { lintDashboard, type Rulebook } from '../support/lint-dashboard.js';
import { readPromQl } from '../support/promql.js';

const root = join(import.meta.dirname, '../..');
const rules = readFileSync(join(root, 'ops/prometheus/evertoken.rules.yml'), 'utf8');
const page = readFileSync(join(root, 'docs/observability.md'), 'utf8');
const boards = BOARDS.map((name) => [name, readBoard(name)] as const);

/** Alerts with the numbers that they compare with, and their runbooks. */
const alerts = new Map(
  rules
    .split('      - alert: ')
    .slice(1)
    .map((text) => {
      const [, expr = ''] = /expr: \|-\n([\s\S]*?)\n {8}(?:for|labels|keep)/.exec(text) ?? [];
      const [, runbook = ''] = /runbook: (\S+)/.exec(text) ?? [];
      return [text.split('\n')[0] ?? '', { bounds: readPromQl(expr.replaceAll(/\s+/g, ' ')).bounds, runbook }];
    }),
);

/** The bounds in the table of objectives: shares, seconds, and a budget that is used up. */
function objectives(): number[] {
  const [, section = ''] = page.split('\n## Service levels\n');
  const [table = ''] = section.split('\n\nThe ').filter((part) => part.includes('| Objective |'));
  const shares = [...table.matchAll(/([\d.]+) %/g)].map(([, share]) => Math.round(Number(share) * 1e4) / 1e6);
  const seconds = [...table.matchAll(/([\d.]+) s\b/g)].map(([, second]) => Number(second));
  return [...shares, ...seconds, 0];
}

const rulebook: Rulebook = { alerts, objectives: objectives(), uids: boards.map(([, { uid }]) => uid) };

test('ops/grafana is what `npm run dashboards` makes', async () => {
  const made = await dashboardFiles();
  expect(readdirSync(join(root, 'ops/grafana')).sort()).toEqual(Object.keys(made).sort());
  for (const [name, text] of Object.entries(made)) {
    expect(readFileSync(join(root, 'ops/grafana', name), 'utf8'), `run npm run dashboards: ${name}`).toBe(text);
  }
});

test.each(boards)('the dashboard %s passes the lint', (_, board) => {
  expect(lintDashboard(board, rulebook)).toEqual([]);
});

test('what the lint compares with is there', () => {
  expect(alerts.size).toBeGreaterThan(15);
  expect(alerts.get('RefreshSlow')?.bounds).toEqual([0.3]);
  expect(alerts.get('SessionsLost')?.bounds).toContain(3);
  expect(rulebook.objectives).toEqual(expect.arrayContaining([0.999, 0.99, 0.3, 1, 0.0001, 0]));
});

describe('the lint notices', () => {
  type Mutable = { -readonly [K in keyof BoardFile]: BoardFile[K] } & Record<string, never>;
  const onCall = JSON.stringify(readBoard('on-call'));
  const debug = JSON.stringify(readBoard('debug'));
  const panel = (board: Mutable, title: string) =>
    (board.panels as never[]).find((one: { title: string }) => one.title === title) as never as {
      [name: string]: never;
    } & { targets: { expr: string; query: string; refId: string; datasource: { uid: string } }[] };
  const set = (target: object, values: object) => void Object.assign(target, values);

  test.each<[what: string, from: string, change: (board: Mutable) => void, says: string]>([
    ['an id of 0', onCall, (board) => set(panel(board, 'Success now'), { id: 0 }), 'its id is not above 0'],
    ['an id twice', onCall, (board) => set(panel(board, 'Success now'), { id: 2 }), 'its id is taken'],
    [
      'an overlap',
      onCall,
      (board) => set(panel(board, 'Success now'), { gridPos: { x: 0, y: 1, w: 6, h: 8 } }),
      'overlaps Success now',
    ],
    [
      'a panel beyond the edge',
      onCall,
      (board) => set(panel(board, 'Success now'), { gridPos: { x: 20, y: 200, w: 6, h: 8 } }),
      'outside the grid',
    ],
    [
      'a variable that nothing uses',
      onCall,
      (board) => set(board.templating, { list: [...board.templating.list, { name: 'cluster', type: 'query' }] }),
      'variable cluster: nothing uses it',
    ],
    [
      'a variable that is not there',
      onCall,
      (board) =>
        set(board.templating, {
          list: board.templating.list.filter(({ name }: { name: string }) => name !== 'region'),
        }),
      'variable region: is not there',
    ],
    [
      'a query of all jobs',
      onCall,
      (board) => set(panel(board, 'Success now').targets[0] ?? {}, { expr: 'up' }),
      'is not narrowed to the jobs chosen',
    ],
    ['no description', onCall, (board) => set(panel(board, 'Success now'), { description: '' }), 'no description'],
    ['no unit', onCall, (board) => set(panel(board, 'Success now'), { fieldConfig: { defaults: {} } }), 'no unit'],
    [
      'a rate over a window of its own',
      onCall,
      (board) => {
        const [target] = panel(board, 'Jobs that are rate limited').targets;
        set(target ?? {}, { expr: target?.expr.replaceAll('$__rate_interval', '5m') });
      },
      'rate over 5m, not over $__rate_interval',
    ],
    [
      'a window that no word names',
      onCall,
      (board) => {
        const [target] = panel(board, 'Lost in 30 minutes').targets;
        set(target ?? {}, { expr: target?.expr.replace('[30m]', '[20m]') });
      },
      'a window of 20m that no word names',
    ],
    [
      'a threshold that is not its alert’s',
      onCall,
      (board) =>
        set(panel(board, 'Success now'), {
          fieldConfig: { defaults: { unit: 's', thresholds: { steps: [{ value: 0.99, color: 'red' }] } } },
        }),
      'its threshold 0.99 is none of RefreshSuccessLow',
    ],
    [
      'a threshold without an alert that is no objective',
      onCall,
      (board) =>
        set(panel(board, 'Storage time'), {
          fieldConfig: { defaults: { unit: 's', thresholds: { steps: [{ value: 7, color: 'red' }] } } },
        }),
      'its threshold 7 is none of the objectives',
    ],
    [
      'another runbook',
      onCall,
      (board) => set(panel(board, 'Success now'), { links: [{ title: 'RefreshSuccessLow: what to do', url: '/x' }] }),
      'not the runbook of RefreshSuccessLow',
    ],
    [
      'broken PromQL',
      onCall,
      (board) => {
        const [target] = panel(board, 'Success now').targets;
        set(target ?? {}, { expr: `sum by (job ${target?.expr}` });
      },
      'no PromQL',
    ],
    [
      'broken LogQL',
      debug,
      (board) => {
        const [target] = panel(board, 'One session').targets;
        set(target ?? {}, { expr: target?.expr.replace('}', '') });
      },
      'no LogQL',
    ],
    [
      'broken TraceQL',
      debug,
      (board) => {
        const [target] = panel(board, 'Traces of failed refreshes').targets;
        set(target ?? {}, { query: target?.query.replace('&&', 'and') });
      },
      'no TraceQL',
    ],
    [
      'a data source that is fixed',
      onCall,
      (board) => set(panel(board, 'Success now').targets[0]?.datasource ?? {}, { uid: 'P1809F7CD0C75ACF3' }),
      'its data source cannot be chosen',
    ],
    ['a panel that asks nothing', onCall, (board) => set(panel(board, 'Success now'), { targets: [] }), 'asks nothing'],
    [
      'two queries of one name',
      onCall,
      (board) => {
        const { targets } = panel(board, 'Refresh time');
        for (const target of targets) target.refId = 'A';
      },
      'two queries of one name',
    ],
    ['a plugin', onCall, (board) => set(panel(board, 'Success now'), { type: 'marcusolsson-gantt' }), 'wants a plugin'],
    ['another schema', onCall, (board) => set(board, { elements: {} }), 'not of the classic schema'],
    ['no link to the others', onCall, (board) => set(board, { links: [] }), 'no link to evertoken-debug'],
    ['no link to the runbooks', onCall, (board) => set(board, { links: [] }), 'no link to the runbooks'],
  ])('%s', (_, from, change, says) => {
    const board = JSON.parse(from) as Mutable;
    expect(lintDashboard(board, rulebook)).toEqual([]);
    change(board);
    expect(lintDashboard(board, rulebook).join('\n')).toContain(says);
  });
});

/** Every query of the dashboards, by the kind of its source. */
const targets = boards.flatMap(([name, { panels }]) =>
  panels.flatMap((panel) => (panel.targets ?? []).map((target) => ({ name, panel, target }))),
);

test('every PromQL expression is one to Prometheus itself', ({ skip }) => {
  if (spawnSync('promtool', ['--version']).status !== 0) skip('promtool is missing');
  const folder = mkdtempSync(join(tmpdir(), 'evertoken-dashboards-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const exprs = targets.flatMap(({ target: { expr, datasource } }) =>
    datasource?.type === 'prometheus' && expr ? [expr] : [],
  );
  const check = (all: string[]) => {
    const groups = [
      { name: 'panels', rules: all.map((expr, index) => ({ record: `panel:${index}`, expr: fillIn(expr) })) },
    ];
    writeFileSync(join(folder, 'panels.yml'), JSON.stringify({ groups })); // YAML reads JSON
    return spawnSync('promtool', ['check', 'rules', 'panels.yml'], { cwd: folder, encoding: 'utf8' });
  };
  expect(exprs.length).toBeGreaterThan(30);
  expect(check(exprs).stderr + check(exprs).stdout).toContain(`SUCCESS: ${exprs.length} rules found`);
  expect(check(['sum by (job) (rate(up))']).status).not.toBe(0);
});

describe('P8 names', () => {
  const text = (name: string) => name.replaceAll('.', '_');
  const rows = [...page.matchAll(/^\| `(evertoken\.[a-z._]+)` \| ([^|]*)\|([^|]*)\|/gm)];
  const instruments = rows.filter(([, , kind = '']) => /histogram|counter/.test(kind));
  const metrics = instruments.map(([, name = '']) => text(name));
  const attributesOf = (row: RegExpMatchArray) =>
    [...(row[3] ?? '').matchAll(/`([a-z_]+\.[a-z._]+)`/g)].map(([, one = '']) => one);
  const attributes = new Set(instruments.flatMap(attributesOf).map(text));
  const recordings = new Set([...rules.matchAll(/- record: (\S+)/g)].map(([, name = '']) => name));
  const plain = (name: string) => name.replace('(_seconds)?', '').replace(/_(total|bucket|count|sum)$/, '');
  // what Prometheus and its rules put on
  const labels = new Set([...attributes, ...'__name__ job region le alertname alertstate severity'.split(' ')]);
  const read = targets
    .filter(({ target }) => target.datasource?.type === 'prometheus')
    .map(({ target }) => ({ ...readPromQl(fillIn(target.expr ?? '')), legend: target.legendFormat ?? '' }));

  test('every series and label of the dashboards is one that the code, a rule or Prometheus makes', () => {
    const isKnown = (name: string) =>
      name === 'ALERTS' || recordings.has(name) || metrics.includes(plain(name)) || metrics.includes(name);
    expect(read.flatMap((one) => one.metrics).filter((name) => !isKnown(name))).toEqual([]);
    expect(read.flatMap((one) => one.labels).filter((name) => !labels.has(name))).toEqual([]);
    const legends = read.flatMap(({ legend }) => [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, name = '']) => name));
    expect(legends.filter((name) => !labels.has(name))).toEqual([]);
    for (const { templating } of boards.map(([, board]) => board)) {
      const asked = JSON.stringify(templating).matchAll(/label_values\((\w+)/g);
      expect([...asked].filter(([, name = '']) => !isKnown(name))).toEqual([]);
    }
  });

  test('the dashboard that each alert names is there, can be narrowed to its job, and shows what the alert reads', () => {
    const flat = (exprs: string[]) => exprs.flatMap((expr) => readPromQl(fillIn(expr).replaceAll(/\s+/g, ' ')).metrics);
    const ofRule = (text: string) => /expr: \|-\n((?: {10}.*\n)+)/.exec(text)?.[1] ?? '';
    const sources = new Map(
      rules.split('- record: ').map((text) => [/^\S+/.exec(text)?.[0] ?? '', flat([ofRule(text)]).map(plain)]),
    );
    const known = (names: string[]) =>
      new Set(
        names.flatMap((name) => sources.get(name) ?? [name, plain(name)]).filter((name) => metrics.includes(name)),
      );
    const [, ...texts] = rules.split('- alert: ');
    expect(texts.length).toBe(alerts.size);
    for (const text of texts) {
      const [, uid = '', query = ''] = /^ +dashboard: \/d\/([a-z-]+)\?(.*)$/m.exec(text) ?? [];
      const [, board] = boards.find(([, one]) => one.uid === uid) ?? [];
      expect(
        board?.templating.list.map(({ name }) => name),
        text,
      ).toContain('job');
      expect(query).toBe('var-job={{ $labels.job }}');
      const shown = known(
        flat(board?.panels.flatMap(({ targets: all = [] }) => all.map(({ expr = '' }) => expr)) ?? []),
      );
      const asked = [...known(flat([ofRule(text)]))];
      expect(asked.length, text).toBeGreaterThan(0);
      expect(
        asked.filter((name) => shown.has(name)),
        text,
      ).not.toEqual([]);
    }
  });

  test('every instrument, and every attribute of one, is in a dashboard', () => {
    const told = new Set(read.flatMap((one) => one.metrics.flatMap((name) => [name, plain(name)])));
    const byRule = new Set([...rules.matchAll(/evertoken_[a-z_]+/g)].map(([name]) => plain(name)));
    expect(metrics.filter((name) => !told.has(name) && !byRule.has(name))).toEqual([]);
    const used = new Set(read.flatMap((one) => one.labels));
    expect([...attributes].filter((name) => !used.has(name))).toEqual([]);
  });

  test('the log records and spans that are searched for are told, with those attributes', () => {
    const events = rows.filter((row) => !instruments.includes(row)).map(([, name = '']) => name);
    const known = new Set([...rows.flatMap(attributesOf), 'evertoken.session.id'].map(text));
    // what Loki makes of the record itself and of its resource
    const own = ['event_name', 'service_name'];
    for (const { target, panel } of targets.filter(({ target }) => target.datasource?.type === 'loki')) {
      const expr = target.expr ?? '';
      const named = [...expr.matchAll(/(?:\{\{\.|[{|] ?)([a-z_]+)(?:\}\}|=~)/g)].map(([, name = '']) => name);
      expect(named.length, panel.title).toBeGreaterThan(4);
      expect(named.filter((name) => !known.has(name) && !own.includes(name))).toEqual([]);
      const [, pattern = ''] = /event_name=~"(.*?)"/.exec(expr) ?? [];
      const alternatives = /\((.*)\)/.exec(pattern)?.[1]?.split('|') ?? [];
      const missing = alternatives.filter((one) => !events.includes(`evertoken.${one.replaceAll('[.]', '.')}`));
      expect(missing).toEqual([]);
      expect(events.some((name) => new RegExp(`^(?:${pattern})$`).test(name))).toBe(true);
    }
    const traces = targets.filter(({ target }) => target.datasource?.type === 'tempo');
    for (const { target } of traces) {
      const [, span = ''] = /name = "(.*?)"/.exec(target.query ?? '') ?? [];
      expect(page).toContain(`├─ ${span} `);
    }
    expect(traces).toHaveLength(1);
  });
});
