import type { TokenManager } from 'evertoken';

/** What another library, or the server that rendered the page, has kept; `expiresAt` in epoch milliseconds. */
export interface OldSession {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresAt: number;
}

/** Goes on with a session that began elsewhere: `expires_in` counts from this call, so what has passed is taken off. */
export async function adopt(tokens: TokenManager, { accessToken, refreshToken, expiresAt }: OldSession): Promise<void> {
  const secondsLeft = Math.floor((expiresAt - Date.now()) / 1000);
  await tokens.startSession({
    access_token: accessToken,
    refresh_token: refreshToken,
    expires_in: Math.max(1, secondsLeft), // nothing, or less, would mean that nobody knows
  });
}
