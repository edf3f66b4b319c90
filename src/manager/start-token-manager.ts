import { redactChallenges } from '../core/challenge.js';
import { hooks, type IntegrationHooks } from '../core/hooks.js';
import { recordOf } from '../core/session.js';
import { createEngine, type Engine } from './engine.js';
import { createLifetime, type Lifetime } from './lifetime.js';
import type { Settings } from './options.js';
import { createTokenAccess } from './token-access.js';
import type { TokenManager } from './token-manager.js';

/** The public methods over the parts. Nothing observable happens before the first use. */
export function startTokenManager(settings: Settings): TokenManager {
  const { clock } = settings.platform;
  const lifetime = createLifetime(clock);
  const engine = createEngine(settings, lifetime);
  const { store, looker, commands, emitter, hot, alarm } = engine;
  const attach = attachOnce(settings, lifetime, engine);

  function use(): void {
    lifetime.check();
    attach();
  }

  const access = createTokenAccess({ ...engine, settings, use, dueAt: () => hot.until, mayProbe: alarm.mayProbe });
  const manager: Omit<TokenManager, typeof Symbol.dispose> = {
    ...access,
    getAccessToken: (options) => {
      // a fresh token is served without any further ado
      const isPlain = options?.minValidityMs === undefined && !options?.signal?.aborted;
      if (hot.token !== undefined && isPlain && !looker.isGating) {
        const now = clock.now();
        if (now < hot.until && now >= hot.from) return hot.token;
      }
      return access.getAccessToken(options);
    },
    startSession: async (tokens) => {
      use();
      return lifetime.attend(commands.startSession(tokens));
    },
    endSession: async () => {
      use();
      return lifetime.attend(commands.endSession());
    },
    getSnapshot: store.getSnapshot,
    subscribe: (listener) => {
      use();
      if (store.state.status === 'loading') void looker.look(true);
      return emitter.onChange(listener);
    },
    on: (type, listener) => {
      lifetime.check();
      return emitter.on(type, listener);
    },
    dispose: lifetime.end,
  };
  lifetime.onEnd(() => {
    hot.token = undefined;
    emitter.clear();
  });
  return addHidden(manager, engine) as TokenManager;
}

/** Listens to peers and wake-ups from the first use to the end. */
function attachOnce({ name, platform }: Settings, lifetime: Lifetime, { looker, alarm }: Engine): () => void {
  let isAttached = false;
  return () => {
    if (isAttached) return;
    isAttached = true;
    lifetime.onEnd(platform.channel.subscribe(name, () => void looker.look(false)));
    lifetime.onEnd(platform.wakeups.subscribe(alarm.wake));
  };
}

/** What is there for integrations, `using`, and those who print a manager; not in sight, and without any secret. */
function addHidden(manager: Omit<TokenManager, typeof Symbol.dispose>, engine: Engine): object {
  const { store, exchange, tell } = engine;
  const show = () => ({ ...manager.getSnapshot(), claims: undefined });
  const own: IntegrationHooks = {
    isRefreshing: exchange.isInside,
    sessionId: () => recordOf(store.state)?.sessionId,
    reject: ({ challenges, ...rejection }, accessToken) => {
      const { tokens } = recordOf(store.state) ?? {};
      const secrets = [accessToken, tokens?.accessToken, tokens?.refreshToken, tokens?.idToken];
      tell('requestRejected', { ...rejection, challenges: redactChallenges(challenges, secrets) });
    },
  };
  const hidden: [PropertyKey, unknown][] = [
    [hooks, own],
    ['toJSON', show],
    [Symbol.for('nodejs.util.inspect.custom'), show],
  ];
  if (Symbol.dispose) hidden.push([Symbol.dispose, manager.dispose]);
  for (const [key, value] of hidden) Object.defineProperty(manager, key, { value });
  return manager;
}
