import { sqlLock, sqlStorage } from '../../src/adapters/sql.js';
import { createTokenManager, type TokenManager } from '../../src/index.js';
import { node } from '../../src/presets/node.js';
import type { SqlConnection } from './sql-clients.js';

let count = 0;

/** A signed-in manager on a database; each refresh waits for `exchange` and gives tokens that nobody had before. */
export async function signInOn(
  { db }: SqlConnection,
  key: string,
  exchange: () => Promise<unknown> = async () => undefined,
): Promise<TokenManager> {
  const grant = () => ({ access_token: `at-${++count}`, refresh_token: `rt-canary-${count}`, expires_in: 3_600 });
  const tokens = createTokenManager({
    key,
    platform: { ...node(), storage: sqlStorage(db), lock: sqlLock(db) },
    refresh: async () => {
      await exchange();
      return grant();
    },
  });
  await tokens.startSession(grant());
  return tokens;
}
