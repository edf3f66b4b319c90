import { createTokenManager, type Platform, type TokenManager, type TokenResponse } from 'evertoken';

/** An endpoint of one's own: JSON in, names of its own out, and a plain 401 when the session is over. */
export function createTokens(platform: Platform): TokenManager {
  return createTokenManager({
    refresh: async ({ refreshToken, attemptId, signal }) => {
      const response = await fetch('https://api.example/session/refresh', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Idempotency-Key': attemptId },
        body: JSON.stringify({ token: refreshToken }),
        signal,
      });
      // returned unread: the manager reads its status, Retry-After and body
      if (!response.ok) return response;
      const { jwt, renewal, seconds } = (await response.json()) as { jwt: string; renewal: string; seconds: number };
      return { access_token: jwt, refresh_token: renewal, expires_in: seconds } satisfies TokenResponse;
    },
    endsSession: (failure) => failure.status === 401,
    platform, // browser() in a page: one session for all tabs
  });
}
