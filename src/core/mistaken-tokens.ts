/** Where clients and servers keep the tokens of an answer: axios in `data`, others in a member of their own. */
const AROUND = ['data', 'body', 'session', 'tokens', 'result'];

/**
 * What came in place of a token response, and what to write instead; undefined where nothing is known about it.
 *
 * Of what is in it nothing is shown. Where the access token is hidden, in a cookie, any answer will do that was read.
 */
export function mistakenTokens(given: unknown, isHidden = false): string | undefined {
  if (typeof member(given, 'then') === 'function') return 'a promise came: write startSession(await promise)';
  if (typeof member(given, 'json') === 'function') {
    return 'a Response came: look at its status, and write startSession(await response.json())';
  }
  if (isHidden || member(given, 'access_token') !== undefined) return undefined;
  if (typeof given === 'string') {
    return 'a string came: write startSession({ access_token, refresh_token, expires_in }), or JSON.parse() what came';
  }
  if (member(given, 'accessToken') !== undefined) {
    return 'accessToken came: write startSession({ access_token, refresh_token, expires_in }), the lifetime in seconds';
  }
  if (member(given, 'error')) return 'an error came: look at the status of the answer before startSession()';
  const around = AROUND.find((name) => member(member(given, name), 'access_token') !== undefined);
  return around && `an object with the tokens in its ${around} came: write startSession(answer.${around})`;
}

function member(value: unknown, name: string): unknown {
  try {
    return typeof value === 'object' ? (value as Record<string, unknown>)[name] : undefined;
  } catch {
    return undefined; // null, or an object that throws when it is looked at
  }
}
