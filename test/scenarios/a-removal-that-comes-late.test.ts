import { expect, test } from 'vitest';
import { createTokenManager, inProcess } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

/** The look of the refresh takes 20 ms, and reads what is there at its end. */
test.each([1, 10, 19])(
  'a removal that had timed out, and is carried out %i ms into the look of a refresh, does not end the session that came since',
  async (ms) => {
    const clock = fakeClock();
    const platform = inProcess();
    const { storage } = platform;
    let release: (() => void) | undefined;
    let isSlow = true;
    let lookMs = 0;
    const tokens = createTokenManager({
      refresh: async () => ({ access_token: 'new', refresh_token: 'rt-new', expires_in: 600 }),
      proactive: false,
      platform: {
        ...platform,
        clock,
        random: () => 0.5,
        storage: {
          ...storage,
          getItem: async (key) => {
            await new Promise<void>((done) => clock.after(lookMs, done));
            return storage.getItem(key);
          },
          setItem: async (key, text) => storage.setItem(key, text),
          removeItem: async (key) => {
            if (isSlow && key === 'evertoken:session') {
              isSlow = false;
              await new Promise<void>((done) => {
                release = done;
              });
            }
            return storage.removeItem(key);
          },
        },
      },
    });
    const ends: string[] = [];
    tokens.on('sessionEnded', ({ reason }) => ends.push(reason));
    await clock.runUntil(tokens.startSession({ access_token: 'x', refresh_token: 'rt-x', expires_in: 600 }));
    await clock.runUntil(tokens.endSession().catch(() => undefined)); // its removal times out
    await clock.runUntil(tokens.startSession({ access_token: 'y', refresh_token: 'rt-y', expires_in: 600 }));
    await clock.advance(1_000);
    const { sessionId } = tokens.getSnapshot();
    expect(await storage.getItem('evertoken:session')).toContain('rt-y');
    ends.length = 0;
    lookMs = 20;
    const refreshing = tokens.refresh().then(
      () => 'done',
      (error: { code?: string }) => error.code,
    );
    await clock.advance(ms);
    release?.();
    expect(await clock.runUntil(refreshing)).toBe('done');
    expect(ends).toEqual([]);
    expect(tokens.getSnapshot().sessionId).toBe(sessionId);
  },
);
