import { OptionsError } from '../../errors.js';
import type { SqlDialect } from './sql-client.js';

/** The version of the tables, which is in the table `schema`; a newer one is not touched. */
export const SCHEMA_VERSION = 1;

const PREFIX = 'evertoken_';

/** What comes first within a class: what expires first, and what was put off, when it was put off to. */
export const TURN_SQL = 'case when expires_at > due_at then expires_at else due_at end';

/** Checks the start of all table names, which becomes part of statements. Throws an OptionsError. */
export function checkPrefix(prefix: unknown = PREFIX): string {
  if (typeof prefix === 'string' && /^([a-z_]\w{0,30}\.)?[a-z_]\w{0,30}$/i.test(prefix)) return prefix;
  throw new OptionsError(
    'ERR_OPTIONS',
    `Expected prefix to be letters, digits and _, perhaps behind the name of a schema and a dot, such as '${PREFIX}'.`,
  );
}

/**
 * The statements that make the tables, for your migrations; nothing is created behind your back.
 *
 * May be run again where the tables are there already. Each statement ends with `;` and a line break, which is nowhere
 * else. `prefix` is that of the storage and the lock; default `'evertoken_'`.
 *
 * @throws {OptionsError} `ERR_OPTIONS`: another dialect, or a prefix that is no name
 */
export function sqlSchema(dialect: SqlDialect, options: { prefix?: string } = {}): string {
  const prefix = checkPrefix(options.prefix);
  if (!Object.hasOwn(NAMES, dialect)) {
    throw new OptionsError('ERR_OPTIONS', "Expected 'postgres', 'mysql' or 'sqlite' as the dialect of sqlSchema().");
  }
  const { key, lane, text, long, ignore, onConflict, leases, tail, partial } = NAMES[dialect];
  const table = (name: string, columns: string[], kind = '') =>
    `create${kind} table if not exists ${prefix}${name} (\n  ${columns.join(',\n  ')}\n)${tail};\n`;
  const { bare, schema, of } = indexNames(dialect, prefix);
  const index = (columns: string, filter: string, name = filter) =>
    `create index if not exists ${schema}by_${name} on ${of}sessions (${columns})${partial ? ` where ${filter} is not null` : ''};\n`;
  const inline = (columns: string, filter: string) => `index ${bare}by_${filter} (${columns})`;
  const indices = [
    ['lane, due_at', 'due_at'],
    ['subject', 'subject'],
    ['provider_sid', 'provider_sid'],
    ...(partial ? [] : [['claim', 'claim'] as const]),
  ] as const;
  const sessions = [
    `session_key ${key} not null primary key`,
    `value ${long}`,
    'fence bigint not null default 0',
    ...(partial ? [] : ['writes bigint not null default 0']),
    `lane ${text} not null default ''`,
    'due_at bigint',
    'expires_at bigint',
    'used_at bigint',
    'lifetime_ms bigint',
    'keep_alive_at bigint',
    'urgent smallint not null default 0',
    'stuck smallint not null default 0',
    'claim varchar(40)',
    `subject ${text}`,
    `provider_sid ${text}`,
    'started_at bigint',
    `label ${text}`,
    ...(partial ? [] : indices.map(([columns, filter]) => inline(columns, filter))),
  ];
  return [
    table('schema', ['version integer not null primary key']),
    `insert${ignore} into ${prefix}schema (version) values (${SCHEMA_VERSION})${onConflict};\n`,
    table('sessions', sessions),
    ...(partial ? indices.map(([columns, filter]) => index(columns, filter)) : []),
    ...(partial ? [index(`lane, urgent, (${TURN_SQL})`, 'due_at', 'turn')] : []),
    table(
      'locks',
      [
        `session_key ${key} not null primary key`,
        `owner varchar(40)`,
        'leased_until bigint not null default 0',
        'fence bigint not null default 0',
      ],
      leases,
    ),
    table('lanes', [`lane ${lane} not null primary key`, `pause ${text} not null`]),
    table('ended', [
      `session_key ${key} not null primary key`,
      `lane ${text} not null`,
      `reason ${text} not null`,
      'ended_at bigint not null',
    ]),
  ].join('');
}

/** PostgreSQL wants a schema's name before the table of an index, SQLite before the index. */
function indexNames(dialect: SqlDialect, prefix: string): Readonly<Record<'bare' | 'schema' | 'of', string>> {
  const bare = prefix.replace(/^.*\./, '');
  return dialect === 'sqlite' ? { bare, schema: prefix, of: bare } : { bare, schema: bare, of: prefix };
}

interface Names {
  /** Of keys: compared byte by byte. */
  readonly key: string;
  readonly lane: string;
  readonly text: string;
  readonly long: string;
  readonly ignore: string;
  readonly onConflict: string;
  /** What leases are kept in: they may be forgotten when the database crashes. */
  readonly leases: string;
  readonly tail: string;
  /** Whether an index may leave rows out. */
  readonly partial: boolean;
}

const LITE = { key: 'text', lane: 'text', text: 'text', long: 'text', ignore: '', tail: '', partial: true };
const NAMES: Readonly<Record<SqlDialect, Names>> = {
  postgres: { ...LITE, key: 'text collate "C"', onConflict: ' on conflict do nothing', leases: ' unlogged' },
  sqlite: { ...LITE, onConflict: ' on conflict do nothing', leases: '' },
  mysql: {
    key: 'varbinary(2048)',
    lane: 'varchar(255)',
    text: 'varchar(255)',
    long: 'longtext',
    ignore: ' ignore',
    onConflict: '',
    leases: '',
    tail: ' engine = innodb default character set utf8mb4 collate utf8mb4_bin',
    partial: false,
  },
};
