import { createTokenManager, type TokenManager, tokenEndpoint } from 'evertoken';
import { node } from 'evertoken/node';

const refresh = tokenEndpoint({ url: 'https://auth.example/token', clientId: 'orders' });
const platform = node();

export const tokensOf = (user: string): TokenManager => createTokenManager({ refresh, platform, key: `user-${user}` });
