import { createTokenManager, type TokenManager, type TokenManagerOptions } from 'evertoken';

/** In development a panel shows what the session does, and breaks for real what it stands on; a production build has none of it. */
export async function createTokens(options: TokenManagerOptions): Promise<TokenManager> {
  if (process.env.NODE_ENV === 'production') return createTokenManager(options);
  const { showDevtools, withDevtools } = await import('evertoken/devtools');
  const tokens = withDevtools(createTokenManager)(options);
  showDevtools(tokens);
  return tokens;
}
