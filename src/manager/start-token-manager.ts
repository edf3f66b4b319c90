import { hooks } from '../core/hooks.js';
import type { TokenEvents } from '../core/session-events.js';
import { Manager } from './manager.js';
import { checkOption, fail, type Settings } from './options.js';
import { SessionHooks } from './session-hooks.js';
import type { SourceHooks, TokenManager } from './token-manager.js';
import { whenReady } from './when-ready.js';

/** Waiting for the lock and for the storage, beside the request and the revocation. */
const SETTLED_MARGIN_MS = 15_000;

const EVENTS: Record<keyof TokenEvents, true> = {
  sessionStarted: true,
  refreshStarted: true,
  refreshed: true,
  refreshFailed: true,
  requestRejected: true,
  requestPassedOver: true,
  storageFailed: true,
  revokeFailed: true,
  sessionEnded: true,
};

type VisibleMembers = Omit<TokenManager, typeof Symbol.dispose>;

/**
 * The public methods over the parts. Nothing observable happens before the first use.
 *
 * They are closures, so that each may be passed on alone, and a proxy around the manager works.
 */
export function startTokenManager(settings: Settings): TokenManager {
  const manager = new Manager(settings);
  const { session, accessTokens } = manager;
  const visible: VisibleMembers = {
    getAccessToken: (options) => accessTokens.get(options),
    replaceAccessToken: (rejected, options) => manager.waited(accessTokens.replace(rejected, options)),
    refresh: (options) => manager.waited(accessTokens.refresh(options)),
    startSession: async (tokens, grant) => {
      manager.activate();
      return manager.track(manager.commands.start(tokens, grant));
    },
    endSession: async () => {
      manager.activate();
      return manager.track(manager.commands.end());
    },
    getSnapshot: () => session.snapshot,
    ready: () => whenReady(manager),
    settled: () => manager.work.settled(2 * settings.timeoutMs + SETTLED_MARGIN_MS),
    subscribe: (listener) => {
      checkOption('listener', listener, 'function');
      manager.activate();
      if (session.state.status === 'loading') void manager.reader.read(true);
      return manager.emitter.onChange(listener);
    },
    on: (type, listener) => {
      if (!Object.hasOwn(EVENTS, type)) fail('type', `one of ${Object.keys(EVENTS).join(', ')}`, type);
      checkOption('listener', listener, 'function');
      manager.checkUse();
      return manager.emitter.on(type, listener);
    },
    dispose: () => manager.dispose(),
  };
  return addHidden(visible, manager) as TokenManager;
}

/** What is there for integrations, `using`, and those who print a manager; not in sight, and without any secret. */
function addHidden(visible: VisibleMembers, manager: Manager): object {
  const show = () => ({ ...manager.session.snapshot, claims: undefined });
  const hidden: [PropertyKey, unknown][] = [
    [hooks, new SessionHooks(manager) satisfies SourceHooks],
    ['toJSON', show],
    [Symbol.for('nodejs.util.inspect.custom'), show],
  ];
  if (Symbol.dispose) hidden.push([Symbol.dispose, visible.dispose]);
  for (const [key, value] of hidden) Object.defineProperty(visible, key, { value });
  return visible;
}
