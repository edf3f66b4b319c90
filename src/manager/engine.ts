import { mayRetry } from '../core/backoff.js';
import type { SessionEffect, SessionState } from '../core/session.js';
import type { SessionRecord } from '../core/session-record.js';
import type { TokenSet } from '../core/token-set.js';
import type { Emitter } from './emitter.js';
import type { Settings } from './options.js';
import type { Run } from './run.js';
import type { Scheduler } from './scheduler.js';
import type { SessionSnapshot } from './token-manager.js';
import type { WaitingRoom } from './waiting-room.js';

/**
 * All that one manager holds. Plain data, so that a thousand of them are small; what acts on it are the functions of
 * this folder, which all managers share. A member is written by the file that is named beside it, and made when needed.
 */
export interface Engine {
  readonly settings: Settings;
  readonly reactions: Reactions;

  // start-token-manager: the access token while it is fresh, as one promise for all callers, and when it is
  fresh: Promise<string> | undefined;
  freshFrom: number;
  dueAt: number;
  /** Marks of the access tokens of the present session, and of those of sessions before it. */
  issued: readonly number[];
  outlived: readonly number[];
  /** What has to be let go of at the end; undefined before the first use. */
  subscriptions: (() => void)[] | undefined;

  // session-store
  state: SessionState;
  snapshot: SessionSnapshot | undefined;
  readonly effects: SessionEffect[];

  // lifetime
  isDisposed: boolean;
  /** Callers who wait for a command to be carried out. */
  attended: Set<WaitingRoom<never>> | undefined;
  emitter: Emitter | undefined;
  /** Callers who wait for the outcome of a refresh. */
  room: WaitingRoom<SessionRecord> | undefined;
  ids: number;

  // looker
  /** Nothing is served before a look is over: nobody knows yet whether there is a session, or still is. */
  isGating: boolean;
  isAskedAgain: boolean;
  looking: Promise<void> | undefined;
  /** Callers who wait for the look under way. */
  gate: WaitingRoom<void> | undefined;

  // refresher
  run: Run | undefined;
  /** Tokens that came too late or could not be stored, and the record that they follow from. */
  late: { readonly base: SessionRecord | undefined; readonly tokens: TokenSet } | undefined;
  /** Failures in a row, where there is no record to count them. */
  failures: number;
  /** Epoch milliseconds; no refresh of our own accord before this moment. */
  quietUntil: number;

  // exchange: the refresh function is being called right now
  isCalling: boolean;

  // stored-session
  /** The sessions that the storage is known to have held. */
  seen: Set<string> | undefined;
  /** What was wrong with the storage when it was last reported. */
  told: unknown;

  // repair
  cancelRepair: (() => void) | undefined;
  repairs: number;
  /** Ended sessions whose records have to go. */
  ended: Set<string> | undefined;

  // alarm
  scheduler: Scheduler | undefined;
  wokeAt: number;
  /** A wake-up lets one probe through before `retryAt`. */
  mayProbe: boolean;

  // session-commands: a later one wins over an earlier one that still waits for the lock
  starts: number;
  /** The latest start that is over. */
  started: number;
  /** Sessions whose start is not over: their records may be stored already. */
  begun: readonly string[];
  ends: number;
  erasing: number;
  ending: Promise<void> | undefined;
}

/** Where the parts meet: what follows from a change, shared by all managers. */
export interface Reactions {
  /** Loads at first use; throws after the end. */
  use(engine: Engine): void;
  /** There is a new state; called before any effect is carried out. */
  changed(engine: Engine, before: SessionState): void;
  run(engine: Engine, effect: SessionEffect): void;
  /** Tokens came that nobody waits for any more. */
  cameLate(engine: Engine): void;
  /** A write that had timed out was carried out after all, perhaps over a newer one. */
  wroteLate(engine: Engine): void;
}

const none: readonly never[] = [];

export function createEngine(settings: Settings, reactions: Reactions): Engine {
  return {
    settings,
    reactions,
    fresh: undefined,
    freshFrom: 0,
    dueAt: 0,
    issued: none,
    outlived: none,
    subscriptions: undefined,
    state: { status: 'loading', revision: 0 },
    snapshot: undefined,
    effects: [],
    isDisposed: false,
    attended: undefined,
    emitter: undefined,
    room: undefined,
    ids: 0,
    isGating: false,
    isAskedAgain: false,
    looking: undefined,
    gate: undefined,
    run: undefined,
    late: undefined,
    failures: 0,
    quietUntil: 0,
    isCalling: false,
    seen: undefined,
    told: undefined,
    cancelRepair: undefined,
    repairs: 0,
    ended: undefined,
    scheduler: undefined,
    wokeAt: Number.NEGATIVE_INFINITY,
    mayProbe: false,
    starts: 0,
    started: 0,
    begun: none,
    ends: 0,
    erasing: 0,
    ending: undefined,
  };
}

/** Whether the server may be asked as far as this pause, if there is one, is concerned. */
export function mayAsk({ settings }: Engine, pause: Parameters<typeof mayRetry>[0] | undefined): boolean {
  return !pause || mayRetry(pause, settings.platform.clock.now(), settings.retry);
}

/** A session is being started: nothing is refreshed meanwhile, and what the storage holds is no news. */
export function isStarting({ started, starts }: Engine): boolean {
  return started < starts;
}
