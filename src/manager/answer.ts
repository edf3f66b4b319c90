import { lostKey } from '../core/lost-key.js';
import { isProgrammingError } from '../core/programming-error.js';
import { containsPart, redact } from '../core/redact.js';
import { parseBody, type RefreshFailure, readRefusal } from '../core/refusal.js';
import { readRetryAfter } from '../core/retry-after.js';
import { type ReadTokens, readTokenResponse, type TokenSet } from '../core/token-set.js';
import type { RefreshErrorCode, SessionError } from '../errors.js';
import { safeCause } from './safe-cause.js';

/** What came of one request to the token endpoint. */
export type Answer = { readonly tokens: TokenSet; readonly cause?: Error } | Refused;

/** Anything but tokens. */
export interface Refused {
  readonly tokens?: undefined;
  readonly failure: RefreshFailure;
  readonly code: RefreshErrorCode;
  /** The server said something that tells that it did not rotate the refresh token. */
  readonly isAnswer: boolean;
  /** A new refresh token in an answer that is otherwise of no use. */
  readonly refreshToken?: string | undefined;
  readonly detail?: string | undefined;
  readonly cause?: Error | undefined;
  /** The key that the session is bound to is gone. */
  readonly lost?: SessionError;
}

/** What reading an answer depends on. */
export interface Asked {
  readonly requestedAt: number;
  readonly previous: TokenSet | undefined;
  readonly secrets: readonly (string | undefined)[];
  /** The access token comes in a cookie. */
  readonly isHidden: boolean;
  /** The name of the key that the session is bound to. */
  readonly binding?: string | undefined;
  now(): number;
}

const MAX_BODY_LENGTH = 262_144;

/** The codes of refusals that waiting does not help; any other is `ERR_REFRESH_UNAVAILABLE`. */
const CODES: Partial<Record<RefreshFailure['kind'], RefreshErrorCode>> = {
  config: 'ERR_REFRESH_CONFIG',
  interaction: 'ERR_REFRESH_INTERACTION',
};

/** Reads what the refresh function returned: an unread `Response`, or a token response. */
export async function readAnswer(value: unknown, asked: Asked): Promise<Answer> {
  if (!isResponse(value)) return readBody(value, asked);
  const { status } = value;
  const isSuccess = status >= 200 && status < 300;
  if (value.bodyUsed && asked.isHidden && isSuccess) return readBody({}, asked, status);
  if (value.bodyUsed) return unreadable('its body was read already; return the Response unread', status);
  const text = await value.text();
  if (isSuccess && text.length > MAX_BODY_LENGTH) {
    return unreadable(`over ${MAX_BODY_LENGTH} characters came`, status, readTokens(parseBody(text), asked));
  }
  return readBody(text, asked, status, value.headers.get('retry-after'), redirection(value, asked.secrets));
}

/** Reads what the refresh function threw: an HTTP client's error with the answer in it, an OAuth error, or anything. */
export async function readThrown(error: unknown, asked: Asked): Promise<Answer> {
  const cause = safeCause(error, asked.secrets);
  const lost = lostKey(error, asked.binding);
  if (lost) return { ...noAnswer('ERR_REFRESH_NETWORK'), lost };
  const { response, data, error: code, status = member(response, 'status') } = Object(error) as Record<string, unknown>;
  try {
    if (isResponse(response) && !response.bodyUsed) return { ...(await readAnswer(response, asked)), cause };
  } catch {
    // its connection broke while it was read: the status alone is what there is
  }
  // with all members of the error, as the description may say that the code means something else
  const oauth = typeof code === 'string' ? error : undefined;
  if (typeof status !== 'number' && !oauth) {
    const detail = `the refresh function threw a ${cause.name}, ${cause.message}: a bug in it, not the network`;
    return { ...noAnswer('ERR_REFRESH_NETWORK', cause), ...(isProgrammingError(cause) && { detail }) };
  }
  const headers = member(response, 'headers');
  const get = member(headers, 'get');
  // plain headers come in whatever case the client or the server wrote them
  const field = Object.keys(Object(headers)).find((name) => /^retry-after$/i.test(name)) ?? '';
  const retryAfter = typeof get === 'function' ? get.call(headers, 'retry-after') : member(headers, field);
  const body = data ?? member(response, 'data') ?? oauth;
  return { ...readBody(body, asked, typeof status === 'number' ? status : 400, retryAfter), cause };
}

