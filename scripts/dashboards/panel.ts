import * as bargauge from '@grafana/grafana-foundation-sdk/bargauge';
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import * as heatmap from '@grafana/grafana-foundation-sdk/heatmap';
import * as logs from '@grafana/grafana-foundation-sdk/logs';
import * as loki from '@grafana/grafana-foundation-sdk/loki';
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as statetimeline from '@grafana/grafana-foundation-sdk/statetimeline';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as tempo from '@grafana/grafana-foundation-sdk/tempo';
import * as text from '@grafana/grafana-foundation-sdk/text';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';

/** One query, and how its series are called. */
export interface Query {
  readonly expr: string;
  readonly legend?: string;
}

/** From where on a value is bad: the number of the alert of that name, or else an objective. */
export interface Limit {
  readonly value: number;
  readonly alert?: string;
  /** Below it is bad, not above. */
  readonly isFloor?: boolean;
}

/** One panel, without its place. */
export interface PanelSpec {
  readonly title: string;
  /** What it shows, and what to think of it. */
  readonly description: string;
  readonly kind: 'stat' | 'lines' | 'stack' | 'bars' | 'ranking' | 'heatmap' | 'states' | 'logs' | 'traces' | 'text';
  readonly unit?: string;
  readonly queries?: readonly Query[];
  readonly limit?: Limit;
  /** An alert whose runbook helps, although no number of it is in the panel. */
  readonly alert?: string;
  /** The least step, where a point stands for more than the resolution of the screen. */
  readonly interval?: string;
  /** What is shown where there is nothing. */
  readonly nothing?: string;
  /** Of 24 columns; default 8. */
  readonly width?: number;
  readonly height?: number;
}

/** Addresses of runbooks by alert. */
export type Runbooks = ReadonlyMap<string, string>;

type PanelBuilder = Builder<dashboard.Panel> & {
  id(id: number): PanelBuilder;
  gridPos(place: dashboard.GridPos): PanelBuilder;
};

const SOURCE = { type: 'prometheus', uid: '$datasource' };
const LOGS = { type: 'loki', uid: '$logs' };
const TRACES = { type: 'tempo', uid: '$traces' };

/** Makes a panel of a specification; its id and its place are set by the dashboard. */
export function panelOf(spec: PanelSpec, runbooks: Runbooks): PanelBuilder {
  const { kind, queries = [] } = spec;
  switch (kind) {
    case 'text':
      return titled(new text.PanelBuilder().mode(text.TextMode.Markdown).content(spec.description), spec, runbooks);
    case 'logs':
      return titled(logsPanel(queries), spec, runbooks);
    case 'traces':
      return titled(tracesPanel(queries), spec, runbooks);
    default:
      return titled(measured(spec, kind, queries), spec, runbooks);
  }
}

type Measured = Exclude<PanelSpec['kind'], 'text' | 'logs' | 'traces'>;
type AnyPanel = ReturnType<typeof bare>;

function bare(kind: Measured) {
  switch (kind) {
    case 'stat':
      return new stat.PanelBuilder()
        .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
        .colorMode(common.BigValueColorMode.Value)
        .graphMode(common.BigValueGraphMode.None);
    case 'ranking':
      return new bargauge.PanelBuilder()
        .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
        .orientation(common.VizOrientation.Horizontal)
        .displayMode(common.BarGaugeDisplayMode.Basic);
    case 'heatmap':
      return new heatmap.PanelBuilder()
        .calculate(false)
        .yAxis(new heatmap.YAxisConfigBuilder().unit('s'))
        .color(
          new heatmap.HeatmapColorOptionsBuilder().mode(heatmap.HeatmapColorMode.Scheme).scheme('Blues').steps(64),
        );
    case 'states':
      return new statetimeline.PanelBuilder().showValue(common.VisibilityMode.Never).rowHeight(0.8);
    default:
      return lines(kind);
  }
}

function lines(kind: 'lines' | 'stack' | 'bars') {
  const panel = new timeseries.PanelBuilder()
    .legend(
      new common.VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(common.LegendDisplayMode.List)
        .placement(common.LegendPlacement.Bottom),
    )
    .tooltip(
      new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending),
    )
    .min(0);
  if (kind === 'lines') return panel;
  panel.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'));
  if (kind === 'stack') return panel.fillOpacity(30);
  return panel.drawStyle(common.GraphDrawStyle.Bars).fillOpacity(80);
}

