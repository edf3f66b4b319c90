import { parser as logql } from '@grafana/lezer-logql';
import { parser as traceql } from '@grafana/lezer-traceql';
import { type BoardFile, fillIn, type PanelFile, type TargetFile } from '../../scripts/dashboards/board-file.js';
import { readPromQl } from './promql.js';

/** What a dashboard is held against. */
export interface Rulebook {
  /** Of each alert: the numbers in it, and its runbook. */
  readonly alerts: ReadonlyMap<string, { readonly bounds: readonly number[]; readonly runbook: string }>;
  /** The bounds of the objectives. */
  readonly objectives: readonly number[];
  /** The dashboards that there are. */
  readonly uids: readonly string[];
}

// what Grafana itself brings
const OWN_PANELS = 'row stat bargauge timeseries heatmap state-timeline table logs text'.split(' ');
const COLUMNS = 24;
/** A window that is written out has to be named, since a look at the graph does not show it. */
const WINDOWS: Readonly<Record<string, RegExp>> = {
  '10m': /ten minutes|10 minutes/,
  '15m': /15 minutes/,
  '30m': /30 minutes/,
  '1d': /\bday\b/,
};

/** What is wrong with a dashboard, a sentence each. */
export function lintDashboard(board: BoardFile, rulebook: Rulebook): string[] {
  const panels = board.panels.filter(({ type }) => type !== 'row');
  return [
    ...schema(board),
    ...ids(board.panels),
    ...places(board.panels),
    ...variables(board),
    ...links(board, rulebook),
    ...panels.flatMap((panel) => [
      ...words(panel),
      ...sources(panel),
      ...(panel.targets ?? []).flatMap((target) => queries(panel, target)),
      ...thresholds(panel, rulebook),
    ]),
  ];
}

function schema({ schemaVersion, panels, ...rest }: BoardFile): string[] {
  if (schemaVersion > 42 || 'elements' in rest || 'layout' in rest) return ['not of the classic schema'];
  return panels.filter(({ type }) => !OWN_PANELS.includes(type)).map(({ title }) => `${title}: wants a plugin`);
}

function ids(panels: readonly PanelFile[]): string[] {
  const seen = new Set<number>();
  return panels.flatMap(({ id, title }) => {
    if (!Number.isInteger(id) || id < 1) return [`${title}: its id is not above 0`];
    if (seen.has(id)) return [`${title}: its id is taken`];
    seen.add(id);
    return [];
  });
}

function places(panels: readonly PanelFile[]): string[] {
  const found: string[] = [];
  for (const [index, one] of panels.entries()) {
    const { x, y, w, h } = one.gridPos;
    if (x < 0 || w < 1 || h < 1 || x + w > COLUMNS) found.push(`${one.title}: outside the grid`);
    for (const other of panels.slice(index + 1)) {
      const { gridPos: at } = other;
      const apart = x + w <= at.x || at.x + at.w <= x || y + h <= at.y || at.y + at.h <= y;
      if (!apart) found.push(`${one.title}: overlaps ${other.title}`);
    }
  }
  return found;
}

