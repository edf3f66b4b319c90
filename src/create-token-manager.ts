import { readOptions, type TokenManagerOptions } from './manager/options.js';
import { startTokenManager } from './manager/start-token-manager.js';
import type { TokenManager } from './manager/token-manager.js';
import { inProcess } from './presets/in-process.js';

/**
 * Creates a token manager. Creating does nothing observable: the first use, or `subscribe`, loads the session.
 *
 * @throws {OptionsError} `ERR_OPTIONS`: says which option, what was expected and what came
 *
 * @example
 * const tokens = createTokenManager({
 *   refresh: tokenEndpoint({ url: 'https://auth.example/token', clientId: 'app' }),
 * });
 * const api = createFetch(tokens, { origins: ['https://api.example'] });
 */
export function createTokenManager(options: TokenManagerOptions): TokenManager {
  return startTokenManager(readOptions(options, inProcess));
}
