import { type Challenge, readChallenges } from '../core/challenge.js';
import { optionError, readTarget } from './origins.js';
import { describe, letGo, type Outgoing } from './outgoing.js';

/** Tells whether a server refused the access token. */
export type Rejected = (
  response: Response,
  request: { readonly url: string; readonly method: string },
) => boolean | PromiseLike<boolean>;

/** What a server said when it refused the token. */
export interface Rejection {
  readonly challenges: readonly Challenge[];
  readonly challenge: Challenge | undefined;
  /** Another token may help. */
  readonly isReplaceable: boolean;
}

/** Errors that mean a request must not ask the user for anything: it needs more than a new token (RFC 6750, RFC 9470). */
const NEEDS_MORE = ['insufficient_scope', 'insufficient_user_authentication'];
/** Errors that say nothing of the access token where the request was signed: the proof was refused (RFC 9449 section 7.1). */
const PROOF_REFUSED = ['use_dpop_nonce', 'invalid_dpop_proof'];

/** The members of a response that read its body. */
const BODY = /^(body|json|text|blob|bytes|array|form)/;

/** Reads from an answer whether the access token was refused; `verdict` is the word of the application. */
export function readRejection(
  response: Response,
  origin: string,
  isSigned: boolean,
  verdict?: boolean,
): Rejection | undefined {
  const { status } = response;
  if (!verdict && status !== 401 && status !== 403) return undefined;
  const { headers, url } = response;
  // `fetch` drops the token on a redirect to another origin, so an answer from there says nothing about it.
  const from = url && !verdict && readTarget(url);
  if (from && from.origin !== origin) return undefined;
  const challenges = readChallenges(headers.get('www-authenticate'));
  const challenge = challenges.find(({ scheme }) => scheme === 'bearer') ?? challenges[0];
  const hopeless = isSigned ? NEEDS_MORE.concat(PROOF_REFUSED) : NEEDS_MORE;
  const needsMore = challenges.some(({ parameters }) => hopeless.includes(parameters.error ?? ''));
  const isReplaceable = verdict ?? (status === 401 && !needsMore);
  return isReplaceable || needsMore ? { challenges, challenge, isReplaceable } : undefined;
}

/** Asks the application whether the access token was refused; where it fails to say, its mistake is reported. */
export async function judge(
  rejected: Rejected,
  response: Response,
  { goal, init, target: { url, origin } }: Outgoing,
  accessToken: string,
  isSigned: boolean,
): Promise<Rejection | undefined> {
  let copy: Response | undefined;
  // The body is cloned when it is first read, so that the caller's response stays unread.
  const get = (_: object, name: string | symbol): unknown => {
    const isBody = BODY.test(String(name));
    if (isBody) copy ??= response.clone();
    const from = (isBody && copy) || response;
    const value: unknown = Reflect.get(from, name, from);
    return typeof value === 'function' ? value.bind(from) : value;
  };
  let problem: string;
  try {
    const { method = (goal as { method?: string }).method ?? 'GET' } = init;
    const view = new Proxy(Object.create(Object.getPrototypeOf(response)), { get });
    const said: unknown = await rejected(view, { url, method: method.toUpperCase() });
    if (typeof said === 'boolean') return readRejection(response, origin, isSigned, said);
    problem = `a value of type ${typeof said} came`;
  } catch (error) {
    problem = describe(error, accessToken);
  } finally {
    letGo(copy?.body);
  }
  const { reportError = console.error } = globalThis as { reportError?: (error: unknown) => void };
  reportError(optionError('rejected', 'true or false', problem));
  return readRejection(response, origin, isSigned);
}
