import type { TokenManager } from 'evertoken';

/** A worker at the edge: the answer goes out at once, and what is still under way is not cut off with it. */
export function answerAtEdge<Answer>(
  tokens: TokenManager,
  context: { waitUntil(work: Promise<unknown>): void },
  answer: () => Promise<Answer>,
): Promise<Answer> {
  // after the answer, because what is under way by then is what counts
  const answered = answer();
  context.waitUntil(answered.catch(() => undefined).then(() => tokens.settled()));
  return answered;
}

/** A Lambda: it is frozen when its handler has returned, so that everything has to be done by then. */
export function settleBefore<Event, Answer>(
  tokens: TokenManager,
  handle: (event: Event) => Promise<Answer>,
): (event: Event) => Promise<Answer> {
  return async (event) => {
    try {
      return await handle(event);
    } finally {
      await tokens.settled();
    }
  };
}

/** A server that is told to stop: it closes, and exits when the last refreshed token is stored. */
export function settleOnSigterm(
  tokens: TokenManager,
  close: () => Promise<void>,
  server: Pick<NodeJS.Process, 'once' | 'exit'> = process,
): void {
  server.once('SIGTERM', async () => {
    await close().catch(console.error);
    await tokens.settled(); // never rejects
    server.exit();
  });
}
