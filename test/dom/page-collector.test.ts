import { logs } from '@opentelemetry/api';
import { afterEach, expect, test, vi } from 'vitest';
import { tokens as observedByApi } from '../../examples/observability/browser.js';
import { collectorLogs, createTokens } from '../../examples/observability/page-collector.js';

interface Sent {
  readonly url: string;
  readonly keepalive: boolean | undefined;
  readonly body: string;
  readonly events: string[];
}

function collector(answer: () => Promise<Response> = async () => new Response('{}')): Sent[] {
  const sent: Sent[] = [];
  vi.stubGlobal('fetch', (url: string, { keepalive, body }: { keepalive?: boolean; body: string }) => {
    const { resourceLogs } = JSON.parse(body) as {
      resourceLogs: [{ scopeLogs: [{ logRecords: { eventName: string }[] }] }];
    };
    const events = resourceLogs[0].scopeLogs[0].logRecords.map(({ eventName }) => eventName);
    sent.push({ url, keepalive, body, events });
    return answer();
  });
  return sent;
}

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const record = (eventName: string, more = {}) => ({
  ...{ eventName, severityNumber: 9 as const, severityText: 'INFO' as const, timestamp: 1_767_225_600_000 },
  attributes: {
    'error.type': 'ERR_SESSION_LOST',
    'evertoken.refresh.again': false,
    'http.response.status_code': 503,
    ...more,
  },
});

test('records travel together every five seconds, as the JSON of OTLP', () => {
  vi.useFakeTimers();
  const sent = collector();
  const logger = collectorLogs('https://collector.example/v1/logs', 'shop').getLogger();
  logger.emit(record('evertoken.session.start'));
  logger.emit(record('evertoken.session.end'));
  expect(sent).toEqual([]);
  vi.advanceTimersByTime(5_000);
  expect(sent).toMatchObject([{ url: 'https://collector.example/v1/logs', keepalive: false }]);
  const { resourceLogs } = JSON.parse(sent[0]?.body ?? '');
  expect(resourceLogs[0].resource.attributes).toEqual([{ key: 'service.name', value: { stringValue: 'shop' } }]);
  expect(resourceLogs[0].scopeLogs[0].scope).toEqual({ name: 'evertoken' });
  expect(resourceLogs[0].scopeLogs[0].logRecords[1]).toEqual({
    timeUnixNano: '1767225600000000000',
    severityNumber: 9,
    severityText: 'INFO',
    eventName: 'evertoken.session.end',
    attributes: [
      { key: 'error.type', value: { stringValue: 'ERR_SESSION_LOST' } },
      { key: 'evertoken.refresh.again', value: { boolValue: false } },
      { key: 'http.response.status_code', value: { doubleValue: 503 } },
    ],
  });
});

test('what is left when the page goes away is sent with keepalive, once, and in one request that a browser takes', () => {
  vi.useFakeTimers();
  const sent = collector();
  const logger = collectorLogs('https://collector.example/v1/logs', 'shop').getLogger();
  for (let count = 0; count < 150; count++) logger.emit(record('evertoken.refresh', { long: 'x'.repeat(600) }));
  dispatchEvent(new Event('pagehide'));
  dispatchEvent(new Event('pagehide'));
  vi.advanceTimersByTime(60_000);
  expect(sent.map(({ keepalive }) => keepalive)).toEqual([true]);
  expect(sent[0]?.body.length).toBeLessThan(65_536);
  expect(sent[0]?.events.length).toBeGreaterThan(50);
});

test('a collector that is down harms nobody, and costs a bounded memory', async () => {
  vi.useFakeTimers();
  const sent = collector(() => Promise.reject(new TypeError('Failed to fetch')));
  const logger = collectorLogs('https://collector.example/v1/logs', 'shop').getLogger();
  for (let count = 0; count < 1_000; count++) logger.emit(record('evertoken.refresh'));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(sent.flatMap(({ events }) => events)).toHaveLength(200);
});

test('a page tells of its session, and no token', async () => {
  vi.useFakeTimers();
  const sent = collector();
  const tokens = createTokens('https://collector.example/v1/logs');
  await tokens.startSession({
    access_token: 'secret-at',
    refresh_token: 'secret-rt',
    token_type: 'Bearer',
    expires_in: 600,
  });
  await tokens.endSession();
  await vi.advanceTimersByTimeAsync(5_000);
  const ours = sent.flatMap(({ events }) => events).filter((name) => name.startsWith('evertoken.session'));
  expect(ours).toEqual(['evertoken.session.start', 'evertoken.session.end']);
  expect(sent[0]?.body).not.toContain('secret');
  tokens.dispose();
});

test('examples/observability/browser.ts: whichever logger is registered is told', async () => {
  const told: (string | undefined)[] = [];
  const emit = ({ eventName }: { eventName?: string | undefined }) => told.push(eventName);
  logs.setGlobalLoggerProvider({ getLogger: () => ({ emit, enabled: () => true }) } as never);
  await observedByApi.startSession({ access_token: 'secret-at', token_type: 'Bearer', expires_in: 600 });
  expect(await observedByApi.getAccessToken()).toBe('secret-at');
  expect(told).toContain('evertoken.session.start');
  observedByApi.dispose();
  logs.disable();
});
