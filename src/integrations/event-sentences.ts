import type { TokenEvents } from '../core/session-events.js';
import type { AnyTokenError } from '../errors.js';
import type { SessionSnapshot } from '../manager/token-manager.js';

/** A sentence for each event. */
type Sentences = { readonly [Type in keyof TokenEvents]: (event: TokenEvents[Type]) => string };
type Words = Readonly<Record<string, string>>;

const STARTED: Words = {
  'sign-in': 'Somebody signed in',
  storage: 'A session was found in the storage',
  cookie: 'A session was found by its cookie',
  grant: 'The client was granted its first tokens',
  peer: 'Somebody signed in elsewhere on this storage',
};
const WHY: Words = {
  due: 'the access token expires soon',
  expired: 'the access token has expired and a caller waits',
  rejected: 'a server refused the access token',
  asked: 'refresh() was called',
  resume: 'a cookie may stand for a session, or a client be granted its first tokens',
};
const ENDED: Words = {
  ended: 'endSession() was called',
  rejected: 'the token endpoint says that the grant is over',
  lost: 'the answer to a refresh was lost, and the refresh token then refused',
  expired: 'the access token has expired and there is no refresh token',
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
      : `Refreshed${aim(target)} after ${span(durationMs)}, attempts: ${attempts}, ${because(reason)}: ${lifetime(expiresAt, at)}, the refresh token is ${rotated ? 'a new one' : 'the same'}.`,
  refreshFailed: ({ error, at, attempt, retryAt, target }) =>
    `Attempt ${attempt} of a refresh${aim(target)} failed: ${told(error)} ${retryAt === undefined ? 'No next attempt is planned' : `The next attempt comes in ${span(retryAt - at)}`}.`,
  requestRejected: ({ status, origin, replayed, challenges }) => {
    const asked = challenges.map(({ parameters }) => parameters.error).find(Boolean);
    return `${origin} refused a request with ${status}${asked ? ` (${asked})` : ''}. ${
      replayed
        ? 'That was the replay, with a new access token: look for a wrong audience, key or clock'
        : status === 401 && !asked?.startsWith('insufficient')
          ? 'It is replayed with a new access token, if that can be'
          : 'It wants more than this session may do, which no refresh changes'
    }.`;
  },
  requestPassedOver: ({ origin }) =>
    `A request went out without the access token: ${origin} is not among \`origins\`. Said once for each origin.`,
  storageFailed: ({ operation, error }) =>
    `The storage failed to ${operation}: ${told(error)} The session lives on in memory.`,
  revokeFailed: ({ error }) => `The server could not be told that the session is over: ${told(error)}`,
  sessionEnded: ({ reason, error }) => `The session ended: ${ENDED[reason] ?? reason}.${after(error)}`,
};

/** How things are, in a sentence. */
export function stateSentence({ status, refreshing, expiresAt, error }: SessionSnapshot): string {
  if (status === 'loading') return 'The session is not loaded yet.';
  const until = expiresAt === undefined ? 'of unknown lifetime' : `until ${new Date(expiresAt).toISOString()}`;
  const state =
    status === 'none'
      ? 'Nobody is signed in'
      : `Somebody is signed in, with an access token ${until}${refreshing ? ', and a refresh is under way' : ''}`;
  return `${state}.${after(error)}`;
}

function because(reason: string): string {
  return `because ${WHY[reason] ?? `of ${reason}`}`;
}

function lifetime(expiresAt: number | undefined, at: number): string {
  return `the access token ${expiresAt === undefined ? 'is of unknown lifetime' : `lives for ${span(expiresAt - at)}`}`;
}

function told({ code, message }: AnyTokenError): string {
  return `${message.replace(/\.$/, '')} [${code}].`;
}

function after(error: AnyTokenError | undefined): string {
  return error ? ` ${told(error)}` : '';
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
