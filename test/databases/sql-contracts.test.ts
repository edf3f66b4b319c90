import { afterAll, beforeAll, describe, test } from 'vitest';
import { encrypted, staticKeys } from '../../src/adapters/encryption.js';
import { sqlLock, sqlStorage } from '../../src/adapters/sql.js';
import { type ContractCheck, lockContract, storageContract } from '../../src/testing.js';
import { engines, migrate, type SqlConnection } from '../support/sql-clients.js';

function keep(checks: ContractCheck[]): void {
  for (const { name, run } of checks) test(name, run);
}

/** Databases take their time on a busy machine; the bound is a guard against hangs. */
const boundMs = 30_000;

describe('ST1 The published contracts, on each dialect and client', () => {
  for (const { name, dialect, isThere, start, connect } of engines) {
    describe.skipIf(!isThere)(name, () => {
      let engine: Awaited<ReturnType<typeof start>>;
      let first: SqlConnection;
      let second: SqlConnection;
      beforeAll(async () => {
        engine = await start();
        first = await connect(engine.server as never);
        await migrate(first, dialect);
        second = await connect(engine.server as never);
      }, 60_000);
      afterAll(async () => {
        await Promise.all([first?.close(), second?.close()]);
        await engine?.stop();
      });

      describe('sqlStorage', () => {
        const make = () => ({ storage: sqlStorage(first.db), second: sqlStorage(second.db) });
        keep(storageContract(make, { shared: true, fences: true, boundMs }));
      });

      describe('encrypted sqlStorage', () => {
        const keys = staticKeys({ id: '2026', key: new Uint8Array(32).fill(7) });
        const make = () => ({
          storage: encrypted(sqlStorage(first.db), keys),
          second: encrypted(sqlStorage(second.db), keys),
        });
        keep(storageContract(make, { shared: true, fences: true, boundMs }));
      });

      describe('sqlLock', () => {
        const make = () => ({ lock: sqlLock(first.db), second: sqlLock(second.db) });
        keep(lockContract(make, { shared: true, fences: true, takesOver: true, boundMs }));
      });
    });
  }
});
