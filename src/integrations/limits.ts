import { hooks } from '../core/hooks.js';
import { SessionError, StorageError } from '../errors.js';
import type { SessionSnapshot, SourceHooks, TokenManager, TokenSource } from '../manager/token-manager.js';
import { systemClock } from '../time/system-clock.js';
import {
  CONTESTED_MS,
  endShown,
  isKnown,
  type Keeping,
  look,
  over,
  review,
  save,
  sessionOf,
  stop,
  use,
} from './limits/keeper.js';
import { type LimitStorage, limitItems } from './limits/limit-items.js';
import { type Because, tighter } from './limits/limited.js';
import { type Clock, steadyTime } from './limits/steady-time.js';
import { checkNames, refuse } from './origins.js';
import { reportFault } from './report-fault.js';

/** How long a session may last. */
export interface LimitOptions {
  /** Milliseconds without use, in any peer, after which the session ends. Default: no idle limit. */
  idleMs?: number | undefined;
  /** Milliseconds from the start of the session to its end, however much it is used. Default: no absolute limit. */
  absoluteMs?: number | undefined;
  /** Milliseconds before the end at which `warned` is told. Default: no warning. */
  warnMs?: number | undefined;
  /** Where the peers keep what they have to know of each other; no token is in there. Required: `localStorage` in a page. */
  storage: LimitStorage;
  /** Names the two items there, the second with `:used` after it. Default: `evertoken:`, the manager's key, `:limits`. */
  key?: string | undefined;
  /** Default: the time of the machine. On a server give `platform.clock`. */
  clock?: Clock | undefined;
}

/** What is told of the end of a session. */
export interface LimitEvent {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly sessionId: string;
  /** Epoch milliseconds of the end, as far as the session is used no more. */
  readonly endsAt: number;
  readonly because: Because;
}

/** What {@link LimitedSession.on} tells. */
export interface LimitEvents {
  /** The end is `warnMs` away. */
  warned: LimitEvent;
  /** The end is farther away again: the session was used, here or in a peer. */
  warningLifted: LimitEvent;
  /** The session has been ended by its limit; `sessionEnded` says `ended` or, in the other peers, `peer`. */
  limitReached: LimitEvent;
}

/** A source of access tokens that ends its session in time; give it to `createFetch`. */
export interface LimitedSession extends TokenSource {
  /** The same for requests that are no use of the session, such as polls: it serves, and nothing is put off. */
  readonly background: TokenSource;
  /** The user did something. Asking for an access token counts as well; a refresh does not. */
  used(): void;
  /**
   * Makes the limits of this session tighter, in every peer; never looser. For signs of a risk.
   *
   * Resolves when it is stored; peers know at their next call, and without a call within 60 s.
   *
   * @param limits.idleMs Counts from this call at the earliest, because use in a peer may not be known here yet.
   * @param limits.endsAt Epoch milliseconds; ends the session at once if that is past.
   * @throws {OptionsError} `ERR_OPTIONS`: no number that fits
   * @throws {SessionError} `ERR_NO_SESSION`
   * @throws {StorageError} `ERR_STORAGE_WRITE`: holds here alone for now; goes on trying
   */
  tighten(limits: { idleMs?: number | undefined; endsAt?: number | undefined }): Promise<void>;
  /** When the session ends if it is used no more, in epoch milliseconds, and why; without any token. */
  getSnapshot(): {
    readonly status: SessionSnapshot['status'];
    readonly endsAt: number | undefined;
    readonly because: Because | undefined;
  };
  /** Calls the listener on every event of this type; returns an unsubscribe function. */
  on<Type extends keyof LimitEvents>(type: Type, listener: (event: LimitEvents[Type]) => void): () => void;
  /** Lets go of timers and listeners; the manager and its session stay, without limits. */
  dispose(): void;
}

const OPTIONS = ['idleMs', 'absoluteMs', 'warnMs', 'storage', 'key', 'clock'];

/**
 * Ends a session after a time without use, and after a time altogether, across all its peers.
 *
 * Begins with the first use of the manager, or with a session that it has by now. Give every client that asks for access
 * tokens what this returns, not the manager: a call after the limit, as after a sleep, is refused before any request.
 *
 * @throws {OptionsError} `ERR_OPTIONS`
 *
 * @example
 * const session = limitSession(tokens, { idleMs: 15 * 60_000, absoluteMs: 12 * 3_600_000, storage: localStorage });
 * const api = createFetch(session, { origins: ['https://api.example'] });
 */
export function limitSession(tokens: TokenManager, options: LimitOptions): LimitedSession {
  const { listeners, keeping } = start(tokens, options);
  const stops = [
    tokens.on('sessionStarted', () => void look(keeping)),
    tokens.on('sessionEnded', ({ sessionId, reason }) => sessionId && over(keeping, sessionId, reason)),
  ];
  if (tokens.getSnapshot().status === 'active') void look(keeping);
  const getSnapshot: LimitedSession['getSnapshot'] = () => {
    const session = sessionOf(keeping);
    const { at = Infinity, because } = session ? endShown(keeping, session) : {};
    const endsAt = at < Infinity ? at - keeping.time.aheadMs : undefined;
    return { status: tokens.getSnapshot().status, endsAt, because };
  };
  // `status` is what `createFetch` looks at where the storage is dead
  const background = Object.assign(
    sourceOf(keeping, () => undefined),
    { getSnapshot },
  );
  return Object.assign(
    sourceOf(keeping, () => use(keeping)),
    {
      background,
      used: () => {
        if (isKnown(keeping)) use(keeping);
        else void look(keeping).then(() => use(keeping));
      },
      tighten: (limits: Parameters<LimitedSession['tighten']>[0]) => tighten(keeping, limits),
      getSnapshot,
      on: <Type extends keyof LimitEvents>(type: Type, listener: (event: LimitEvents[Type]) => void) => {
        if (!Object.hasOwn(listeners, type)) refuse('type', `one of ${Object.keys(listeners).join(', ')}`, type);
        if (typeof listener !== 'function') refuse('listener', 'a function', listener);
        const own: Listener = (event) => listener(event);
        listeners[type].add(own);
        return () => void listeners[type].delete(own);
      },
      dispose: () => {
        keeping.isDisposed = true;
        stop(keeping);
        for (const leave of stops) leave();
        for (const each of Object.values(listeners)) each.clear();
      },
    },
  );
}

