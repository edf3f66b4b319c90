import type { SessionSnapshot, TokenManager } from 'evertoken';
import { SessionProvider, useSession, useTokens } from 'evertoken/react';
import type { ReactElement } from 'react';

/** Around everything that shows the session, once; `tokens` come from a module of their own. */
export function App({ tokens, now }: { tokens: TokenManager; now: () => number }): ReactElement {
  return (
    <SessionProvider tokens={tokens}>
      <Status now={now} />
    </SessionProvider>
  );
}

/** Rendered again when one of the three changes; a refresh that succeeds changes none. */
function Status({ now }: { now: () => number }): ReactElement {
  const [status, retryAt, error] = useSession((session) => [session.status, session.retryAt, session.error] as const);
  if (status === 'loading') return <p>...</p>;
  return <p>{describe({ status, retryAt, error }, now()) ?? 'Welcome'}</p>;
}

/** Commands are given through the manager. */
export function SignOut(): ReactElement {
  const tokens = useTokens();
  return (
    <button type="button" onClick={() => void tokens.endSession()}>
      Sign out
    </button>
  );
}

/** One line for the user, or nothing while all is well. */
export function describe(
  { status, retryAt, error }: Pick<SessionSnapshot, 'status' | 'retryAt' | 'error'>,
  now: number,
): string | undefined {
  if (status === 'none' && error) return `Please sign in again: ${error.code}`;
  if (status === 'none') return 'Please sign in.';
  if (retryAt !== undefined) return `Reconnecting in ${Math.max(0, Math.ceil((retryAt - now) / 1_000))} s.`;
  return undefined;
}
