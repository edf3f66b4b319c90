import { createTokenManager } from 'evertoken';
import { browser } from 'evertoken/browser';

export const tokens = createTokenManager({
  refreshTokenIn: 'cookie', // HttpOnly: script never sees it
  refresh: ({ signal }) => fetch('/session/refresh', { method: 'POST', signal }),
  endsSession: ({ kind, status }) => kind === 'dead' || status === 401, // how this backend says that it is over
  platform: browser(),
});
// after each sign-in: await tokens.startSession(), which asks whom the cookie belongs to now
