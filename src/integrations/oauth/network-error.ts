import { SignInError } from './sign-in-error.js';

/** Throws the error for a server that cannot be reached, or is busy. */
export function networkError(error: unknown): never {
  if (error instanceof SignInError) throw error;
  const { status } = Object(error) as { status?: number };
  const came = status === undefined ? 'no answer' : `status ${status}`;
  throw new SignInError('ERR_SIGN_IN_NETWORK', `Expected the server to answer, but ${came} came; try again.`, {
    status,
  });
}

/** Throws the error in a form that the manager classifies, so that a wrong setup is not retried. */
export function forManager(error: unknown): never {
  const { code, message } = Object(error) as { code?: string; message?: string };
  throw code === 'ERR_SIGN_IN_CONFIG' ? Object.assign(new Error(message), { error: 'invalid_client' }) : error;
}
