const WRITE = 'came: write startSession(';
const MEMBERS = `${WRITE}{ access_token, refresh_token, expires_in })`;

/**
 * What came in place of a token response, and what to write instead; undefined where nothing is known about it.
 *
 * Of what is in it nothing is shown. Where the access token is hidden, in a cookie, any answer will do that was read.
 */
export function mistakenTokens(given: unknown, isHidden = false): string | undefined {
  const has = (name: string) => member(given, name) !== undefined;
  if (has('then')) return `a promise ${WRITE}await promise)`;
  if (typeof member(given, 'json') === 'function') return `a Response ${WRITE}await response.json())`;
  if (isHidden) return undefined;
  if (has('access_token')) {
    return has('expires_at') && !has('expires_in')
      ? `expires_at, a moment, ${MEMBERS}, which is a number of seconds`
      : undefined;
  }
  if (typeof given === 'string') return `a string ${MEMBERS}`;
  if (has('accessToken')) return `accessToken ${MEMBERS}`;
  if (has('error')) return 'an error came: look at the status of the answer';
  // what axios resolves to, and servers that give more than tokens
  const around = ['data', 'session', 'tokens'].find(
    (name) => member(member(given, name), 'access_token') !== undefined,
  );
  return around && `${around}.access_token ${WRITE}answer.${around})`;
}

function member(value: unknown, name: string): unknown {
  try {
    return typeof value === 'object' ? (value as Record<string, unknown>)[name] : undefined;
  } catch {
    return undefined; // null, or an object that throws when it is looked at
  }
}