function variables(board: BoardFile): string[] {
  const { list } = board.templating;
  const uses = (part: unknown) => {
    const found = JSON.stringify(part).matchAll(/\$\{?(\w+)/g);
    return new Set([...found].map(([, name = '']) => name).filter((name) => !name.startsWith('__')));
  };
  const used = new Set([...uses(board.panels), ...list.flatMap((variable) => [...uses(variable)])]);
  const declared = list.map(({ name }) => name);
  return [
    ...declared.filter((name) => !used.has(name)).map((name) => `variable ${name}: nothing uses it`),
    ...[...used].filter((name) => !declared.includes(name)).map((name) => `variable ${name}: is not there`),
    ...board.panels.flatMap(({ title, targets = [] }) =>
      targets
        .filter(({ expr, query }) => !/=~\s*"\$job"/.test(expr ?? query ?? ''))
        .map(() => `${title}: is not narrowed to the jobs chosen`),
    ),
  ];
}

function links({ uid, links: there }: BoardFile, { uids }: Rulebook): string[] {
  const others = uids.filter((other) => other !== uid);
  const missing = others.filter((other) => !there.some(({ url }) => url === `/d/${other}`));
  const hasRunbooks = there.some(({ title }) => title === 'Runbooks');
  return [...missing.map((other) => `no link to ${other}`), ...(hasRunbooks ? [] : ['no link to the runbooks'])];
}

function words({ title, description = '', type, fieldConfig }: PanelFile): string[] {
  const isMeasured = !['text', 'logs', 'table'].includes(type);
  return [
    ...(description.length < 20 ? [`${title}: no description`] : []),
    ...(isMeasured && !fieldConfig?.defaults.unit ? [`${title}: no unit`] : []),
  ];
}

function sources({ title, type, datasource, targets = [] }: PanelFile): string[] {
  if (type === 'text') return [];
  const all = [datasource, ...targets.map((target) => target.datasource)];
  const refs = new Set(targets.map(({ refId }) => refId));
  return [
    ...(targets.length === 0 ? [`${title}: asks nothing`] : []),
    ...(refs.size === targets.length ? [] : [`${title}: two queries of one name`]),
    ...(all.every((source) => source?.uid.startsWith('$')) ? [] : [`${title}: its data source cannot be chosen`]),
  ];
}

function queries(panel: PanelFile, { datasource, expr = '', query = '' }: TargetFile): string[] {
  const { title } = panel;
  if (datasource?.type === 'loki') return broken(logql, fillIn(expr)) ? [`${title}: no LogQL`] : [];
  if (datasource?.type === 'tempo') return broken(traceql, fillIn(query)) ? [`${title}: no TraceQL`] : [];
  const { error } = readPromQl(fillIn(expr));
  if (error !== undefined) return [`${title}: no PromQL, ${error}`];
  // names that the grammar takes for a duration, so that it shows which was written
  const stand = { __rate_interval: '11s', __range: '12s', __interval: '13s' };
  const text = `${title} ${panel.description}`;
  return readPromQl(fillIn(expr, stand)).ranges.flatMap(([name, range]) => {
    if (range === '11s' || (name === 'increase' && range === '12s')) return [];
    if (name !== 'increase') return [`${title}: ${name} over ${range}, not over $__rate_interval`];
    return WINDOWS[range]?.test(text) ? [] : [`${title}: a window of ${range} that no word names`];
  });
}

function broken(parser: typeof logql, text: string): boolean {
  let isBroken = false;
  parser.parse(text).iterate({
    enter: ({ type }) => {
      isBroken ||= type.isError;
    },
  });
  return isBroken || text === '';
}

/** A bound is that of the alert whose runbook is linked, or an objective; the share of success has it from above. */
function thresholds({ title, links: there = [], fieldConfig }: PanelFile, { alerts, objectives }: Rulebook): string[] {
  const found: string[] = [];
  const values = (fieldConfig?.defaults.thresholds?.steps ?? []).flatMap(({ value }) =>
    value === null ? [] : [value],
  );
  const linked = there.map((link) => [/^(\w+): /.exec(link.title)?.[1] ?? '', link.url] as const);
  for (const [name, url] of linked) {
    if (alerts.get(name)?.runbook !== url) found.push(`${title}: not the runbook of ${name}`);
  }
  const numbers = linked.length > 0 ? linked.flatMap(([name]) => alerts.get(name)?.bounds ?? []) : objectives;
  const allowed = numbers.flatMap((bound) => [bound, 1 - bound]);
  for (const value of values) {
    if (!allowed.some((one) => Math.abs(one - value) < 1e-9)) {
      found.push(
        `${title}: its threshold ${value} is none of ${linked.map(([name]) => name).join() || 'the objectives'}`,
      );
    }
  }
  return found;
}