function measured(spec: PanelSpec, kind: Measured, queries: readonly Query[]): AnyPanel {
  const { unit = 'short', limit, interval, nothing } = spec;
  const panel = bare(kind)
    .datasource(SOURCE)
    .unit(unit)
    .targets(queries.map((query, index) => promQuery(query, index, kind)));
  if (interval !== undefined) panel.interval(interval);
  if (nothing !== undefined) panel.noValue(nothing);
  panel.thresholds(
    new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute).steps(steps(limit, kind)),
  );
  if (limit && 'thresholdsStyle' in panel) {
    panel.thresholdsStyle(new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed));
  }
  const byLimit = limit && kind === 'stat';
  if (kind === 'stat' || kind === 'ranking' || kind === 'states') {
    panel.colorScheme(
      new dashboard.FieldColorBuilder().mode(
        byLimit || kind !== 'ranking'
          ? dashboard.FieldColorModeId.Thresholds
          : dashboard.FieldColorModeId.PaletteClassic,
      ),
    );
  }
  return panel;
}

/** Colours from the bottom up. A number that has no bound is neither good nor bad. */
function steps(limit: Limit | undefined, kind: Measured): dashboard.Threshold[] {
  const none = null as never; // the schema wants null for "from the bottom", the types do not know it
  if (!limit) return [{ value: none, color: kind === 'states' ? 'red' : 'blue' }];
  const [below, above] = limit.isFloor ? ['red', 'green'] : ['green', 'red'];
  return [
    { value: none, color: below },
    { value: limit.value, color: above },
  ];
}

function promQuery({ expr, legend = '__auto' }: Query, index: number, kind: Measured): prometheus.DataqueryBuilder {
  const query = new prometheus.DataqueryBuilder()
    .datasource(SOURCE)
    .refId(String.fromCharCode(65 + index))
    .editorMode(prometheus.QueryEditorMode.Code)
    .expr(expr)
    .legendFormat(kind === 'heatmap' ? '{{le}}' : legend)
    .format(kind === 'heatmap' ? prometheus.PromQueryFormat.Heatmap : prometheus.PromQueryFormat.TimeSeries);
  return kind === 'ranking' || (kind === 'stat' && expr.includes('$__range')) ? query.instant() : query.range();
}

function logsPanel(queries: readonly Query[]) {
  return new logs.PanelBuilder()
    .datasource(LOGS)
    .showTime(true)
    .wrapLogMessage(false)
    .enableLogDetails(true)
    .sortOrder(common.LogsSortOrder.Descending)
    .dedupStrategy(common.LogsDedupStrategy.None)
    .targets(
      queries.map(({ expr }, index) =>
        new loki.DataqueryBuilder()
          .datasource(LOGS)
          .refId(String.fromCharCode(65 + index))
          .queryType('range')
          .maxLines(500)
          .expr(expr),
      ),
    );
}

function tracesPanel(queries: readonly Query[]) {
  return new table.PanelBuilder().datasource(TRACES).targets(
    queries.map(({ expr }, index) =>
      new tempo.DataqueryBuilder()
        .datasource(TRACES)
        .refId(String.fromCharCode(65 + index))
        .queryType('traceql')
        .tableType(tempo.SearchTableType.Traces)
        .limit(50)
        .query(expr),
    ),
  );
}

interface Titled extends PanelBuilder {
  title(title: string): this;
  description(description: string): this;
  links(links: Builder<dashboard.DashboardLink>[]): this;
}

function titled<Panel extends Titled>(panel: Panel, spec: PanelSpec, runbooks: Runbooks): PanelBuilder {
  const alert = spec.limit?.alert ?? spec.alert;
  panel.title(spec.title).description(spec.description);
  if (alert === undefined) return panel;
  const runbook = runbooks.get(alert);
  if (runbook === undefined) throw new Error(`There is no alert ${alert} in ops/prometheus/evertoken.rules.yml`);
  return panel.links([new dashboard.DashboardLinkBuilder(`${alert}: what to do`).url(runbook).targetBlank(true)]);
}
