import { createTokenManager, type TokenManager, tokenEndpoint } from 'evertoken';
import { encrypted, reseal, staticKeys } from 'evertoken/encryption';
import { node } from 'evertoken/node';
import { type SqlLike, sqlLock, sqlStorage } from 'evertoken/sql';

const keyOf = (name: string) => new Uint8Array(Buffer.from(process.env[name] ?? '', 'base64')); // openssl rand -base64 32

export function createStore(pool: SqlLike) {
  const keys = staticKeys({ id: '2026', key: keyOf('KEY_2026') }, { id: '2025', key: keyOf('KEY_2025') });
  const sessions = sqlStorage(pool);
  const storage = encrypted(sessions, keys);
  const lock = sqlLock(pool);
  const refresh = tokenEndpoint({ url: 'https://auth.example/token', clientId: 'orders' });
  const platform = { ...node(), storage, lock };

  return {
    tokensOf: (user: string): TokenManager => createTokenManager({ refresh, platform, key: `user-${user}` }),
    /** Run once after a new key was put in front: what is `left` says which keys may not go yet. */
    changeKeys: () => reseal(storage, sessions.keys(), { lock }),
  };
}
