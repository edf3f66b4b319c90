import type { PendingSignIn } from '../../core/pending-sign-ins.js';
import { readErrorCode, SignInError, type SignInErrorCode } from './sign-in-error.js';

/** What a server sent back with its user. */
export interface Callback {
  /** The address without query, fragment and last slash. */
  readonly address: string;
  readonly state: string;
  readonly parameters: ReadonlyMap<string, string>;
  /** A relevant parameter came twice, so none of them can be trusted. */
  readonly isAmbiguous: boolean;
}

const COUNTS = ['code', 'state', 'iss', 'error'];
const UNASKED = ['response', 'id_token', 'token', 'access_token'];
const ERRORS: Readonly<Record<string, SignInErrorCode>> = {
  access_denied: 'ERR_SIGN_IN_CANCELLED',
  login_required: 'ERR_SIGN_IN_REQUIRED',
  interaction_required: 'ERR_SIGN_IN_REQUIRED',
  consent_required: 'ERR_SIGN_IN_REQUIRED',
  account_selection_required: 'ERR_SIGN_IN_REQUIRED',
  server_error: 'ERR_SIGN_IN_NETWORK',
  temporarily_unavailable: 'ERR_SIGN_IN_NETWORK',
  invalid_scope: 'ERR_SIGN_IN_CONFIG',
  unauthorized_client: 'ERR_SIGN_IN_CONFIG',
  invalid_request: 'ERR_SIGN_IN_CONFIG',
  unsupported_response_type: 'ERR_SIGN_IN_CONFIG',
  invalid_target: 'ERR_SIGN_IN_CONFIG',
};

/** Reads an address as a callback: `state` with `code` or `error`, in the query or the fragment; else undefined. */
export function readCallback(url: string): Callback | undefined {
  // Not with `URL`: that of React Native does not parse addresses such as shop://callback.
  const [, address = '', query = '', fragment = ''] = /^([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(url) ?? [];
  for (const part of [query, fragment]) {
    const pairs = part.split('&').map((pair) => pair.split(/=(.*)/s).map(decode));
    const parameters = new Map<string, string>();
    let isAmbiguous = false;
    for (const [name = '', value = ''] of pairs) {
      if (COUNTS.includes(name) && parameters.has(name)) isAmbiguous = true;
      parameters.set(name, value);
    }
    const state = parameters.get('state');
    if (state && (parameters.has('code') || parameters.has('error'))) {
      return { address: addressOf(address), state, parameters, isAmbiguous };
    }
  }
  return undefined;
}

/** An address without query, fragment and last slash. */
export function addressOf(url: string): string {
  return url.replace(/[?#].*$/s, '').replace(/\/$/, '');
}

/** The code of a callback that belongs to a sign-in (RFC 6749 section 4.1.2, RFC 9207). Throws `SignInError`. */
export function readCode({ state, parameters }: Callback, entry: PendingSignIn): string {
  const { returnTo, server } = entry;
  // `iss` is required only if the metadata promise it; if present, it must match, also beside an error (RFC 9207).
  const iss = parameters.get('iss');
  if (iss === undefined ? server.authorization_response_iss_parameter_supported : iss !== server.issuer) {
    const message =
      'Expected a callback of the server that the user was sent to, but its iss is missing or another one.';
    throw new SignInError('ERR_SIGN_IN_RESPONSE', message, { returnTo });
  }
  // A token, or a response inside a JWT, was not requested.
  const error = UNASKED.some((name) => parameters.has(name)) ? '' : parameters.get('error');
  const code = parameters.get('code');
  if (error === undefined && code) return code;
  const sent = [state, code, entry.verifier, entry.nonce];
  const oauthError = readErrorCode(error, sent);
  // The code is the server's, and may be `constructor`.
  const known = oauthError !== undefined && Object.hasOwn(ERRORS, oauthError) ? ERRORS[oauthError] : undefined;
  const kind = known ?? 'ERR_SIGN_IN_RESPONSE';
  const again = kind === 'ERR_SIGN_IN_NETWORK' ? 'begin' : undefined;
  const message = `Expected the server to sign the user in, but it sent back ${oauthError ?? 'an error'}.`;
  throw new SignInError(kind, message, { returnTo, oauthError, again });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replace(/\+/g, ' '));
  } catch {
    return text;
  }
}
