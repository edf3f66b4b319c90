/** What an attribute may be. */
export type AttributesLike = Record<string, string | number | boolean>;

/** A context of OpenTelemetry; handed on, never looked into. */
export type ContextLike = object;

/** What is called of a span. */
export interface SpanLike {
  spanContext(): object;
  isRecording(): boolean;
  setAttributes(attributes: AttributesLike): unknown;
  setStatus(status: { code: 2 }): unknown;
  end(endTime?: number): void;
}

/** What is called of a tracer. */
export interface TracerLike {
  startSpan(
    name: string,
    options: { attributes?: AttributesLike; links?: never[]; root?: boolean; startTime?: number },
    context: never,
  ): SpanLike;
}

/** What is called of a meter; prom-client and others fit with a few lines. */
export interface MeterLike {
  createHistogram(
    name: string,
    options: InstrumentOptionsLike,
  ): { record(value: number, attributes: AttributesLike): void };
  createCounter(name: string, options: InstrumentOptionsLike): { add(value: number, attributes: AttributesLike): void };
  createUpDownCounter(
    name: string,
    options: InstrumentOptionsLike,
  ): { add(value: number, attributes: AttributesLike): void };
}

/** How an instrument is described. */
export interface InstrumentOptionsLike {
  unit: string;
  description: string;
  advice?: { explicitBucketBoundaries: number[] };
}

/** What is called of a logger. */
export interface LoggerLike {
  emit(record: {
    eventName: string;
    severityNumber: 9 | 13 | 17;
    severityText: string;
    timestamp: number;
    attributes: AttributesLike;
    context?: never;
  }): void;
}

/** What is taken of `@opentelemetry/api`, 1.9 or 1.10: `{ trace, context, metrics, logs }`. What is missing is not done. */
export interface OpenTelemetryLike {
  /** Spans, together with `context`. */
  trace?:
    | {
        getTracer(name: string): TracerLike;
        setSpan(context: never, span: never): ContextLike;
        getSpan(context: never): SpanLike | undefined;
      }
    | undefined;
  /** Needed for spans, and for log records to be found from them. */
  context?: { active(): ContextLike; with(context: never, task: () => void): void } | undefined;
  /** Metrics. */
  metrics?: { getMeter(name: string): MeterLike } | undefined;
  /** Log records; before 1.10 `logs` of `@opentelemetry/api-logs`. */
  logs?: { getLogger(name: string): LoggerLike } | undefined;
}
