import { createTokenManager, type TokenManager, tokenEndpoint } from 'evertoken';
import { browser } from 'evertoken/browser';
import { type AttributesLike, type LoggerLike, openTelemetry } from 'evertoken/otel';

/** A page may have 64 KiB of `keepalive` requests and beacons under way, all of them together. */
const MOST_BYTES = 60_000;
const MOST_WAITING = 200;
const EVERY_MS = 5_000;

/** Sends log records to a collector as OTLP/HTTP in JSON, without an SDK; the last of them as the page goes away. */
export function collectorLogs(url: string, service: string): { getLogger(): LoggerLike } {
  const waiting: string[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  function send(keepalive: boolean): void {
    clearTimeout(timer);
    timer = undefined;
    while (waiting.length > 0) {
      const batch: string[] = [];
      let bytes = 0;
      while (waiting[0] !== undefined && (bytes === 0 || bytes + waiting[0].length < MOST_BYTES)) {
        bytes += waiting[0].length; // all of it is ASCII: numbers, closed lists, host names, ids
        batch.push(waiting.shift() ?? '');
      }
      const body = `{"resourceLogs":[{"resource":{"attributes":${pairs({ 'service.name': service })}},"scopeLogs":[{"scope":{"name":"evertoken"},"logRecords":[${batch}]}]}]}`;
      const headers = { 'Content-Type': 'application/json' };
      // not navigator.sendBeacon: it says that the browser took a record, never that its preflight was refused
      fetch(url, { method: 'POST', body, headers, keepalive, credentials: 'omit' }).then(undefined, () => undefined);
      if (keepalive) waiting.length = 0; // the browser would refuse a second one
    }
  }

  addEventListener('visibilitychange', () => document.visibilityState === 'hidden' && send(true));
  addEventListener('pagehide', () => send(true));
  const logger: LoggerLike = {
    emit: ({ eventName, severityNumber, severityText, timestamp, attributes }) => {
      const about = { timeUnixNano: `${timestamp}000000`, severityNumber, severityText, eventName };
      if (waiting.length >= MOST_WAITING) waiting.shift(); // a collector that is down costs no memory
      waiting.push(`${JSON.stringify(about).slice(0, -1)},"attributes":${pairs(attributes)}}`);
      timer ??= setTimeout(() => send(false), EVERY_MS);
    },
  };
  return { getLogger: () => logger };
}

function pairs(attributes: AttributesLike): string {
  const typed = (value: AttributesLike[string]) =>
    typeof value === 'string'
      ? { stringValue: value }
      : typeof value === 'boolean'
        ? { boolValue: value }
        : { doubleValue: value };
  return JSON.stringify(Object.entries(attributes).map(([key, value]) => ({ key, value: typed(value) })));
}

/** A page's session, of which log records tell: the collector counts them. */
export function createTokens(collector: string): TokenManager {
  const create = openTelemetry({ logs: collectorLogs(collector, 'shop') })(createTokenManager);
  const refresh = tokenEndpoint({ url: 'https://auth.example/token', clientId: 'shop' });
  return create({ refresh, platform: browser() });
}
