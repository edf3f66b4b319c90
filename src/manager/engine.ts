import { dueAt, freshFrom, isUsable } from '../core/freshness.js';
import { recordOf, type SessionEffect, type SessionState } from '../core/session.js';
import type { TokenEvent } from '../core/session-events.js';
import { isSameSession, isSameTokenSet, type SessionRecord } from '../core/session-record.js';
import { type Alarm, createAlarm } from './alarm.js';
import { createEmitter, type Emitter } from './emitter.js';
import { createExchange, type Exchange } from './exchange.js';
import type { Lifetime } from './lifetime.js';
import { createLooker, type Looker } from './looker.js';
import type { Settings } from './options.js';
import { createPersistence } from './persistence.js';
import { createRefresher, type Refresher } from './refresher.js';
import { createRepair } from './repair.js';
import { createSessionCommands, type SessionCommands } from './session-commands.js';
import { createSessionStore, type SessionStore } from './session-store.js';
import type { ReportFault } from './stored-session.js';
import { createWaitingRoom, type WaitingRoom } from './waiting-room.js';

/** The access token while it is fresh, and when it is: all that it takes to serve it. */
export interface Hot {
  /** One promise for all callers, made once. */
  token: Promise<string> | undefined;
  from: number;
  until: number;
}

/** The parts of a manager, connected. */
export interface Engine {
  readonly store: SessionStore;
  readonly refresher: Refresher;
  readonly looker: Looker;
  readonly alarm: Alarm;
  readonly commands: SessionCommands;
  readonly exchange: Exchange;
  readonly emitter: Emitter;
  /** Callers who wait for the outcome of a refresh. */
  readonly room: WaitingRoom<SessionRecord>;
  readonly hot: Hot;
  /** Emits an event about the present session. */
  tell<Type extends TokenEvent['type']>(type: Type, payload: Extract<TokenEvent, { type: Type }>['payload']): void;
}

export function createEngine(settings: Settings, lifetime: Lifetime): Engine {
  const { name, platform, timeoutMs, leewayMs } = settings;
  const { clock, channel, random } = platform;
  const emitter = createEmitter();
  const room = createWaitingRoom<SessionRecord>(clock);
  const hot: Hot = { token: undefined, from: 0, until: 0 };
  const emit = (event: TokenEvent) => emitter.emit(event, clock.now());
  const tell: Engine['tell'] = (type, payload) =>
    emit({ type, payload, sessionId: recordOf(store.state)?.sessionId } as TokenEvent);
  const announce = () => {
    try {
      channel.announce(name);
    } catch {
      // need not arrive
    }
  };
  let ids = 0;
  // tells sessions apart even where chance is constant
  const newId = () =>
    [clock.now(), ++ids, random(), random()].map((part) => part.toString(36).replace('0.', '')).join('');
  const isDisposed = () => lifetime.isDisposed;

  const store = createSessionStore(
    (state: SessionState, before: SessionState) => {
      const next = recordOf(state);
      const last = recordOf(before);
      if (!isSameTokenSet(next, last)) {
        hot.token = next && !isDisposed() ? Promise.resolve(next.tokens.accessToken) : undefined;
        hot.from = next ? freshFrom(next.tokens) : 0;
        hot.until = next ? dueAt(next.tokens, leewayMs, random()) : 0;
      }
      if (last && !isSameSession(next, last)) void refresher.detach();
      // whoever waited for a session to be found has one now
      if (next && !last && isUsable(next.tokens, clock.now())) room.settle(next);
      alarm.plan(state);
      emitter.changed();
    },
    (effect: SessionEffect) => {
      if (effect.type === 'announce') announce();
      else if (effect.type === 'refuse') room.refuse(effect.error);
      else emit(effect.event);
    },
  );
  const reportFault: ReportFault = (operation, error) => tell('storageFailed', { operation, error });
  const persistence = createPersistence(name, platform, timeoutMs, reportFault, () => repair());
  const repair = createRepair(settings, store, persistence, announce);
  const exchange = createExchange(settings);
  const parts = { settings, store, persistence, exchange, room, repair, newId, announce, isDisposed, reportFault };
  const refresher: Refresher = createRefresher({ ...parts, isPaused: () => commands.isStarting });
  const commands: SessionCommands = createSessionCommands({
    ...parts,
    refresher,
    look: () => void looker.look(false),
    reportRevocation: (error) => tell('revokeFailed', { error }),
  });
  const looker = createLooker(settings, store, persistence, refresher, () => commands.isBusy, repair.isOver);
  const alarm = createAlarm({ ...parts, refresher, looker, dueAt: () => hot.until });
  lifetime.onEnd(alarm.cancel);
  lifetime.onEnd(repair.cancel);
  lifetime.onEnd(refresher.wake);
  lifetime.onEnd(room.refuse);
  lifetime.onEnd(looker.gate.refuse);
  return { store, refresher, looker, alarm, commands, exchange, emitter, room, hot, tell };
}
