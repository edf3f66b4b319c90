import type { TokenEvents } from '../core/session-events.js';
import type { AnyTokenError } from '../errors.js';
import type { SessionSnapshot } from '../manager/token-manager.js';

/** A sentence for each event. */
type Sentences = { readonly [Type in keyof TokenEvents]: (event: TokenEvents[Type]) => string };
type Words = Readonly<Record<string, string>>;

const STATES: Words = {
  none: 'Nobody is signed in',
  loading: 'The session is not loaded yet',
};
const STARTED: Words = {
  'sign-in': 'Somebody signed in',
  peer: 'Somebody signed in elsewhere on this storage',
  storage: 'A session was found in the storage',
  cookie: 'A session was found by its cookie',
  grant: 'The client was granted its first tokens',
};
const WHY: Words = {
  asked: 'refresh() was called',
  rejected: 'a server refused the access token',
  due: 'the access token expires soon',
  expired: 'the access token has expired and a caller waits',
  resume: 'a cookie or a grant may bring a session',
};
// of the other reasons the error tells
const ENDED: Words = {
  ended: 'endSession() was called',
  peer: 'it was ended elsewhere on this storage',
  replaced: 'another sign-in took its place',
};

/** What happened, in a sentence for people, without a token, a claim or a path. */
export const eventSentences: Sentences = {
  sessionStarted: (event) => `${STARTED[event.from] ?? 'A session started'}.`,
  refreshStarted: (event) =>
    `Refreshing${aim(event)}, attempt ${event.attempt}, because ${WHY[event.reason] ?? `of ${event.reason}`}.`,
  refreshed: (event) =>
    `${
      event.by === 'peer'
        ? `Took the tokens of a peer${aim(event)}`
        : `Refreshed${aim(event)} after ${span(event.durationMs)}, attempts: ${event.attempts}, because ${WHY[event.reason] ?? `of ${event.reason}`}, with ${event.rotated ? 'a new' : 'the same'} refresh token`
    }: the access token ${event.expiresAt ? `lives for ${span(event.expiresAt - event.at)}` : 'is of unknown lifetime'}.`,
  refreshFailed: (event) =>
    `Attempt ${event.attempt} of a refresh${aim(event)} failed:${told(event)} ${event.retryAt ? `Next attempt in ${span(event.retryAt - event.at)}` : 'No next attempt'}.`,
  requestRejected: (event) => {
    const said = [event.status, ...event.challenges.flatMap(({ parameters }) => parameters.error ?? [])].join(' ');
    return `${event.origin} refused a request with ${said}. ${
      event.replayed
        ? 'That was the replay: look for a wrong audience, key or clock'
        : said.includes('insufficient')
          ? 'It wants more than this session may do, which no refresh changes'
          : 'It is replayed with a new access token, if that can be'
    }.`;
  },
  requestPassedOver: (event) =>
    `A request went out without the access token: ${event.origin} is not among \`origins\`. Said once for each origin.`,
  storageFailed: (event) => `The storage failed to ${event.operation}:${told(event)} The session lives on in memory.`,
  revokeFailed: (event) => `The server could not be told that the session is over:${told(event)}`,
  sessionEnded: (event) => `The session ended: ${ENDED[event.reason] ?? event.reason}.${told(event)}`,
};

/** How things are, in a sentence. */
export function stateSentence(state: SessionSnapshot): string {
  return `${
    STATES[state.status] ??
    `Somebody is signed in, with an access token ${state.expiresAt ? `until ${new Date(state.expiresAt).toISOString()}` : 'of unknown lifetime'}${state.refreshing ? ', refreshing' : ''}`
  }.${told(state)}`;
}

function told({ error }: { readonly error?: AnyTokenError | undefined }): string {
  return error ? ` ${error.message.replace(/\.?$/, ` [${error.code}].`)}` : '';
}

/** A duration in the unit that suits it. */
export function span(ms: number): string {
  const [unit, size] =
    ms < 1_000 ? ['ms', 1] : ms < 120_000 ? ['s', 1_000] : ms < 7_200_000 ? ['min', 60_000] : ['h', 3_600_000];
  return `${(ms > 0 ? ms / (size as number) : 0).toFixed()} ${unit}`;
}

/** What a refresh was for, where that is another API than the session's own. */
function aim({ target }: { readonly target?: string }): string {
  return target ? ` for ${target.replace(/\|+/g, ' ').trim()}` : '';
}
