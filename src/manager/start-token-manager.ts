import { redactChallenges } from '../core/challenge.js';
import { dueAt, freshFrom, isUsable } from '../core/freshness.js';
import { hooks, type IntegrationHooks } from '../core/hooks.js';
import { recordOf } from '../core/session.js';
import { isSameSession, isSameTokenSet } from '../core/session-record.js';
import { planAlarm, wake } from './alarm.js';
import { createEmitter, type Emitter } from './emitter.js';
import { createEngine, type Engine, type Reactions } from './engine.js';
import { isInside } from './exchange.js';
import { announce, attend, check, dispose, emit } from './lifetime.js';
import { look } from './looker.js';
import { checkOption, type Settings } from './options.js';
import { detachRefresh, startForLate, startRefresh } from './refresher.js';
import { repair } from './repair.js';
import { endSession, startSession } from './session-commands.js';
import { getSnapshot } from './session-store.js';
import { getAccessToken, refreshNow, replaceAccessToken } from './token-access.js';
import type { TokenManager } from './token-manager.js';
import { isOutlived, markTokens } from './token-marks.js';

type VisibleMembers = Omit<TokenManager, typeof Symbol.dispose>;

/** The public methods over the parts. Nothing observable happens before the first use. */
export function startTokenManager(settings: Settings): TokenManager {
  const engine = createEngine(settings, reactions);
  const { clock } = settings.platform;
  const manager: VisibleMembers = {
    getAccessToken: (options) => {
      // a fresh token is served without any further ado
      const { fresh } = engine;
      if (fresh !== undefined && !engine.isGating && (options === undefined || isPlain(options))) {
        const now = clock.now();
        if (now < engine.dueAt && now >= engine.freshFrom) return fresh;
      }
      return getAccessToken(engine, options);
    },
    replaceAccessToken: (rejected, options) => replaceAccessToken(engine, rejected, options),
    refresh: (options) => refreshNow(engine, options),
    startSession: async (tokens) => {
      use(engine);
      return attend(engine, startSession(engine, tokens));
    },
    endSession: async () => {
      use(engine);
      return attend(engine, endSession(engine));
    },
    getSnapshot: () => getSnapshot(engine),
    subscribe: (listener) => {
      checkOption('listener', listener, 'function');
      use(engine);
      if (engine.state.status === 'loading') void look(engine, true);
      return emitterOf(engine).onChange(listener);
    },
    on: (type, listener) => {
      checkOption('listener', listener, 'function');
      check(engine);
      return emitterOf(engine).on(type, listener);
    },
    dispose: () => dispose(engine),
  };
  return addHidden(manager, engine) as TokenManager;
}

/** What follows from what. */
const reactions: Reactions = {
  use,
  changed: (engine, before) => {
    const { state, settings, isDisposed } = engine;
    const { random, clock } = settings.platform;
    const next = recordOf(state);
    const last = recordOf(before);
    if (!isSameTokenSet(next, last)) {
      markTokens(engine, isSameSession(next, last), next?.tokens);
      engine.fresh = next && !isDisposed ? Promise.resolve(next.tokens.accessToken) : undefined;
      engine.freshFrom = next ? freshFrom(next.tokens) : 0;
      engine.dueAt = next ? dueAt(next.tokens, settings.leewayMs, random()) : 0;
    }
    if (last && !isSameSession(next, last)) void detachRefresh(engine);
    // whoever waited for a session to be found has one now
    if (next && !last && isUsable(next.tokens, clock.now())) engine.room?.settle(next);
    else if (before.status === 'loading' && state.status === 'active' && engine.room) startRefresh(engine, 'expired');
    planAlarm(engine);
    engine.emitter?.changed();
  },
  run: (engine, effect) => {
    if (effect.type === 'announce') announce(engine);
    else if (effect.type === 'refuse') engine.room?.refuse(effect.error);
    else emit(engine, effect.event);
  },
  cameLate: startForLate,
  wroteLate: repair,
};

/** Listens to peers and wake-ups from the first use to the end. */
function use(engine: Engine): void {
  check(engine);
  if (engine.subscriptions) return;
  const { name, platform } = engine.settings;
  engine.subscriptions = [];
  engine.subscriptions.push(platform.channel.subscribe(name, () => void look(engine, false)));
  engine.subscriptions.push(platform.wakeups.subscribe(() => wake(engine)));
}

function isPlain({ minValidityMs, signal }: NonNullable<Parameters<TokenManager['getAccessToken']>[0]>): boolean {
  return minValidityMs === undefined && !signal?.aborted;
}

function emitterOf(engine: Engine): Emitter {
  engine.emitter ??= createEmitter();
  return engine.emitter;
}

/** What is there for integrations, `using`, and those who print a manager; not in sight, and without any secret. */
function addHidden(manager: VisibleMembers, engine: Engine): object {
  const show = () => ({ ...getSnapshot(engine), claims: undefined });
  const own: IntegrationHooks = {
    isRefreshing: (signal) => isInside(engine, signal),
    reject: ({ challenges, ...rejection }, accessToken) => {
      const { tokens, sessionId } = recordOf(engine.state) ?? {};
      const secrets = [accessToken, tokens?.accessToken, tokens?.refreshToken, tokens?.idToken];
      const payload = { ...rejection, challenges: redactChallenges(challenges, secrets) };
      // the word of a session that is over is not about the present one
      const isOver = isOutlived(engine, accessToken);
      emit(engine, { type: 'requestRejected', payload, sessionId: isOver ? undefined : sessionId });
    },
    passOver: (origin) => {
      const { sessionId } = recordOf(engine.state) ?? {};
      emit(engine, { type: 'requestPassedOver', payload: { origin }, sessionId });
    },
    life: () => ({ now: engine.settings.platform.clock.now(), expiresAt: getSnapshot(engine).expiresAt }),
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
