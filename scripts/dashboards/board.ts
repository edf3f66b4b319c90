import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { type PanelSpec, panelOf, type Runbooks } from './panel.js';

/** One dashboard: rows of panels, and what can be chosen. */
export interface BoardSpec {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly from: string;
  readonly refresh?: string;
  /** Whether there are log records and traces in it. */
  readonly hasRecords?: boolean;
  readonly rows: readonly (readonly [title: string, panels: readonly PanelSpec[]])[];
}

const PAGES = 'https://github.com/evertoken/evertoken/blob/main/docs';
const COLUMNS = 24;

/** Makes a dashboard of the classic schema, which every living Grafana imports. */
export function boardOf(spec: BoardSpec, boards: readonly BoardSpec[], runbooks: Runbooks): dashboard.Dashboard {
  const board = new dashboard.DashboardBuilder(spec.title)
    .uid(spec.uid)
    .description(spec.description)
    .tags(['evertoken'])
    .time({ from: spec.from, to: 'now' })
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .timezone('browser')
    .variables(variables(spec))
    .links(links(spec, boards));
  if (spec.refresh !== undefined) board.refresh(spec.refresh);
  place(board, spec, runbooks);
  return board.build();
}

/** Puts panels side by side, row by row; ids count from 1, because the builders number nothing. */
function place(board: dashboard.DashboardBuilder, { rows }: BoardSpec, runbooks: Runbooks): void {
  let id = 0;
  let y = 0;
  for (const [title, panels] of rows) {
    id += 1;
    board.withRow(new dashboard.RowBuilder(title).id(id).gridPos({ x: 0, y, w: COLUMNS, h: 1 }));
    y += 1;
    let x = 0;
    let tallest = 0;
    for (const spec of panels) {
      const { width: w = 8, height: h = 8 } = spec;
      if (x + w > COLUMNS) {
        x = 0;
        y += tallest;
        tallest = 0;
      }
      id += 1;
      board.withPanel(panelOf(spec, runbooks).id(id).gridPos({ x, y, w, h }));
      x += w;
      tallest = Math.max(tallest, h);
    }
    y += tallest;
  }
}

function variables({ hasRecords = false }: BoardSpec) {
  const source = (name: string, label: string, type: string) =>
    new dashboard.DatasourceVariableBuilder(name).label(label).type(type);
  const chosen = (name: string, query: string, all: string, description: string) =>
    new dashboard.QueryVariableBuilder(name)
      .label(name)
      .description(description)
      .datasource({ type: 'prometheus', uid: '$datasource' })
      .query({ query, refId: name })
      .definition(query)
      .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
      .sort(dashboard.VariableSort.AlphabeticalAsc)
      .multi(true)
      .includeAll(true)
      .allValue(all)
      .current({ selected: true, text: ['All'], value: ['$__all'] });
  return [
    source('datasource', 'Prometheus', 'prometheus'),
    ...(hasRecords ? [source('logs', 'Loki', 'loki'), source('traces', 'Tempo', 'tempo')] : []),
    chosen('job', 'label_values(evertoken_session_count, job)', '.+', 'Which services are shown.'),
    chosen(
      'region',
      'label_values(evertoken_session_count{job=~"$job"}, region)',
      '.*',
      'Where `attributes: { region }` was given. Recorded series are told by job alone and stay as they are.',
    ),
    ...(hasRecords
      ? [
          new dashboard.TextBoxVariableBuilder('session')
            .label('session id')
            .description('The `evertoken.session.id` of log records and spans; every session when it is empty.')
            .defaultValue(''),
        ]
      : []),
  ];
}

function links({ uid }: BoardSpec, boards: readonly BoardSpec[]) {
  const others = boards.filter((board) => board.uid !== uid);
  return [
    ...others.map((board) =>
      new dashboard.DashboardLinkBuilder(board.title)
        .type(dashboard.DashboardLinkType.Link)
        .url(`/d/${board.uid}`)
        .includeVars(true)
        // a month is no range for the dashboards of the hour, nor the other way round
        .keepTime(![uid, board.uid].includes('evertoken-executive')),
    ),
    new dashboard.DashboardLinkBuilder('Runbooks')
      .type(dashboard.DashboardLinkType.Link)
      .url(`${PAGES}/observability.md#service-levels`)
      .targetBlank(true),
  ];
}
