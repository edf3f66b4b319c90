import { hooks } from '../../core/hooks.js';
import type { SessionSnapshot, TokenManager } from '../../manager/token-manager.js';
import type { Clock } from '../../ports/clock.js';
import { atMost } from './fleet-clock.js';
import { wrongOption } from './lane-options.js';

/** Managers that requests use, kept while they are used. */
export interface AtHand {
  /** The manager of a session; what is got from it stays good, as it is opened again where it was let go. */
  session(key: string): TokenManager;
  dispose(): void;
}

interface Held {
  readonly tokens: TokenManager;
  /** Calls that are under way. */
  calls: number;
  /** When the storage was looked at last. */
  lookedAt: number;
  /** The look under way. */
  look?: Promise<unknown> | undefined;
}

/** So long what is held in memory is believed: a sign-out elsewhere is noticed by then, also where no channel tells it. */
const BELIEVED_MS = 1_000;

const USES = new Set<PropertyKey>(['getAccessToken', 'replaceAccessToken']);
/** What takes time: its manager is kept meanwhile. */
const CALLS = new Set<PropertyKey>([...USES, 'startSession', 'endSession', 'refresh', 'ready', 'settled']);

/**
 * Keeps at most `limit` managers; the one that was not used for longest goes first, unless a call of it is under way.
 *
 * `noteUse` is told of every call that asks for a token, when it begins, and with the session's snapshot when it ends.
 */
export function createAtHand(
  open: (key: string) => TokenManager,
  limit: number,
  clock: Clock,
  noteUse: (key: string, snapshot?: SessionSnapshot) => void,
): AtHand {
  const held = new Map<string, Held>();

  function hold(key: string): Held {
    // a manager without a key has one of its own, which all customers without one would share
    if (typeof key !== 'string') throw wrongOption('the key of a session', 'a string', typeof key);
    const known = held.get(key);
    const entry = known ?? { tokens: open(key), calls: 0, lookedAt: Number.NEGATIVE_INFINITY };
    held.delete(key);
    held.set(key, entry); // the last one in a Map is the one used last
    if (!known) letGo(entry);
    return entry;
  }

  function letGo(asked: Held | undefined): void {
    for (const [key, one] of held) {
      const { tokens, calls } = one;
      if (held.size <= limit) return;
      if (calls > 0 || one === asked) continue;
      held.delete(key);
      tokens.dispose();
    }
  }

  /** A storage that hangs holds up nobody for longer than what is held would be believed. */
  async function lookAgain(entry: Held): Promise<void> {
    const { tokens, lookedAt } = entry;
    const agoMs = clock.now() - lookedAt;
    const isRecent = agoMs >= 0 && agoMs < BELIEVED_MS;
    if (!isRecent && !entry.look) {
      entry.lookedAt = clock.now();
      // any other one reads by itself
      if (tokens.getSnapshot().status !== 'active') return;
      const done = () => {
        entry.look = undefined;
      };
      entry.look = tokens[hooks]?.look?.().then(done, done);
      if (entry.look) await atMost(clock, BELIEVED_MS, entry.look);
    } else if (isRecent && entry.look) await atMost(clock, BELIEVED_MS - agoMs, entry.look);
  }

  /** Notes a use, and keeps the manager while the call is under way. */
  function counted(key: string, name: PropertyKey): unknown {
    const isUse = USES.has(name);
    return async (...given: unknown[]) => {
      if (isUse) noteUse(key);
      const entry = hold(key);
      entry.calls++;
      try {
        if (isUse) await lookAgain(entry);
        return await (Reflect.get(entry.tokens, name) as (...given: unknown[]) => unknown)(...given);
      } finally {
        entry.calls--;
        if (isUse) noteUse(key, entry.tokens.getSnapshot());
        letGo(undefined);
      }
    };
  }

  return {
    session(key) {
      hold(key);
      // Not around the manager: hidden members of that one could not be answered by another one, once it was let go.
      return new Proxy({} as TokenManager, {
        get: (_, name) => (CALLS.has(name) ? counted(key, name) : Reflect.get(hold(key).tokens, name)),
        has: (_, name) => Reflect.has(hold(key).tokens, name),
      });
    },
    dispose() {
      for (const { tokens } of held.values()) tokens.dispose();
      held.clear();
    },
  };
}
