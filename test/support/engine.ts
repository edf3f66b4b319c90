import { inProcess, type Platform, type RefreshTokens, type TokenManagerOptions } from '../../src/index.js';
import { createEngine, type Engine, type Reactions } from '../../src/manager/engine.js';
import { readOptions } from '../../src/manager/options.js';

const nothing: Reactions = {
  use: () => undefined,
  changed: () => undefined,
  run: () => undefined,
  cameLate: () => undefined,
  wroteLate: () => undefined,
};

/** What one manager holds, on its own: for tests of the functions that act on it. */
export function bareEngine(
  platform: Partial<Platform>,
  reactions: Partial<Reactions> = {},
  refresh: RefreshTokens = () => Promise.reject(new Error('nobody expected a refresh')),
  options: Partial<TokenManagerOptions> = {},
): Engine {
  const settings = readOptions({ ...options, refresh, platform: { ...inProcess(), ...platform } }, inProcess);
  return createEngine(settings, { ...nothing, ...reactions });
}
