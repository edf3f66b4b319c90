import type { TokenManager } from 'evertoken';

/** One line of the list: what happened, in words. */
export interface Line {
  readonly at: number;
  readonly kind: 'plain' | 'good' | 'warn' | 'bad';
  readonly text: string;
}

const from = {
  'sign-in': 'signed in here',
  storage: 'found the session in storage',
  cookie: 'resumed the session of the cookie',
  grant: 'was granted tokens',
  peer: 'another tab signed in',
};

const ended = {
  ended: 'signed out here',
  rejected: 'the server ended the session',
  lost: 'the session was lost on the way',
  expired: 'the session is over and cannot be refreshed',
  peer: 'another tab ended the session',
  replaced: 'another session took its place',
};

/** Tells every event of the manager in words. */
export function listen(tokens: TokenManager, tell: (line: Line) => void): void {
  tokens.on('sessionStarted', (event) => tell({ at: event.at, kind: 'good', text: from[event.from] }));
  tokens.on('refreshStarted', ({ at, reason, attempt }) => {
    const again = attempt > 1 ? `, attempt ${attempt}` : '';
    tell({ at, kind: 'plain', text: `refresh: ${reason}${again}` });
  });
  tokens.on('refreshed', ({ at, by, durationMs }) => {
    const text = by === 'us' ? `this tab refreshed, in ${durationMs} ms` : 'another tab refreshed for us';
    tell({ at, kind: 'good', text });
  });
  tokens.on('refreshFailed', ({ at, error, retryAt }) => {
    const next = retryAt === undefined ? '' : `; next in ${((retryAt - at) / 1_000).toFixed(1)} s`;
    tell({ at, kind: 'warn', text: `${error.code}${next}` });
  });
  tokens.on('requestRejected', ({ at, status }) => tell({ at, kind: 'warn', text: `the API answered ${status}` }));
  tokens.on('storageFailed', ({ at, error }) => tell({ at, kind: 'warn', text: error.message }));
  tokens.on('revokeFailed', ({ at, error }) => tell({ at, kind: 'warn', text: `not revoked: ${error.code}` }));
  tokens.on('sessionEnded', (event) => tell({ at: event.at, kind: 'bad', text: ended[event.reason] }));
}
