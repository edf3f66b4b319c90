// Names of series as dashboards ask for them. Every query is narrowed to the chosen jobs, and to the chosen regions
// where it reads what processes tell; recorded series are told by job alone.

type Matchers = string | undefined;

/** Part of a histogram, under both names that it may have: a collector appends the unit, the exporter does not. */
export function histogram(name: string, part: 'count' | 'sum' | 'bucket', matchers?: Matchers): string {
  const named = `__name__=~"evertoken_${name}(_seconds)?_${part}"`;
  return `{${[named, CHOSEN, matchers].filter(Boolean).join(', ')}}`;
}

/** A counter or a gauge. */
export function series(name: string, matchers?: Matchers): string {
  return `${name}{${[CHOSEN, matchers].filter(Boolean).join(', ')}}`;
}

/** A series that a recording rule makes. */
export function recorded(name: string): string {
  return `job:evertoken_${name}{job=~"$job"}`;
}

/** A quantile of a histogram by the labels given. */
export function quantile(share: number, name: string, matchers?: Matchers, by = ''): string {
  const labels = ['le', by].filter(Boolean).join(', ');
  return `histogram_quantile(${share}, sum by (${labels}) (rate(${histogram(name, 'bucket', matchers)}[$__rate_interval])))`;
}

/** Events a second, added up by labels. */
export function rateBy(by: string, selected: string): string {
  return `sum by (${by}) (rate(${selected}[$__rate_interval]))`;
}

/** Events within a window, added up over everything, or by labels. */
export function increased(selected: string, window: string, by?: string): string {
  return `sum${by === undefined ? '' : ` by (${by})`} (increase(${selected}[${window}]))`;
}

/** What counts as a failed refresh, and what as a refresh at all: as in the recording rules. */
export const FAILED =
  'evertoken_refresh_outcome=~"failed|ended", error_type!~"ERR_SESSION_REJECTED|ERR_REFRESH_INTERACTION"';
export const COUNTED = 'evertoken_refresh_outcome!="dropped"';

const CHOSEN = 'job=~"$job", region=~"$region"';
