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
  // for integrations, those who print a manager, and `using`
  const hide = (key: PropertyKey, value: unknown) => Object.defineProperty(visible, key, { value });
  hide(hooks, new SessionHooks(manager) satisfies SourceHooks);
  hide('toJSON', show);
  hide(Symbol.for('nodejs.util.inspect.custom'), show);
  if (Symbol.dispose) hide(Symbol.dispose, visible.dispose);
  return visible as TokenManager;
}

/** For those who print a manager: without any secret. Called as a method, so that one serves all managers. */
function show(this: VisibleMembers): object {
  return { ...this.getSnapshot(), claims: undefined };
}