/** Nothing came: whether the server rotated the refresh token is not known. */
export function noAnswer(code: RefreshErrorCode, cause?: Error): Refused {
  return { failure: { kind: 'transient' }, code, isAnswer: false, cause };
}

function readBody(
  value: unknown,
  asked: Asked,
  status?: number,
  retryAfter?: unknown,
  redirect?: string | undefined,
): Answer {
  const body = typeof value === 'string' ? parseBody(value) : value;
  const isSuccess = status === undefined || (status >= 200 && status < 300);
  const found = isSuccess ? readTokens(body, asked) : undefined;
  if (found && 'tokens' in found) return found;
  const retryAt = readRetryAfter(String(retryAfter), asked.now());
  const refusal = readRefusal({ body, ...(status && { status }), ...(retryAt && { retryAt }) });
  const failure = withoutSecret(refusal, asked.secrets);
  const html = typeof value === 'string' && /^\s*<[!?a-z]/i.test(value) && 'HTML instead of JSON came';
  const isElsewhere = redirect || status === 404 || status === 405 || (isSuccess && html);
  const seen = (what?: string | false) =>
    [what, redirect, isElsewhere && 'check url'].filter(Boolean).join(', ') || undefined;
  if (found?.isBound) {
    const answer = unreadable(seen(`${found.problem} came`), status, found);
    // it could be read: a refresh token that is not in it was not rotated
    return { ...answer, failure: { ...answer.failure, kind: 'config' }, code: 'ERR_REFRESH_CONFIG', isAnswer: true };
  }
  if (found && failure.kind === 'unknown') return unreadable(seen(html || `${found.problem} came`), status, found);
  // a gateway's word says nothing of what the server behind it has done
  return {
    failure,
    code: CODES[failure.kind] ?? 'ERR_REFRESH_UNAVAILABLE',
    isAnswer: status !== 502 && status !== 504,
    detail: seen(html),
  };
}

/** Where an answer redirects to, or was redirected to: origin and path, as a query may carry anything. */
function redirection(response: Response, secrets: Asked['secrets']): string | undefined {
  const { status, url, headers, redirected, type } = response as Response & { redirected?: unknown; type?: unknown };
  if (!redirected && type !== 'opaqueredirect' && (status < 300 || status > 399)) return undefined;
  const target = redirected ? url : headers.get('location');
  let to = ''; // an opaque redirect keeps it to itself
  try {
    const { origin, pathname } = new URL(target ?? '', url || undefined);
    if (target) to = ` to ${redact(origin + pathname, secrets)}`;
  } catch {
    // no address
  }
  return `a redirect${to} came`;
}

// A code in words is one, unless it is a secret itself; anything else may be an echo of what the server was sent.
function withoutSecret(
  { oauthError, ...failure }: RefreshFailure,
  secrets: readonly (string | undefined)[],
): RefreshFailure {
  if (oauthError === undefined) return failure;
  const isCode = /^([a-z_]+|[A-Z_]+)$/.test(oauthError);
  const isEcho = secrets.some((secret = '') => secret === oauthError || (!isCode && containsPart(oauthError, secret)));
  return isEcho ? failure : { ...failure, oauthError };
}

function readTokens(body: unknown, { requestedAt, previous, isHidden, binding, now }: Asked): ReadTokens {
  return readTokenResponse(body, requestedAt, now(), previous, isHidden, binding !== undefined);
}

function unreadable(detail: string | undefined, status: number | undefined, found?: ReadTokens): Refused {
  const failure: RefreshFailure = { kind: 'unknown', ...(status && { status }) };
  const refreshToken = found && ('tokens' in found ? found.tokens : found).refreshToken;
  return { failure, code: 'ERR_REFRESH_RESPONSE', isAnswer: false, refreshToken, detail };
}

function isResponse(value: unknown): value is Response {
  return typeof member(value, 'text') === 'function' && typeof member(value, 'status') === 'number';
}

function member(value: unknown, key: string): unknown {
  return (Object(value) as Record<string, unknown>)[key];
}
