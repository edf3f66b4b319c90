import { createTokenManager, type TokenManager, tokenEndpoint } from 'evertoken';
import { node } from 'evertoken/node';
import { sqlLock, sqlStorage } from 'evertoken/sql';
import { Pool } from 'pg';

export const pool = new Pool(); // PGHOST, PGUSER and so on, or { connectionString }
pool.on('error', (error) => console.error(error.message)); // an idle connection broke; the pool makes another one

const refresh = tokenEndpoint({ url: 'https://auth.example/token', clientId: 'orders' });
const platform = { ...node(), storage: sqlStorage(pool), lock: sqlLock(pool) };

export const tokensOf = (user: string): TokenManager => createTokenManager({ refresh, platform, key: `user-${user}` });
