import { expect, test } from 'vitest';
import { createTokenManager, inProcess } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

test.each([false, true])(
  'revokeFailed names the session that ended, whether another has started meanwhile (%s) or not',
  async (starts) => {
    const clock = fakeClock();
    const tokens = createTokenManager({
      refresh: () => Promise.reject(new Error('nobody asks')),
      revoke: async () => {
        await new Promise<void>((resolve) => clock.after(1_000, resolve));
        throw new Error('the network is down');
      },
      platform: { ...inProcess(), clock },
    });
    const named: unknown[] = [];
    tokens.on('revokeFailed', ({ sessionId }) => named.push(sessionId));
    await tokens.startSession({ access_token: 'a', refresh_token: 'r' });
    const { sessionId } = tokens.getSnapshot();
    const ending = tokens.endSession();
    if (starts) await tokens.startSession({ access_token: 'b', refresh_token: 's' });
    await clock.runUntil(ending);
    await clock.runUntil(tokens.settled());
    expect(named).toEqual([sessionId]);
    tokens.dispose();
  },
);
