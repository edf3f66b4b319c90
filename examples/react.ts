import type { SessionSnapshot, TokenManager } from 'evertoken';
import { useSyncExternalStore } from 'react';

/** The session, and a new rendering whenever it changes; on a server it is `loading`. */
export function useSession(tokens: TokenManager): SessionSnapshot {
  return useSyncExternalStore(tokens.subscribe, tokens.getSnapshot, tokens.getSnapshot);
}

/** One line for the user, or nothing while all is well. */
export function describe({ status, retryAt, error }: SessionSnapshot, now: number): string | undefined {
  if (status === 'none' && error) return `Please sign in again: ${error.message}`;
  if (status === 'none') return 'Please sign in.';
  if (retryAt !== undefined) return `Reconnecting in ${Math.max(0, Math.ceil((retryAt - now) / 1_000))} s.`;
  return undefined;
}
