import { expect, test } from 'vitest';
import { createTokenManager, inProcess, type Platform } from '../../src/index.js';
import { fakeClock } from '../../src/testing.js';

/** A request with the cookie whose lock is released late, and a sign-in of another user that is found before it is. */
test.each([600, 20])(
  'a caller who waited for what a cookie brings is not served its token once another session was found (tokens of %i s)',
  async (seconds) => {
    const clock = fakeClock();
    const shared = { ...inProcess(), clock, random: () => 0.5 } as Platform;
    const { lock } = shared;
    const manager = (platform: Platform) =>
      createTokenManager({
        refreshTokenIn: 'cookie',
        proactive: false,
        refresh: async () => {
          const user = cookie;
          await new Promise<void>((done) => clock.after(100, done));
          return Response.json({ access_token: `${user}-${++asked}`, expires_in: 600 });
        },
        platform,
      });
    let asked = 0;
    let cookie = 'alice';
    const hung = {
      ...shared,
      lock: {
        run: (...given: Parameters<typeof lock.run>) =>
          lock.run(...given).then(() => new Promise<never>(() => undefined)),
      },
    };
    const ours = manager(hung as Platform);
    const theirs = manager(shared);
    const isBobs = () => ours.getSnapshot().sessionId === theirs.getSnapshot().sessionId;
    const caller = ours.getAccessToken().then(
      (token) => `${token} in the session of ${isBobs() ? 'bob' : 'alice'}`,
      (error: { code?: string }) => error.code ?? String(error),
    );
    await clock.advance(150); // alice's tokens are stored, and the lock is free; its release hangs for 5 s
    const requestedAt = clock.now() - (seconds === 600 ? 0 : 60_000); // answered long ago: its access token is over
    cookie = 'bob';
    await clock.runUntil(theirs.startSession({ access_token: 'bob-0', expires_in: seconds }, { requestedAt }));
    await clock.advance(60_000);
    const told = await clock.runUntil(caller);
    expect(told).not.toMatch(/^alice.*bob/);
  },
);
