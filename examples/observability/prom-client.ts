import type { AttributesLike, InstrumentOptionsLike, MeterLike } from 'evertoken/otel';

/** What is called of prom-client. */
interface PromClientLike {
  Counter: new (options: {
    name: string;
    help: string;
    labelNames: string[];
  }) => {
    inc(labels: Record<string, string>, value: number): void;
  };
  Gauge: new (options: {
    name: string;
    help: string;
    labelNames: string[];
  }) => {
    inc(labels: Record<string, string>, value: number): void;
  };
  Histogram: new (options: {
    name: string;
    help: string;
    labelNames: string[];
    buckets: number[];
  }) => {
    observe(labels: Record<string, string>, value: number): void;
  };
}

const LABELS = [
  'refresh_outcome refresh_by refresh_reason refresh_errand refresh_retry oauth_error session_from session_end_reason session_status',
  'request_replayed storage_operation',
].flatMap((names) => names.split(' ').map((name) => `evertoken_${name}`));
const labelNames = [...LABELS, 'error_type', 'http_response_status_code', 'server_address'];

/** Metrics without OpenTelemetry: `openTelemetry({ metrics: promClient(client) })(createTokenManager)`. */
export function promClient(client: PromClientLike): { getMeter: () => MeterLike } {
  const about = (name: string, { description, advice }: InstrumentOptionsLike, suffix = '') => ({
    name: name.replaceAll('.', '_') + suffix,
    help: description,
    labelNames,
    buckets: advice?.explicitBucketBoundaries ?? [],
  });
  const labels = (attributes: AttributesLike) =>
    Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name.replaceAll('.', '_'), String(value)]));
  const meter: MeterLike = {
    createHistogram: (name, options) => {
      const histogram = new client.Histogram(about(name, options, '_seconds'));
      return { record: (value, attributes) => histogram.observe(labels(attributes), value) };
    },
    createCounter: (name, options) => {
      const { buckets: _, ...rest } = about(name, options, '_total');
      const counter = new client.Counter(rest);
      return { add: (value, attributes) => counter.inc(labels(attributes), value) };
    },
    createUpDownCounter: (name, options) => {
      const { buckets: _, ...rest } = about(name, options);
      const gauge = new client.Gauge(rest);
      return { add: (value, attributes) => gauge.inc(labels(attributes), value) };
    },
  };
  return { getMeter: () => meter };
}
