import type { Channel, TokenManager, TokenManagerOptions, TokenResponse } from '../../src/index.js';
import { createWorld, type Seen, type World } from './world.js';

export const LIFETIME = 600_000;

/** A world in which somebody has just signed in. */
export interface SignedIn extends World {
  readonly world: World;
  readonly tokens: TokenManager;
  readonly events: Seen[];
  readonly first: TokenResponse;
  /** The events of one type so far. */
  seen<Type extends Seen['type']>(type: Type): Extract<Seen, { type: Type }>[];
}

/** Makes a world and signs in; `retry` delays are as long as they can be, unless `random` says otherwise. */
export async function signedIn(
  options: Partial<TokenManagerOptions> = {},
  worldOptions: Parameters<typeof createWorld>[0] & { random?: () => number } = {},
): Promise<SignedIn> {
  const world = createWorld(worldOptions);
  world.platform.random = worldOptions.random ?? (() => 0.999_999);
  return signIn(world, options);
}

/** Signs in, in a world that is there. */
export async function signIn(world: World, options: Partial<TokenManagerOptions> = {}): Promise<SignedIn> {
  const { tokens, events } = world.manager(options);
  const first = world.server.signIn({ scope: 'openid mail' });
  await world.run(tokens.startSession(first));
  return {
    ...world,
    world,
    tokens,
    events,
    first,
    seen: (type) => events.filter((event) => event.type === type) as never,
  };
}

/** A channel on which nobody is heard. */
export const silent: Channel = { subscribe: () => () => undefined, announce: () => undefined };

/** Another manager on the same storage, of which nobody is told. */
export function quietPeer({ platform, manager }: World): TokenManager {
  return manager({ platform: { ...platform, channel: silent } }).tokens;
}
