import type { Challenge } from '../../core/challenge.js';
import { markOf } from '../../core/mark-of.js';
import { nextStep } from '../../core/next-step.js';
import type { RefreshReason } from '../../core/session-events.js';
import type { OtherAccess, SessionRecord } from '../../core/session-record.js';
import { keepOther, type Target } from '../../core/target.js';
import { LockError, SessionError } from '../../errors.js';
import type { ErrandDesk } from '../../manager/errand.js';
import type { TokenManager } from '../../manager/token-manager.js';

/** What is asked for, and who asks. */
export interface Aim {
  readonly tokens: TokenManager;
  readonly errands: ErrandDesk;
  readonly target: Target;
  /** The name of the target in the session's record. */
  readonly name: string;
}

/** What a caller wants of an errand. */
export interface Wish {
  readonly reason: RefreshReason;
  readonly challenge?: Challenge | undefined;
  isMet(other: OtherAccess | undefined): boolean;
}

/** One errand under way, for all who wait for it. */
interface Room {
  readonly sessionId: string;
  /** The last sign of life, in epoch milliseconds. */
  aliveAt: number;
  token: Promise<string>;
}

/** The errand under way, tokens that came late, and one of our own. */
const MAX_ROUNDS = 3;
/** Beside the request: waiting for the lock, and for the storage. */
const MARGIN_MS = 60_000;

/** Runs the errands for one target: one at a time, for all who wait. */
export interface ErrandRoom {
  /** The errand under way for this session, and not dead by the clock. */
  current(record: SessionRecord): Promise<string> | undefined;
  /** The errand under way, or one that starts now. */
  enter(record: SessionRecord, wish: Wish): Promise<string>;
}

export function createErrandRoom(aim: Aim): ErrandRoom {
  const { clock } = aim.errands.settings.platform;
  const limitMs = 2 * aim.errands.settings.timeoutMs + MARGIN_MS;
  let room: Room | undefined;

  function current({ sessionId }: SessionRecord): Promise<string> | undefined {
    return room?.sessionId === sessionId && clock.now() - room.aliveAt <= limitMs ? room.token : undefined;
  }

  function enter(record: SessionRecord, wish: Wish): Promise<string> {
    const { sessionId } = record;
    const entered: Room = { sessionId, aliveAt: clock.now(), token: Promise.resolve('') };
    const leave = () => {
      if (room === entered) room = undefined;
    };
    entered.token = run(aim, sessionId, wish, () => {
      entered.aliveAt = clock.now();
    });
    entered.token.then(leave, leave);
    room = entered;
    return entered.token;
  }

  return { current, enter: (record, wish) => current(record) ?? enter(record, wish) };
}

/** Asks as often as a refresh does, until there is what is wanted. */
async function run(
  { tokens, errands, target, name }: Aim,
  sessionId: string,
  wish: Wish,
  alive: () => void,
): Promise<string> {
  const { retry, platform } = errands.settings;
  const { clock, wakeups } = platform;
  const attempts = wakeups.isOnline() ? retry.attempts : 1;
  const suffix = `.${(markOf(name) >>> 0).toString(36)}`;
  let attempt = 1;
  for (let round = 1; round <= MAX_ROUNDS; ) {
    alive();
    const base = await errands.session(undefined);
    if (base.sessionId !== sessionId) {
      throw new SessionError(
        'ERR_NO_SESSION',
        'The session is over for which an access token was asked; sign in again.',
      );
    }
    const outcome = await errands.run(
      { ...wish, target, name, suffix, attempt, keep: (others, other) => keepOther(others, name, other, clock.now()) },
      base,
    );
    if (outcome.kind === 'refreshed') {
      const other = outcome.record.others?.[name];
      // Of an answer to us the token is good to be used once, however short it lives.
      if (other?.accessToken !== undefined && (outcome.request || wish.isMet(other))) return other.accessToken;
    } else if (outcome.kind === 'failed') {
      const step = { attempt, attempts, reason: wish.reason, failure: outcome, found: undefined, now: clock.now() };
      const next = nextStep(step, retry);
      if (next.step === 'retry') {
        await new Promise<void>((resolve) => void clock.after(Math.max(0, next.delayMs), resolve));
        attempt++;
        continue;
      }
      // Whether it is the grant that is over, only the session's own refresh can tell.
      if (outcome.isDoubt) await tokens.refresh();
      if (outcome.error.code !== 'ERR_LOCK_LOST') throw outcome.error;
    }
    round++;
  }
  throw new LockError(
    'ERR_LOCK_TIMEOUT',
    `Expected an access token, but ${MAX_ROUNDS} other refreshes came first; try again.`,
  );
}
