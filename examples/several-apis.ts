import { createFetch, createTokenManager, type Platform, tokenEndpoint } from 'evertoken';

/** One sign-in for two APIs, and another one for a partner: a manager per sign-in, told apart by endpoint and client. */
export function createClients(platform: Platform): Record<'api' | 'partner', typeof fetch> {
  const own = createTokenManager({
    refresh: tokenEndpoint({ url: 'https://auth.example/token', clientId: 'shop' }),
    platform,
  });
  const partner = createTokenManager({
    refresh: tokenEndpoint({ url: 'https://login.partner.example/token', clientId: 'shop' }),
    platform,
  });
  return {
    api: createFetch(own, { origins: ['https://api.example', 'https://files.example'] }),
    partner: createFetch(partner, { origins: ['https://api.partner.example'] }),
  };
}
