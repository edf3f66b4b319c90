import { TokenError } from '../../errors.js';

/** Why a sign-in failed; what to do about it is in the comments. */
export type SignInErrorCode =
  /** The user said no, closed the page, or signed out meanwhile: nothing is to be done. */
  | 'ERR_SIGN_IN_CANCELLED'
  /** `prompt: 'none'` was not possible: begin again without it. */
  | 'ERR_SIGN_IN_REQUIRED'
  /** There is no such sign-in here: too old, begun in another browser, or forged. Begin again. */
  | 'ERR_SIGN_IN_UNKNOWN'
  /** The answer is not to be trusted, or the code was refused. Begin again. */
  | 'ERR_SIGN_IN_RESPONSE'
  /** The server cannot be reached, or is busy: `again` says from where on to try again. */
  | 'ERR_SIGN_IN_NETWORK'
  /** The client or the server is set up wrongly: correct that. */
  | 'ERR_SIGN_IN_CONFIG'
  /** The user did not come in time to confirm a device. Begin again. */
  | 'ERR_SIGN_IN_EXPIRED';

/** What a {@link SignInError} carries besides its message. */
export interface SignInFacts {
  returnTo?: string | undefined;
  oauthError?: string | undefined;
  again?: 'begin' | 'finish' | undefined;
  status?: number | undefined;
  cause?: unknown;
}

/** A sign-in failed; whatever session there was goes on. */
export class SignInError extends TokenError<SignInErrorCode> {
  /** Where the user was before, as given to `begin`. */
  declare readonly returnTo?: string;
  /** The server's OAuth error code, where it looks like a code. */
  declare readonly oauthError?: string;
  /** From where on trying again may help; absent where it does not. */
  declare readonly again?: 'begin' | 'finish';
  /** The HTTP status of the answer, where there was one. */
  declare readonly status?: number;

  constructor(code: SignInErrorCode, message: string, facts: SignInFacts = {}) {
    const { returnTo, again, oauthError, status, cause } = facts;
    super('SignInError', code, message, { oauthError, status, cause });
    if (returnTo !== undefined) this.returnTo = returnTo;
    if (again !== undefined) this.again = again;
  }
}

/** The error code that a server gave, if it looks like one and is no echo of anything that was sent. */
export function readErrorCode(value: unknown, sent: readonly (string | undefined)[] = []): string | undefined {
  const isCode = typeof value === 'string' && /^[A-Za-z][\w.-]{1,63}$/.test(value);
  return isCode && !sent.some((secret) => secret?.includes(value)) ? value : undefined;
}

/** What to look at where a proof was refused (RFC 9449); nothing for any other error. */
export function adviceOn(oauthError: string | undefined): string {
  return oauthError === 'invalid_dpop_proof' ? ' Check the clock of this device.' : '';
}
