import type { TokenManager } from 'evertoken';

/** Counts and times what happens; events hold no token, so that they can go anywhere. */
export function observe(
  tokens: TokenManager,
  record: (name: string, value: number, labels: Record<string, string>) => void,
): () => void {
  const stops = [
    tokens.on('refreshed', ({ by, reason, durationMs }) => record('refresh_ms', durationMs, { by, reason })),
    tokens.on('refreshFailed', ({ error, reason }) => record('refresh_failures', 1, { code: error.code, reason })),
    tokens.on('requestRejected', ({ status, origin }) => record('rejections', 1, { status: `${status}`, origin })),
    tokens.on('storageFailed', ({ operation, error }) =>
      record('storage_failures', 1, { operation, code: error.code }),
    ),
    tokens.on('sessionEnded', ({ reason }) => record('sessions_ended', 1, { reason })),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}
