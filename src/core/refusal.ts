import { isWords } from './redact.js';

/** The meaning of one refused refresh. */
export interface RefreshFailure {
  /** `dead`: the grant is over; `transient`: ask again; `interaction`: the server wants the user; `config`: the client is set up wrongly; `unknown`: the answer does not say. */
  readonly kind: 'dead' | 'transient' | 'interaction' | 'config' | 'unknown';
  /** The HTTP status of the answer, where there was one. */
  readonly status?: number;
  /** The OAuth error code, or the exact code of a known dialect, where it is made of words. */
  readonly oauthError?: string;
  /** Epoch milliseconds; not before this moment, as the server asked (`Retry-After`). */
  readonly retryAt?: number;
  /** The parsed JSON of the answer. For `endsSession` alone: never stored, logged or put into an error. */
  readonly body?: unknown;
}

// Exact error codes. The first line that matches one of the received codes wins: `transient`, `interaction` and `config`
// take precedence over `dead`. Where a code has two meanings, `code=sentence` also compares the description. Numbers are
// HTTP statuses, or Entra's `error_codes` for too many requests and for a second factor.
const SIGNS: readonly (readonly [RefreshFailure['kind'], RegExp])[] = [
  [
    'transient',
    /^(40[89]|42[59]|5\d\d|50196|temporarily_unavailable|server_error|too_many_requests|use_dpop_nonce|TOO_MANY_ATTEMPTS_TRY_LATER|.*=token request is already being processed)$/,
  ],
  [
    'interaction',
    /^(5007[469]|(interaction|login|consent|account_selection|organization_selection|mfa|sso)_required|mfa_enrollment|unverified_user_email|requires_captcha|invalid_rapt|basic_action|additional_action|message_only|user_password_expired)$/,
  ],
  [
    'config',
    /^(invalid_client|invalid_scope|invalid_target|invalid_dpop_proof|unsupported_grant_type|incorrect_client_credentials|PROJECT_NUMBER_MISMATCH|.*=(API key not valid\. Please pass a valid API key\.|Token is not linked to client)|invalid_grant=Incorrect Token type or clientID)$/,
  ],
  [
    'dead',
    /^(invalid_grant|session_not_found|authentication_invalid|user_banned|inactive_user|USER_(DISABLED|NOT_FOUND)|TOKEN_EXPIRED|unauthorized_client=refresh_token is invalid|invalid_request=Value passed for the token was invalid\.|token_not_valid=Token is (invalid( or expired)?|expired|blacklisted))$/,
  ],
  ['config', /^(unauthorized_client|access_denied)$/],
];

// Descriptions that overrule a `dead` code: the server or the client's setup is at fault.
const VETOES: readonly (readonly [RefreshFailure['kind'], RegExp])[] = [
  ['transient', /^(error while|cannot) |(server|internal|database) error|temporarily/i],
  // Excludes the "resource owner" of RFC 6749 and Entra's "for this user and resource".
  ['config', /\bscope|client.?secret|certificate|(^|\b(?!and )\w+ )resource\b(?! owner)/i],
];

// Complete codes and sentences about the refresh token, in lower case; the words of a code are separated by spaces.
const GIVEN = '(provided|specified|supplied|given)';
const STATE =
  '(invalid|invalidated|expired|revoked|reused|(already )?used|bad|unknown|blacklisted|(not|no longer) valid|not found)';
const STATES = `${STATE}( or ((is|was|has|has been|been) )?${STATE})?`;
const SUBJECT = `((the|this|your) )?((${GIVEN}|old) )?refresh token( ${GIVEN})?`;
const DEAD = new RegExp(
  `^((auth|oauth2?|e|err|error|unauthorized|bad request) ){0,3}(${SUBJECT} ((is|was|has)( already)?( been)? )?${STATES}|${SUBJECT} (does not|doesn't) exists?|${STATES} refresh token|refresh token reuse( detected)?)( (err|error|exception))?([.!]|[.,] please (log|sign) ?in again[.!]?)?$`,
);

/**
 * Says what a refused refresh means, by exact codes and whole sentences in known places and nothing else.
 *
 * A `retryAt` and the status 408, 409, 425, 429 or 5xx are transient whatever the body says; no other status decides
 * anything. `oauthError` is read before the codes in the body, and is given back only if it is made of words. Of the
 * body only own properties are read. Never throws.
 */
export function readRefusal({ oauthError, ...facts }: Omit<RefreshFailure, 'kind'>): RefreshFailure {
  const { body, status, retryAt } = facts;
  const error = own(body, 'error');
  const first = own(own(body, 'errors'), '0');
  const message = text(own(error, 'message'));
  const said = [
    ...members(body, 'error error_description message msg detail error_message errmsg'),
    message,
    own(first, 'message'),
  ].map(text);
  const codes = [
    oauthError,
    error,
    // Firebase: a code in capitals, which ` : ` and a sentence may follow
    message.match(/^[A-Z_]+(?= : |$)/)?.[0],
    own(error, 'code'),
    ...members(body, 'error_code code errorCode suberror error_subtype status error_type __type'),
    ...members(first, 'code errorType'),
    own(own(body, 'error_codes'), '0'),
  ]
    .map(text)
    .filter((code) => /^[\w.-]{1,64}$/.test(code));
  const code = codes.find((code) => /[a-z]/i.test(code));
  const shown = codes.find(isWords);
  const signs = [...codes, `${status}`, ...[...said, text(own(body, 'hint'))].map((sentence) => `${code}=${sentence}`)];
  const about = members(first, 'field parameter').map((name) => `${text(name)}_${text(own(first, 'code'))}`);
  const kind =
    SIGNS.find(([, sign]) => signs.some((seen) => sign.test(seen)))?.[0] ??
    ([...codes, ...said, ...about].some(isDead) ? 'dead' : 'unknown');
  const vetoed = VETOES.find(([, veto]) => kind === 'dead' && said.some((sentence) => veto.test(sentence)))?.[0];
  return {
    ...facts,
    ...(shown && { oauthError: shown }),
    kind: retryAt ? 'transient' : (vetoed ?? kind),
  };
}

function isDead(said: string): boolean {
  if (said.length > 200) return false; // bounds the cost of matching
  const words = /\s/.test(said) ? said : said.replace(/([a-z\d])([A-Z])/g, '$1 $2').replace(/[._-]/g, ' ');
  return DEAD.test(words.toLowerCase());
}

/**
 * Reads the body of an answer: JSON, or the form encoding that GitHub answers with unless asked for JSON.
 *
 * Anything else, HTML or an empty body for example, is `undefined`. Never throws.
 */
export function parseBody(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch {
    return /^\w+=[^\s<]*$/.test(source) ? parseForm(source) : undefined;
  }
}

function parseForm(source: string): unknown {
  try {
    const pairs = source.split('&').map((pair) => pair.split(/=(.*)/));
    return Object.fromEntries(pairs.map((pair) => pair.map((part) => decodeURIComponent(part.replace(/\+/g, ' ')))));
  } catch {
    // a malformed percent escape
  }
}

function own(value: unknown, name: string): unknown {
  return Object.getOwnPropertyDescriptor(Object(value), name)?.value;
}

/** The members of these names, with blanks between them. */
function members(value: unknown, names: string): unknown[] {
  return names.split(' ').map((name) => own(value, name));
}

function text(value: unknown): string {
  return /string|number/.test(typeof value) ? `${value}` : '';
}
