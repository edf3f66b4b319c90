import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { promClient } from '../../../examples/observability/prom-client.js';
import { createFetch } from '../../../src/index.js';
import { forResource } from '../../../src/integrations/oauth.js';
import { freePort } from '../../support/free-port.js';
import { observedSession } from '../../support/observed.js';
import { LIFETIME } from '../../support/signed-in.js';

const page = readFileSync(join(import.meta.dirname, '../../../docs/observability.md'), 'utf8');

/** The rows of the table under a heading: the name in the first column, and the names in the third. */
function table(heading: string): Record<string, string[]> {
  const [, section = ''] = page.split(`\n## ${heading}\n`);
  const rows = (section.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('| `evertoken.'));
  return Object.fromEntries(
    rows.map((row) => {
      const [, name = '', , attributes = ''] = row.split(' | ').length ? row.split('|') : [];
      const names = [...attributes.matchAll(/`([a-z_]+\.[a-z._]+)`/g)].map(([, one = '']) => one);
      return [name.trim().replaceAll('`', ''), names.sort()];
    }),
  );
}

/** Keeps the attribute names under each instrument and record. */
function keeping() {
  const kept: Record<'Metrics' | 'Log records', Record<string, Set<string>>> = { Metrics: {}, 'Log records': {} };
  const keep = (kind: keyof typeof kept, name: string, attributes: object) => {
    kept[kind][name] ??= new Set();
    for (const attribute of Object.keys(attributes)) kept[kind][name]?.add(attribute);
  };
  const instrument = (name: string) => {
    const tell = (_: number, attributes: object) => keep('Metrics', name, attributes);
    keep('Metrics', name, {});
    return { add: tell, record: tell };
  };
  const meter = { createHistogram: instrument, createCounter: instrument, createUpDownCounter: instrument };
  const logger = {
    emit: ({ eventName, attributes }: { eventName: string; attributes: object }) =>
      keep('Log records', eventName, attributes),
  };
  return { kept, api: { metrics: { getMeter: () => meter }, logs: { getLogger: () => logger } } };
}

test('O14 names are a contract: what is told is what docs/observability.md lists, name by name, and nothing else', async () => {
  const { kept, api } = keeping();
  const { tokens, server, run, failure, clock, platform } = await observedSession(api, {
    retry: { attempts: 1 },
    revoke: () => Promise.reject(new Error('unreachable')),
    refresh: Object.assign(
      (request: { refreshToken?: string }) =>
        server.fetch(server.tokenUrl, {
          method: 'POST',
          body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: request.refreshToken ?? '' }),
        }),
      { [Symbol.for('evertoken.owner')]: 'app@https://auth.test/token', forTargets: true as const },
    ),
  });
  const fetchApi = createFetch(tokens, { origins: [server.origin], fetch: server.fetch });
  const files = forResource(tokens, { resource: 'https://files.test' });
  await run(files.getAccessToken());
  await clock.advance(LIFETIME);
  server.next({ status: 503 });
  await failure(files.getAccessToken());
  server.next({ status: 503, delayMs: 20, body: { error: 'server_error' } });
  await failure(tokens.getAccessToken());
  await clock.advance(60_000);
  await run(tokens.refresh());
  server.revokeAccessTokens();
  await run(fetchApi(server.apiUrl));
  await clock.advance(60_000);
  await run(tokens.refresh());
  const { setItem } = platform.storage;
  platform.storage.setItem = () => Promise.reject(new Error('full'));
  await run(tokens.refresh());
  platform.storage.setItem = setItem;
  await run(tokens.endSession());
  await run(tokens.settled());
  const hold = () => new Promise<void>((resolve) => clock.after(60_000, resolve));
  const held = platform.lock.run('evertoken:app@https://auth.test/token', new AbortController().signal, hold);
  await run(Promise.all([tokens.startSession(server.signIn()), held]));
  server.revokeFamily();
  await failure(tokens.refresh());
  for (const kind of ['Metrics', 'Log records'] as const) {
    const told = Object.fromEntries(
      Object.entries(kept[kind]).map(([name, attributes]) => [
        name,
        [...attributes].filter((attribute) => attribute !== 'evertoken.session.id').sort(),
      ]),
    );
    expect(told).toEqual(table(kind));
  }
});

test('examples/observability/node.ts: Prometheus reads what the process tells', async () => {
  const port = await freePort();
  vi.stubEnv('METRICS_PORT', String(port));
  const { exporter, tokensOf } = await import('../../../examples/observability/node.js');
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await exporter.shutdown();
  });
  const tokens = tokensOf('ada');
  await tokens.startSession({ access_token: 'at', token_type: 'Bearer', expires_in: 600 });
  const text = await (await fetch(`http://localhost:${port}/metrics`)).text();
  const line = (name: string, attribute: string) =>
    text.split('\n').find((one) => one.startsWith(`evertoken_${name}{`) && one.includes(`="${attribute}"`));
  expect(line('session_starts_total', 'sign-in')).toMatch(/region="eu".*\} 1$/);
  expect(line('session_ends_total', 'lost')).toMatch(/\} 0$/);
  tokens.dispose();
});

test('examples/observability/prom-client.ts: counts by the same names without OpenTelemetry', async () => {
  const told: [string, Record<string, string>, number][] = [];
  const names: string[] = [];
  class Metric {
    readonly #name: string;
    readonly #labels: string[];
    constructor({ name, labelNames }: { name: string; labelNames: string[] }) {
      this.#name = name;
      this.#labels = labelNames;
      names.push(name);
    }
    inc(labels: Record<string, string>, value: number): void {
      const unknown = Object.keys(labels).filter((label) => !this.#labels.includes(label));
      if (unknown.length > 0) throw new Error(`prom-client refuses labels that it was not told: ${unknown}`);
      told.push([this.#name, labels, value]);
    }
    observe(labels: Record<string, string>, value: number): void {
      this.inc(labels, value);
    }
  }
  const metrics = promClient({ Counter: Metric, Gauge: Metric, Histogram: Metric });
  const { tokens, run } = await observedSession({ metrics });
  await run(tokens.refresh());
  expect(names).toContain('evertoken_refresh_duration_seconds');
  expect(told).toContainEqual(['evertoken_session_starts_total', { evertoken_session_from: 'sign-in' }, 1]);
  expect(told).toContainEqual([
    'evertoken_refresh_duration_seconds',
    { evertoken_refresh_outcome: 'refreshed', evertoken_refresh_by: 'us', evertoken_refresh_reason: 'asked' },
    0,
  ]);
});
