import { SessionError } from '../errors.js';

/** Names the member of an error by which a refresh function tells which key is gone, also across copies of the package. */
const gone: unique symbol = Symbol.for('evertoken.keyGone') as never;

/** The error for a session whose key is gone; thrown by a refresh function, it ends the session that is bound to that key. */
export function keyGone(binding: string): SessionError {
  const message = 'The key that this session is bound to (DPoP) is gone from this device: sign in again.';
  return Object.defineProperty(new SessionError('ERR_SESSION_LOST', message), gone, { value: binding });
}

/** The error, if it says that this very key is gone. */
export function lostKey(error: unknown, binding: string | undefined): SessionError | undefined {
  const name = (Object(error) as { [gone]?: unknown })[gone];
  return binding !== undefined && name === binding ? (error as SessionError) : undefined;
}
