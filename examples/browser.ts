import { createTokenManager, tokenEndpoint } from 'evertoken';
import { browser } from 'evertoken/browser';

export const tokens = createTokenManager({
  refresh: tokenEndpoint({ url: 'https://auth.example/token', clientId: 'shop' }),
  platform: browser(),
});
