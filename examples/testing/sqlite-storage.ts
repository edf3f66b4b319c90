import type { DatabaseSync } from 'node:sqlite';
import type { TokenStorage } from 'evertoken';

export function sqliteStorage(database: DatabaseSync): TokenStorage {
  database.exec('CREATE TABLE IF NOT EXISTS sessions (key TEXT PRIMARY KEY, value TEXT NOT NULL)');
  const read = database.prepare('SELECT value FROM sessions WHERE key = ?');
  const write = database.prepare('INSERT OR REPLACE INTO sessions (key, value) VALUES (?, ?)');
  const remove = database.prepare('DELETE FROM sessions WHERE key = ?');
  return {
    getItem: (key) => (read.get(key) as { value: string } | undefined)?.value ?? null,
    setItem: (key, value) => write.run(key, value),
    removeItem: (key) => remove.run(key),
  };
}
