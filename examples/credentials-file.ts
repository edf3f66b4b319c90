import { homedir } from 'node:os';
import { join } from 'node:path';
import { createTokenManager, tokenEndpoint } from 'evertoken';
import { node } from 'evertoken/node';

export const tokens = createTokenManager({
  refresh: tokenEndpoint({ url: 'https://auth.example/token', clientId: 'orders-cli' }),
  platform: node({ file: join(homedir(), '.config/orders/credentials.json') }),
});
