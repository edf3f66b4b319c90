// biome-ignore-all lint/style/noNonNullAssertion: as below
// biome-ignore-all lint/suspicious/noExplicitAny: two majors, whose types exclude each other, are driven by one code
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { OpenTelemetryLike } from '../../src/integrations/otel.js';

type Values = Record<string, unknown>;

/** A span that has ended. */
export interface SeenSpan {
  readonly name: string;
  readonly id: string;
  readonly trace: string;
  readonly parent: string | undefined;
  readonly links: readonly string[];
  readonly attributes: Values;
  readonly isError: boolean;
  readonly startedAt: number;
  readonly ms: number;
  readonly events: number;
}

/** One set of attributes of one instrument. */
export interface SeenPoint {
  readonly name: string;
  readonly unit: string;
  readonly attributes: Values;
  /** A sum, or how many values a histogram holds. */
  readonly count: number;
  /** The sum of a histogram. */
  readonly sum: number | undefined;
  readonly bounds: readonly number[] | undefined;
}

export interface SeenRecord {
  readonly name: string;
  readonly severity: string;
  readonly attributes: Values;
  readonly trace: string | undefined;
  readonly span: string | undefined;
}

/** An SDK that keeps in memory what it is told. */
export interface Sdk {
  readonly api: Required<OpenTelemetryLike>;
  /** Runs a task inside a span of the application. */
  inSpan<T>(name: string, task: () => Promise<T>): Promise<T>;
  spans(name?: string): SeenSpan[];
  records(name?: string): SeenRecord[];
  points(name?: string): Promise<SeenPoint[]>;
  /** Everything that was exported, as text. */
  everything(): Promise<string>;
}

const root = join(import.meta.dirname, '../..');
const second = join(root, 'test/otel-sdk-2');

/** The majors that are installed, and where; `npm ci --prefix test/otel-sdk-2` installs the second. */
export const majors: readonly (readonly [name: string, folder: string, traces: string])[] = [
  ['3.1', root, 'sdk-trace'],
  ...(existsSync(join(second, 'node_modules')) ? [['2.12', second, 'sdk-trace-base'] as const] : []),
];
if (majors.length < 2) {
  if (process.env.REQUIRE_OTEL_2) throw new Error('npm ci --prefix test/otel-sdk-2 has to come first');
  console.log('SDK 2.12 of OpenTelemetry is not installed (npm ci --prefix test/otel-sdk-2): its tests are skipped');
}

type Loose = Record<string, new (...options: unknown[]) => any>;

/** Starts an SDK for one test, with nothing registered but the context manager, which is global. */
export function startSdk([, folder, traces]: (typeof majors)[number], name = 'async'): Sdk {
  const load = createRequire(join(folder, 'package.json'));
  const part = (name: string) => load(`@opentelemetry/${name}`) as Loose & Record<string, any>;
  const api = part('api') as never as typeof import('@opentelemetry/api');
  const [trace, metrics, logs] = [part(traces), part('sdk-metrics'), part('sdk-logs')];
  const spanExporter = new trace.InMemorySpanExporter!();
  const logExporter = new logs.InMemoryLogRecordExporter!();
  const isThird = folder === root;
  class Reader extends (metrics.MetricReader as any) {
    onShutdown = async () => undefined;
    onForceFlush = async () => undefined;
  }
  const reader = new Reader() as any;
  const Provider = (trace.TracerProvider ?? trace.BasicTracerProvider)!;
  const tracers = new Provider({
    spanProcessors: [new trace.SimpleSpanProcessor!(isThird ? { exporter: spanExporter } : spanExporter)],
  });
  const meters = new metrics.MeterProvider!({ readers: [reader] });
  const loggers = new logs.LoggerProvider!({
    processors: [new logs.SimpleLogRecordProcessor!({ exporter: logExporter })],
  });
  const contexts = part('context-async-hooks');
  const manager = name === 'stack' ? new trace.StackContextManager!() : new contexts.AsyncLocalStorageContextManager!();
  // an older API does not speak to what a newer one has registered
  Reflect.deleteProperty(globalThis, Symbol.for('opentelemetry.js.api.1'));
  api.context.setGlobalContextManager(manager.enable());
  onTestFinished(() => api.context.disable());
  const tracer = tracers.getTracer('application');
  const collect = async () =>
    (await reader.collect()).resourceMetrics.scopeMetrics.flatMap((scope: any) => scope.metrics);
  const ms = ([seconds, nanos]: [number, number]) => Math.round(seconds * 1_000 + nanos / 1_000_000);

  const sdk: Sdk = {
    api: {
      trace: {
        getTracer: (scope) => tracers.getTracer(scope),
        setSpan: (context, span) => api.trace.setSpan(context, span),
        getSpan: (context) => api.trace.getSpan(context) as never,
      },
      context: api.context,
      metrics: { getMeter: (scope) => meters.getMeter(scope) },
      logs: { getLogger: (scope) => loggers.getLogger(scope) },
    },
    inSpan: async (name, task) => {
      const span = tracer.startSpan(name);
      try {
        return await api.context.with(api.trace.setSpan(api.context.active(), span), task);
      } finally {
        span.end();
      }
    },
    spans: (name) =>
      spanExporter
        .getFinishedSpans()
        .map((span: any) => ({
          name: span.name,
          id: span.spanContext().spanId,
          trace: span.spanContext().traceId,
          parent: span.parentSpanContext?.spanId ?? span.parentSpanId,
          links: span.links.map(({ context }: any) => context.spanId),
          attributes: span.attributes,
          isError: span.status.code === 2,
          startedAt: ms(span.startTime),
          ms: ms(span.duration),
          events: span.events.length,
        }))
        .filter((span: SeenSpan) => name === undefined || span.name === name),
    records: (name) =>
      logExporter
        .getFinishedLogRecords()
        .map((record: any) => ({
          name: record.eventName,
          severity: record.severityText,
          attributes: record.attributes,
          trace: record.spanContext?.traceId,
          span: record.spanContext?.spanId,
        }))
        .filter((record: SeenRecord) => name === undefined || record.name === name),
    points: async (name) =>
      (await collect())
        .flatMap(({ descriptor, dataPoints }: any) =>
          dataPoints.map(({ attributes, value }: any) => ({
            name: descriptor.name,
            unit: descriptor.unit,
            attributes,
            count: typeof value === 'number' ? value : value.count,
            sum: value.sum,
            bounds: value.buckets?.boundaries,
          })),
        )
        .filter((point: SeenPoint) => name === undefined || point.name === name),
    everything: async () =>
      JSON.stringify([sdk.spans(), sdk.records(), await collect()], (key, value) =>
        key === 'instrumentationScope' || key === 'resource' ? undefined : value,
      ),
  };
  return sdk;
}
