import { nextStep } from '../../core/next-step.js';
import type { SessionRecord } from '../../core/session-record.js';
import type { Target } from '../../core/target.js';
import { LockError, SessionError } from '../../errors.js';
import type { TokenManager } from '../../manager/token-manager.js';
import type { ErrandWish } from './errand-steps.js';
import { type Errands, LOOK_MS } from './errands.js';

/** What is asked for, and who asks. */
export interface Aim {
  readonly tokens: TokenManager;
  readonly errands: Errands;
  readonly target: Target;
  /** The name of the target in the session's record. */
  readonly name: string;
}

/** What a caller wants of an errand. */
export type Wish = Pick<ErrandWish, 'reason' | 'challenge' | 'isMet'>;

/** One errand under way, for all who wait for it. */
interface Room {
  readonly sessionId: string;
  /** The last sign of life, in epoch milliseconds. */
  aliveAt: number;
  token: Promise<string>;
}

/** The errand under way, tokens that came late, and one of our own. */
const MAX_ROUNDS = 3;

/** Runs the errands for one target: one at a time, for all who wait. */
export interface ErrandRoom {
  /** The errand under way for this session, and not dead by the clock. */
  current(record: SessionRecord): Promise<string> | undefined;
  /** The errand under way, or one that starts now. */
  enter(record: SessionRecord, wish: Wish): Promise<string>;
  /** The same; should the one under way turn out to be dead by the clock, one that starts then. */
  wait(record: SessionRecord, wish: Wish): Promise<string>;
}

export function createErrandRoom(aim: Aim): ErrandRoom {
  const { host } = aim.errands;
  const { clock } = host.settings.platform;
  let room: Room | undefined;

  function current({ sessionId }: SessionRecord): Promise<string> | undefined {
    return room?.sessionId === sessionId && host.isAlive(room.aliveAt) ? room.token : undefined;
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

  function wait(record: SessionRecord, wish: Wish): Promise<string> {
    const joined = current(record) && room;
    if (!joined) return enter(record, wish);
    return new Promise((resolve, reject) => {
      let cancel = (): void => undefined;
      // Whose work was cut off has taken its timers along: whoever waits looks for himself.
      const look = () => {
        if (host.isAlive(joined.aliveAt)) cancel = clock.after(LOOK_MS, look);
        else resolve(wait(record, wish));
      };
      look();
      joined.token.then(resolve, reject).finally(() => cancel());
    });
  }

  return { current, enter: (record, wish) => current(record) ?? enter(record, wish), wait };
}

/** Asks as often as a refresh does, until there is what is wanted. */
async function run(
  { tokens, errands, target, name }: Aim,
  sessionId: string,
  wish: Wish,
  alive: () => void,
): Promise<string> {
  const { retry, platform } = errands.host.settings;
  const { clock, wakeups } = platform;
  const attempts = wakeups.isOnline() ? retry.attempts : 1;
  let attempt = 1;
  for (let round = 1; round <= MAX_ROUNDS; ) {
    alive();
    const base = await errands.host.known(undefined);
    if (base.sessionId !== sessionId) {
      throw new SessionError(
        'ERR_NO_SESSION',
        'The session is over for which an access token was asked; sign in again.',
      );
    }
    const outcome = await errands.run({ ...wish, target, name, attempt }, base);
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
