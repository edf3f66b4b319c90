/**
 * Every error that evertoken throws: a class per decision of the caller, a code per cause.
 *
 * Codes never change, messages may. No error holds a token, a part of one, or a response body.
 */

/** What to do: send the user to sign in. */
export type SessionErrorCode = 'ERR_NO_SESSION' | 'ERR_SESSION_REJECTED' | 'ERR_SESSION_LOST' | 'ERR_SESSION_EXPIRED';
/** What to do: try again later, see `retryAt`. The session is kept. */
export type RefreshErrorCode =
  | 'ERR_REFRESH_NETWORK'
  | 'ERR_REFRESH_TIMEOUT'
  | 'ERR_REFRESH_UNAVAILABLE'
  | 'ERR_REFRESH_RESPONSE'
  | 'ERR_REFRESH_CONFIG'
  | 'ERR_REFRESH_INTERACTION';
/** What to do: try again later. The session is kept. */
export type LockErrorCode = 'ERR_LOCK_TIMEOUT' | 'ERR_LOCK_LOST';
/** What to do: tell the user, or fall back to another storage. */
export type StorageErrorCode = 'ERR_STORAGE_READ' | 'ERR_STORAGE_WRITE' | 'ERR_STORAGE_CORRUPT';
/** What to do: correct the code. */
export type OptionsErrorCode = 'ERR_OPTIONS' | 'ERR_DISPOSED';

/** Facts that an error may carry besides its message. */
interface ErrorFacts {
  cause?: unknown;
  retryAt?: number | undefined;
  status?: number | undefined;
  oauthError?: string | undefined;
  attempts?: number | undefined;
}

const brand: unique symbol = Symbol.for('evertoken.error') as never;

/** The base of every error that evertoken throws; test for it with {@link isTokenError}. */
export abstract class TokenError<Code extends string = string> extends Error {
  /** The cause, from a closed list; stable for ever. */
  readonly code: Code;
  /** Epoch milliseconds before which trying again is of no use; absent where waiting does not help. */
  declare readonly retryAt?: number;

  constructor(name: string, code: Code, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? {} : facts);
    hide(this, 'name', name);
    hide(this, brand, true);
    this.code = code;
    for (const key of ['retryAt', 'status', 'oauthError', 'attempts'] as const) {
      if (facts[key] !== undefined) Object.assign(this, { [key]: facts[key] });
    }
  }
}

/** There is no session: the user has to sign in. */
export class SessionError extends TokenError<SessionErrorCode> {
  /** The HTTP status of the refusal that ended the session, where there was one. */
  declare readonly status?: number;
  /** The OAuth error code of that refusal (RFC 6749 section 5.2), where it is made of words. */
  declare readonly oauthError?: string;

  constructor(code: SessionErrorCode, message: string, facts?: ErrorFacts) {
    super('SessionError', code, message, facts);
  }
}

/** A refresh failed; the session is kept, and another attempt may succeed from `retryAt` on. */
export class RefreshError extends TokenError<RefreshErrorCode> {
  /** The HTTP status of the token endpoint's answer, where there was one. */
  declare readonly status?: number;
  /** The OAuth error code of the answer (RFC 6749 section 5.2), where it is made of words. */
  declare readonly oauthError?: string;
  /** How many requests were made for this refresh. */
  declare readonly attempts: number;

  constructor(code: RefreshErrorCode, message: string, facts: ErrorFacts & { attempts: number }) {
    super('RefreshError', code, message, facts);
  }
}

/** The lock was not to be had in time, or was lost while held; the session is kept. */
export class LockError extends TokenError<LockErrorCode> {
  constructor(code: LockErrorCode, message: string, facts?: ErrorFacts) {
    super('LockError', code, message, facts);
  }
}

/** The storage failed; the session lives on in memory, unless the stored record is damaged. */
export class StorageError extends TokenError<StorageErrorCode> {
  constructor(code: StorageErrorCode, message: string, facts?: ErrorFacts) {
    super('StorageError', code, message, facts);
  }
}

/** The calling code has to change: a wrong option or argument, or a manager used after `dispose()`. */
export class OptionsError extends TokenError<OptionsErrorCode> {
  constructor(code: OptionsErrorCode, message: string, facts?: ErrorFacts) {
    super('OptionsError', code, message, facts);
  }
}

/** Any error of evertoken, as a union that narrows by `code`. */
export type AnyTokenError = SessionError | RefreshError | LockError | StorageError | OptionsError;

/**
 * Tells whether a value is an error of evertoken, also of another copy of the package.
 *
 * @example
 * try { await tokens.getAccessToken() } catch (error) {
 *   if (isTokenError(error) && error.code === 'ERR_NO_SESSION') signIn();
 * }
 */
export function isTokenError(error: unknown): error is AnyTokenError {
  return (error as { [brand]?: unknown } | null | undefined)?.[brand] === true;
}

/**
 * Finds the error of evertoken in what an HTTP client has thrown.
 *
 * Looks at the error itself, then through `cause` (axios, got) and the `errors` of an `AggregateError`, nearest first, at
 * most 100 of them. `undefined` where there is none. Never throws.
 *
 * @example
 * try { await axios.get('/orders') } catch (error) {
 *   if (findTokenError(error)?.code === 'ERR_NO_SESSION') signIn();
 * }
 */
export function findTokenError(error: unknown): AnyTokenError | undefined {
  const seen = new Set([error]);
  for (const one of seen) {
    try {
      if (isTokenError(one)) return one;
      const { cause, errors } = Object(one) as { cause?: unknown; errors?: unknown };
      for (const next of [cause, ...(Array.isArray(errors) ? errors : [])]) if (seen.size < 100) seen.add(next);
    } catch {
      // a getter threw: nothing to search there
    }
  }
}

/**
 * Tells whether waiting may help: the same call may succeed later, see `retryAt`.
 *
 * Looks where {@link findTokenError} does. `false` where waiting cannot help: the user has to act (`SessionError`,
 * `ERR_REFRESH_INTERACTION`), the configuration (`ERR_REFRESH_CONFIG`) or the code (`OptionsError`) has to change, the record
 * is damaged (`ERR_STORAGE_CORRUPT`), or the error is not one of evertoken's.
 */
export function isRetryable(error: unknown): boolean {
  const { code = '' } = findTokenError(error) ?? {};
  return /^ERR_(SIGN_IN_NETWORK$|(REFRESH|LOCK|STORAGE)_(?!CONFIG$|INTERACTION$|CORRUPT$))/.test(code);
}

function hide(target: object, key: PropertyKey, value: unknown): void {
  Object.defineProperty(target, key, { value, configurable: true, writable: true });
}
