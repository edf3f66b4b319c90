import type { TokenEvents } from '../core/session-events.js';
import type { AnyTokenError } from '../errors.js';
import type { SessionSnapshot } from '../manager/token-manager.js';

/** A sentence for each event. */
type Sentences = { readonly [Type in keyof TokenEvents]: (event: TokenEvents[Type]) => string };

const STARTED: Readonly<Record<string, string>> = {
  'sign-in': 'Somebody signed in',
  storage: 'A session was found in the storage',
  cookie: 'A session was resumed from its cookie',
  grant: 'The client was granted its first tokens',
  peer: 'Somebody signed in elsewhere on this storage',
};
const WHY: Readonly<Record<string, string>> = {
  due: 'because the access token is going to expire; no caller has to wait',
  expired: 'because the access token has expired and a caller waits',
  rejected: 'because a server refused the access token',
  asked: 'because refresh() was called',
  resume:
    'to learn whether the cookie still stands for a session, or to get the first tokens of a client that is granted them',
};
const ENDED: Readonly<Record<string, string>> = {
  ended: 'endSession() was called',
  rejected: 'the token endpoint says that the grant is over',
  lost: 'the answer to a refresh never came, and the token endpoint then refused the same refresh token',
  expired: 'the access token is over and there is no refresh token',
  peer: 'it was ended elsewhere on this storage',
  replaced: 'another sign-in took its place',
};

/** What happened, in a sentence for people, without a token, a claim or a path. */
export const eventSentences: Sentences = {
  sessionStarted: ({ from }) => `${STARTED[from] ?? 'A session started'}.`,
  refreshStarted: ({ reason, attempt, target }) => `Refreshing${aim(target)}, attempt ${attempt}, ${because(reason)}.`,
  refreshed: ({ by, at, expiresAt, durationMs, attempts, rotated, reason, target }) =>
    by === 'peer'
      ? `Took the tokens that a peer has got${aim(target)}: ${lifetime(expiresAt, at)}.`
      : `Refreshed${aim(target)} after ${span(durationMs)} and ${count(attempts, 'attempt')}, ${because(reason)}: ${lifetime(expiresAt, at)}, and the refresh token ${rotated ? 'is a new one' : 'stays the same'}.`,
  refreshFailed: ({ error, at, attempt, retryAt, target }) =>
    `Attempt ${attempt} of a refresh${aim(target)} failed: ${told(error)} ${retryAt === undefined ? 'No next attempt is planned.' : `The next attempt comes in ${span(retryAt - at)}.`}`,
  requestRejected: ({ status, origin, replayed, challenges }) => {
    const asked = challenges.map(({ parameters }) => parameters.error).find(Boolean);
    return `${origin} refused a request with ${status}${asked ? ` (${asked})` : ''}. ${
      replayed
        ? 'That was the replay, with a new access token: look for a wrong audience, key or clock. The answer is passed on.'
        : status === 401 && !asked?.startsWith('insufficient')
          ? 'A new access token is got, and the request replayed if that can be.'
          : 'It wants more than this session may do, which no refresh changes. The answer is passed on.'
    }`;
  },
  requestPassedOver: ({ origin }) =>
    `A request to ${origin} went out without the access token: that origin is not among \`origins\`. Said once for each origin.`,
  storageFailed: ({ operation, error }) =>
    `The storage failed to ${operation}: ${told(error)} The session lives on in memory.`,
  revokeFailed: ({ error }) =>
    `The server could not be told that the session is over, which it is here: ${told(error)}`,
  sessionEnded: ({ reason, error }) =>
    `The session ended: ${ENDED[reason] ?? reason}.${error ? ` ${told(error)}` : ''}`,
};

/** How things are, in a sentence. */
export function stateSentence({ status, refreshing, expiresAt, error }: SessionSnapshot): string {
  if (status === 'loading') return 'Nobody has asked for the session yet, or it is being loaded.';
  if (status === 'none') return `Nobody is signed in.${error ? ` ${told(error)}` : ''}`;
  const until =
    expiresAt === undefined ? 'the server did not say for how long' : `until ${new Date(expiresAt).toISOString()}`;
  return `Somebody is signed in, with an access token for now (${until})${refreshing ? ', and a refresh is under way' : ''}.${error ? ` ${told(error)}` : ''}`;
}

function because(reason: string): string {
  return WHY[reason] ?? `because of ${reason}`;
}

function lifetime(expiresAt: number | undefined, at: number): string {
  return expiresAt === undefined
    ? 'the server did not say how long the access token lives'
    : `the access token lives for ${span(expiresAt - at)}`;
}

function told({ code, message }: AnyTokenError): string {
  return `${message.replace(/\.?$/, '')} [${code}].`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

/** A duration in the unit that suits it. */
export function span(ms: number): string {
  const [unit, size] =
    ms < 1_000 ? ['ms', 1] : ms < 120_000 ? ['s', 1_000] : ms < 7_200_000 ? ['min', 60_000] : ['h', 3_600_000];
  return `${Math.max(0, Math.round(ms / (size as number)))} ${unit}`;
}

/** What a refresh was for, where that is another API than the session's own. */
function aim(target: string | undefined): string {
  return target === undefined ? '' : ` for ${target.replace(/\|+/g, ' ').trim()}`;
}