type Listener = (event: LimitEvent) => void;

function start(
  tokens: TokenManager,
  options: LimitOptions,
): { keeping: Keeping; listeners: Record<keyof LimitEvents, Set<Listener>> } {
  if (typeof tokens?.endSession !== 'function') refuse('tokens', 'a token manager', tokens);
  const given = Object(options) as LimitOptions;
  checkNames(given, OPTIONS);
  const { idleMs, absoluteMs, warnMs = 0, storage, clock = systemClock() } = given;
  for (const [name, ms] of Object.entries({ idleMs, absoluteMs, warnMs: given.warnMs })) checkNumber(name, ms);
  const isStorage = (['getItem', 'setItem', 'removeItem'] as const).every(
    (name) => typeof storage?.[name] === 'function',
  );
  if (!isStorage) refuse('storage', 'a storage such as localStorage', storage);
  if (typeof clock?.now !== 'function' || typeof clock.after !== 'function') refuse('clock', 'a clock', clock);
  const { key = `evertoken:${tokens[hooks]?.key ?? 'session'}:limits` } = given;
  if (typeof key !== 'string' || !key) refuse('key', 'a string that is not empty', key);
  const listeners = {
    warned: new Set<Listener>(),
    warningLifted: new Set<Listener>(),
    limitReached: new Set<Listener>(),
  };
  const time = steadyTime(clock);
  const keeping: Keeping = {
    tokens,
    limits: { idleMs, absoluteMs },
    warnMs,
    items: limitItems(storage, key, clock),
    clock,
    time,
    session: undefined,
    looking: undefined,
    cancel: undefined,
    isDisposed: false,
    emit: (type, { at: endsAt, because }, sessionId) => {
      if (!because) return;
      const event = Object.freeze({ at: clock.now(), sessionId, endsAt: endsAt - time.aheadMs, because });
      for (const listener of listeners[type]) tell(listener, event);
    },
  };
  return { keeping, listeners };
}

/** A listener's fault is the application's own, and harms nobody else. */
function tell(listener: Listener, event: LimitEvent): void {
  try {
    listener(event);
  } catch (error) {
    reportFault(error);
  }
}

function checkNumber(name: string, value: unknown): void {
  if (value !== undefined && !(typeof value === 'number' && value > 0 && value < Infinity)) {
    refuse(name, 'a number above 0', value);
  }
}

/** The manager's access tokens, each after a look at the limits. */
function sourceOf(keeping: Keeping, count: () => void): TokenSource {
  const { tokens } = keeping;
  async function after<T>(signal: AbortSignal | undefined, counts: boolean, serve: () => Promise<T>): Promise<T> {
    if (!keeping.isDisposed && !isKnown(keeping)) await unlessAborted(look(keeping), signal);
    if (counts) count();
    return serve();
  }
  const source: TokenSource = {
    getAccessToken: (options) => after(options?.signal, true, () => tokens.getAccessToken(options)),
    replaceAccessToken: (rejected, options) =>
      after(options?.signal, false, () => tokens.replaceAccessToken(rejected, options)),
  };
  const below = tokens[hooks];
  if (!below) return source;
  const { replace } = below;
  const guarded: SourceHooks['replace'] = (rejected, sent, options) =>
    after(options?.signal, false, () =>
      replace ? replace.call(below, rejected, sent, options) : tokens.replaceAccessToken(rejected, options),
    );
  const around = new Proxy(below, {
    get: (target, name) => {
      const member: unknown = name === 'replace' ? guarded : Reflect.get(target, name, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
  return Object.defineProperty(source, hooks, { value: around });
}

/** Detaches one caller, with the reason of its own signal. */
function unlessAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason);
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave);
    void work.then(resolve).finally(() => signal.removeEventListener('abort', leave));
  });
}

async function tighten(keeping: Keeping, limits: Parameters<LimitedSession['tighten']>[0]): Promise<void> {
  const { idleMs, endsAt } = Object(limits) as typeof limits;
  checkNumber('idleMs', idleMs);
  checkNumber('endsAt', endsAt);
  if (idleMs === undefined && endsAt === undefined) refuse('limits', 'idleMs or endsAt', limits);
  await look(keeping);
  const session = sessionOf(keeping);
  if (!session) throw new SessionError('ERR_NO_SESSION', 'Expected a session to tighten, but nobody is signed in.');
  const { time } = keeping;
  const { sessionId, startedAt } = session.terms;
  session.terms = tighter(session.terms, {
    sessionId,
    startedAt,
    ...(idleMs !== undefined && { idleMs, tightenedAt: time.now() }),
    ...(endsAt !== undefined && { endsAt: endsAt + time.aheadMs }),
  });
  session.contestedUntil = time.now() + CONTESTED_MS;
  review(keeping);
  await save(keeping, session, session.terms).catch(() => {
    throw new StorageError(
      'ERR_STORAGE_WRITE',
      'The tighter limits hold here, but could not be stored for the peers yet.',
    );
  });
  await look(keeping);
}
