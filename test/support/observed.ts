import type { TokenManager, TokenManagerOptions } from '../../src/index.js';
import { createTokenManager } from '../../src/index.js';
import { type OpenTelemetryLike, openTelemetry, type TelemetryOptions } from '../../src/integrations/otel.js';
import { createWorld, type World } from './world.js';

/** A world with one observed manager in it. */
export interface Observed extends World {
  readonly tokens: TokenManager;
  readonly world: World;
}

/** Makes a manager that is observed, in a world that is there or a new one. */
export function observed(
  api: OpenTelemetryLike,
  options: Partial<TokenManagerOptions> = {},
  { world = createWorld(), telemetry }: { world?: World; telemetry?: TelemetryOptions } = {},
): Observed {
  const create = openTelemetry(api, telemetry)(createTokenManager);
  const { platform, refresh } = world;
  platform.random = () => 0.999_999;
  return { ...world, world, tokens: create({ refresh, platform, proactive: false, ...options }) };
}

/** The same, signed in. */
export async function observedSession(...given: Parameters<typeof observed>): Promise<Observed> {
  const world = observed(...given);
  await world.run(world.tokens.startSession(world.server.signIn({ scope: 'openid' })));
  return world;
}
