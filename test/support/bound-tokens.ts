import { hooks } from '../../src/core/hooks.js';
import type { TokenManager } from '../../src/index.js';

/** Tokens as a manager serves them, one of them bound to a key; for what is said of a single request. */
export function boundTokens(accessToken: string, binding: string, more: Partial<TokenManager> = {}): TokenManager {
  const tokens: Partial<TokenManager> = {
    getAccessToken: async () => accessToken,
    replaceAccessToken: async () => accessToken,
    getSnapshot: () => ({ issuedAt: undefined, expiresAt: undefined }) as ReturnType<TokenManager['getSnapshot']>,
    ...more,
  };
  const own = {
    isRefreshing: () => false,
    reject: () => undefined,
    bindingOf: (token: string) => (token === accessToken ? binding : undefined),
  };
  return Object.defineProperty(tokens, hooks, { value: own }) as TokenManager;
}
