import { readFileSync } from 'node:fs';

/** What is read of a dashboard's file. */
export interface BoardFile {
  readonly uid: string;
  readonly title: string;
  readonly description?: string;
  readonly schemaVersion: number;
  readonly time: { readonly from: string };
  readonly templating: { readonly list: readonly VariableFile[] };
  readonly links: readonly { readonly title: string; readonly url?: string }[];
  readonly panels: readonly PanelFile[];
}

export interface VariableFile {
  readonly name: string;
  readonly type: string;
}

export interface PanelFile {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly targets?: readonly TargetFile[];
  readonly interval?: string;
  readonly links?: readonly { readonly title: string; readonly url: string }[];
  readonly options?: Readonly<Record<string, unknown>>;
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit?: string;
      readonly thresholds?: { readonly steps: readonly { readonly value: number | null; readonly color: string }[] };
      readonly custom?: { readonly drawStyle?: string; readonly stacking?: { readonly mode?: string } };
    };
  };
}

export interface TargetFile {
  readonly refId: string;
  readonly datasource?: { readonly type: string; readonly uid: string };
  /** PromQL or LogQL. */
  readonly expr?: string;
  /** TraceQL. */
  readonly query?: string;
  readonly legendFormat?: string;
  readonly instant?: boolean;
}

export const BOARDS: readonly string[] = ['executive', 'on-call', 'debug'];

/** The dashboard of that name, as it is shipped. */
export function readBoard(name: string): BoardFile {
  return JSON.parse(readFileSync(new URL(`../../ops/grafana/${name}.json`, import.meta.url), 'utf8')) as BoardFile;
}

/** A query with Grafana's variables replaced: every job and region, unless others are given. */
export function fillIn(query: string, values: Readonly<Record<string, string>> = {}): string {
  const all: Record<string, string> = {
    __rate_interval: '1m',
    __range: '3h',
    __interval: '1m',
    job: '.+',
    region: '.*',
    session: '',
    ...values,
  };
  return query.replaceAll(/\$(?:\{(\w+)\}|(\w+))/g, (found, braced?: string, plain?: string) => {
    return all[braced ?? plain ?? ''] ?? found;
  });
}
