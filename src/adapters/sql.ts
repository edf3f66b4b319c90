export type {
  Mysql2PoolLike,
  Mysql2PromisePoolLike,
  PgPoolLike,
  PostgresJsLike,
  SqlDialect,
  SqliteLike,
  SqlLike,
} from './sql/sql-client.js';
export type { SqlOptions } from './sql/sql-database.js';
export { type SqlDueIndexOptions, sqlDueIndex } from './sql/sql-due-index.js';
export { type SqlLockOptions, sqlLock } from './sql/sql-lock.js';
export { sqlSchema } from './sql/sql-schema.js';
export { type DueMoment, type SqlStorage, sqlStorage } from './sql/sql-storage.js';
