import { DatabaseSync } from 'node:sqlite';
import { storageContract } from 'evertoken/testing';
import { test } from 'vitest';
import { sqliteStorage } from './sqlite-storage.js';

for (const check of storageContract(() => ({ storage: sqliteStorage(new DatabaseSync(':memory:')) }))) {
  test(check.name, check.run);
}
