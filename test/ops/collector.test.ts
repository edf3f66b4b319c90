import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readPlainYaml } from '../support/plain-yaml.js';

const root = join(import.meta.dirname, '../..');
const text = readFileSync(join(root, 'ops/collector/pages.yaml'), 'utf8');
const page = readFileSync(join(root, 'docs/observability.md'), 'utf8');

interface Config {
  receivers: { otlp: { protocols: { http: { max_request_body_size: number; cors: { allowed_origins: string[] } } } } };
  processors: Record<string, object>;
  connectors: { count: { logs: Record<string, { conditions: string[]; attributes: { key: string }[] }> } };
  exporters: Record<string, object>;
  service: { pipelines: Record<string, Record<'receivers' | 'processors' | 'exporters', string[]>> };
}

/** Names of a table of the docs, each with the attributes in its row. */
function table(heading: string): Map<string, string[]> {
  const [, section = ''] = page.split(`\n## ${heading}\n`);
  const rows = (section.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('| `evertoken.'));
  return new Map(
    rows.map((row) => {
      const [name = '', ...attributes] = [...row.matchAll(/`([a-z_]+\.[a-z._]+)`/g)].map(([, one = '']) => one);
      return [name, attributes];
    }),
  );
}
const records = table('Log records');
const metrics = table('Metrics');
const known = new Set([...records.values(), ...metrics.values()].flat().concat('evertoken.session.id'));
// more than the records have: only spans tell these
const ofSpans = ['evertoken.refresh.outcome', 'evertoken.refresh.retry'];
const RESOURCE = ['service.name', 'service.version', 'deployment.environment.name'];

/** What is wrong with a configuration, a sentence each. */
function lint(yaml: string): string[] {
  const config = readPlainYaml(yaml) as never as Config;
  const { receivers, processors, connectors, exporters, service } = config;
  const { cors, max_request_body_size: most } = receivers.otlp.protocols.http;
  const found: string[] = [];
  const say = (isWrong: boolean, sentence: string) => void (isWrong && found.push(sentence));

  for (const origin of cors.allowed_origins) say(!/^https:\/\/[\w.-]+$/.test(origin), `${origin}: no origin`);
  say(most < 65_536, 'a page may send 64 KiB at once');

  const there = { receivers, processors, exporters };
  const used = new Set<string>();
  for (const [name, pipeline] of Object.entries(service.pipelines)) {
    for (const kind of ['receivers', 'processors', 'exporters'] as const) {
      for (const part of pipeline[kind]) {
        used.add(part);
        say(!(part in there[kind]) && !(part in connectors), `${name}: there is no ${part} among the ${kind}`);
      }
    }
    say(pipeline.processors[0] !== 'memory_limiter', `${name}: the memory limiter has to come first`);
    say(pipeline.processors.at(-1) !== 'batch', `${name}: batches are made last`);
    const isFromPages = pipeline.receivers.includes('otlp');
    const guards = ['filter/ours', 'transform/closed'];
    say(isFromPages && !guards.every((one) => pipeline.processors.includes(one)), `${name}: takes what is not ours`);
  }
  const declared = Object.values({ ...there, connectors }).flatMap((part) => Object.keys(part));
  for (const part of declared) say(!used.has(part), `${part}: nothing uses it`);

  const kept = [...yaml.matchAll(/keep_keys\(attributes, \[(.*?)\]\)/g)].map(([, list = '']) => list.split(', '));
  const names = kept.map((list) => list.map((one) => one.replaceAll('"', '')));
  for (const name of names.flat()) {
    say(!known.has(name) && !RESOURCE.includes(name) && !ofSpans.includes(name), `${name}: nothing tells it`);
  }
  const ofRecords = names.find((list) => list.includes('evertoken.session.from')) ?? [];
  for (const name of new Set([...records.values()].flat())) say(!ofRecords.includes(name), `${name}: is thrown away`);

  const [, events = ''] = /IsMatch\(event_name, "(.*?)"\)/.exec(yaml) ?? [];
  const pattern = new RegExp(events.replaceAll('\\\\', '\\'));
  for (const name of records.keys()) say(!pattern.test(name), `${name}: is filtered out`);
  say(pattern.test('evertoken.session.ended') || pattern.test('other.event'), 'events of others are let in');

  for (const [name, { conditions, attributes }] of Object.entries(connectors.count.logs)) {
    const listed = metrics.get(name);
    say(!listed, `${name}: is no metric of ours`);
    for (const { key } of attributes) say(!listed?.includes(key), `${name}: ${key} is no attribute of it`);
    for (const condition of conditions) {
      const [, event = ''] = /^event_name == "(.*)"$/.exec(condition) ?? [];
      say(!records.has(event), `${name}: nobody tells ${condition}`);
    }
  }
  return found;
}

test('the collector for pages keeps what we tell, and nothing else', () => {
  expect(lint(text)).toEqual([]);
  expect(records.size).toBeGreaterThan(5);
});

describe('its lint notices', () => {
  test.each([
    ['any origin', '"https://shop.example"', '"*"', '*: no origin'],
    ['bodies that are too small', 'max_request_body_size: 131072', 'max_request_body_size: 1024', '64 KiB'],
    ['a part that is not there', 'exporters: [otlphttp/loki, count]', 'exporters: [loki, count]', 'there is no loki'],
    [
      'a part that nothing uses',
      'processors: [memory_limiter, deltatocumulative, batch]',
      'processors: [memory_limiter, batch]',
      'deltatocumulative: nothing',
    ],
    ['no memory limiter', '[memory_limiter, filter/ours', '[filter/ours', 'has to come first'],
    [
      'a pipeline without its filter',
      'filter/ours, transform/closed, batch]\n      exporters: [otlp/tempo]',
      'batch]\n      exporters: [otlp/tempo]',
      'takes what is not ours',
    ],
    ['an attribute that nothing tells', '"evertoken.session.from"', '"enduser.id"', 'enduser.id: nothing tells it'],
    ['an attribute that is thrown away', '"evertoken.refresh.again", ', '', 'evertoken.refresh.again: is thrown away'],
    ['an event that is filtered out', '|revocation\\\\.failure', '', 'evertoken.revocation.failure: is filtered out'],
    ['events of others', '^evertoken', '.*|^evertoken', 'events of others are let in'],
    ['a metric that is not ours', 'evertoken.session.ends:', 'evertoken.sessions.ended:', 'is no metric of ours'],
    [
      'a session in a metric',
      '- key: evertoken.session.from',
      '- key: evertoken.session.id',
      'evertoken.session.id is no attribute',
    ],
    ['a condition that never holds', '"evertoken.session.start"\'', '"evertoken.session.began"\'', 'nobody tells'],
  ])('%s', (_, from, to, says) => {
    expect(text).toContain(from);
    expect(lint(text.replace(from, to)).join('\n')).toContain(says);
  });

  test('YAML that it cannot read', () => {
    expect(() => readPlainYaml('a: 1\na: 2\n')).toThrow('Expected a key');
    expect(() => readPlainYaml('a:\n  b: 1\n c: 2\n')).toThrow('indent');
  });
});
