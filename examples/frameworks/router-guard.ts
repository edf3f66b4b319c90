import { findTokenError, type TokenManager } from 'evertoken';
import { type LoaderFunction, redirect } from 'react-router';

/** A loader of React Router that goes on only while somebody is signed in; else to `/sign-in`, which may lead back. */
export function signedIn(tokens: TokenManager, loader: LoaderFunction = () => null): LoaderFunction {
  return async (...args) => {
    const { pathname, search } = new URL(args[0].request.url);
    const toSignIn = () => redirect(`/sign-in?${new URLSearchParams({ returnTo: pathname + search })}`);
    const { status, error } = await tokens.ready();
    if (status === 'none') return toSignIn();
    if (status === 'loading') throw error; // it cannot be known now: nobody is sent away for that
    try {
      return await loader(...args);
    } catch (cause) {
      // the session ended while the loader asked
      const ended = findTokenError(cause)?.code.match(/^ERR_(NO_SESSION|SESSION_)/);
      if (ended) return toSignIn();
      throw cause;
    }
  };
}
