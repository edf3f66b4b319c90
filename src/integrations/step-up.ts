import { readChallenges } from '../core/challenge.js';
import { type Need, readNeed } from '../core/step-up-need.js';
import type { TokenSource } from '../manager/token-manager.js';
import { createFetch, type FetchOptions } from './fetch.js';
import { checkSender, createTargets, readAllowedOrigins, readTarget, refuse } from './origins.js';
import { type Authorize, letGo, type Outgoing, prepare, sign, urlOf } from './outgoing.js';
import { createSender } from './sender.js';
import { createQuestions, type StepUpNeed } from './step-up/questions.js';

export type { StepUpNeed } from './step-up/questions.js';

/** How to ask the user; everything that `createFetch` takes as well. */
export interface StepUpOptions extends FetchOptions {
  /** Asks the user, and resolves with `true` when they have met the need. Anything else, and a throw, is a no. Required. */
  stepUp(need: StepUpNeed): Promise<boolean>;
}

/**
 * A `createFetch` that can also ask the user: one question for all requests that need the same.
 *
 * After a yes each of them is sent once more, with the access token that came of it. After a no, after a second refusal, and
 * where another session came of it, the caller gets the API's first answer, unread. Uploads from a stream ask nobody.
 *
 * @throws {OptionsError} `ERR_OPTIONS`
 *
 * @example
 * const api = stepUpFetch(tokens, { origins: ['https://api.example'], stepUp: ({ challenge }) => askInPopup(challenge) });
 */
export function stepUpFetch(tokens: TokenSource, options: StepUpOptions): typeof fetch {
  const { stepUp, ...rest } = Object(options) as StepUpOptions;
  if (typeof stepUp !== 'function') refuse('stepUp', 'a function', stepUp);
  checkSender(rest.fetch);
  const before = globalThis.fetch;
  const { send: below, mark, returns } = createSender(rest.fetch, before);
  const questions = createQuestions(stepUp);
  /** The access token of a request, by the headers that it is put on and by the response. */
  const carried = new WeakMap<object, string>();
  const authorize: Authorize | undefined =
    rest.authorize &&
    ((headers, accessToken) => {
      carried.set(headers, accessToken);
      return rest.authorize?.(headers, accessToken);
    });

  const send: typeof fetch = async (input, init) => {
    const response = await below(input, init);
    const { headers } = init ?? {};
    const bearer = /^Bearer (.+)$/.exec(new Headers(headers).get('authorization') ?? '')?.[1];
    const accessToken = carried.get(Object(headers)) ?? bearer;
    if (accessToken !== undefined) carried.set(response, accessToken);
    return response;
  };
  const api = createFetch(tokens, { ...rest, fetch: send, ...(authorize && { authorize }) });
  const targetOf = createTargets(readAllowedOrigins(rest));

  /** Another access token of the same session than the one that was refused; undefined where there is none. */
  async function otherThan(refused: string, signal: AbortSignal | undefined): Promise<string | undefined> {
    try {
      if ((await tokens.getAccessToken(signal && { signal })) === refused) return undefined;
      return await tokens.replaceAccessToken(refused, signal && { signal });
    } catch (error) {
      if (signal?.aborted) throw error;
      return undefined;
    }
  }

  async function ask(outgoing: Outgoing): Promise<Response> {
    const { signal, target, goal, init, headers } = outgoing;
    const sentAt = questions.now;
    mark?.(init);
    if (outgoing.ready) await outgoing.ready;
    const first = await api(goal, { ...init, headers });
    const refused = carried.get(first);
    const need = refused === undefined ? undefined : needOf(first, target.origin);
    if (!need || refused === undefined) return first;
    let next = await otherThan(refused, signal);
    if (next === undefined && (await questions.ask(target.origin, need, sentAt, signal))) {
      next = await otherThan(refused, signal);
    }
    if (next === undefined) return first;
    sign(outgoing, next, true);
    const { spare } = outgoing;
    outgoing.spare = undefined; // it is sent now, so it must not be cancelled later
    const second = await send(spare ?? goal, init);
    const isRefused = needOf(second, target.origin) !== undefined;
    letGo((isRefused ? second : first).body);
    return isRefused ? first : second;
  }

  return async (input, init) => {
    if (returns?.(init)) return before(input, init);
    const target = targetOf(urlOf(input));
    const outgoing = target?.isListed ? prepare(input, init, target, authorize) : undefined;
    try {
      return await (outgoing && !outgoing.isOneShot ? ask(outgoing) : api(input, init));
    } finally {
      if (outgoing?.spare) letGo(outgoing.spare.body);
    }
  };
}

function needOf({ status, headers, url }: Response, origin: string): Need | undefined {
  // past a redirect to elsewhere, the word is not that of the server that got the token
  const from = url ? readTarget(url) : undefined;
  return from && from.origin !== origin ? undefined : readNeed(status, readChallenges(headers.get('www-authenticate')));
}
