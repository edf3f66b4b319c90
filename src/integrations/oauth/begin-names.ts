/** The options of `begin`; the first two are those that `loopbackSignIn` sets itself. */
export const BEGIN_NAMES: readonly string[] = [
  'returnTo',
  'redirectUri',
  'scopes',
  'loginHint',
  'prompt',
  'acrValues',
  'maxAgeMs',
  'challenge',
  'parameters',
];
