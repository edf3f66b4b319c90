import { expect, test } from 'vitest';
import { createTokenManager, tokenEndpoint } from '../../src/index.js';
import { createAuthServer, fakeClock, peers } from '../../src/testing.js';

/** Repeatable chance. */
function chance(seed: number) {
  let state = seed * 2654435761 + 1;
  return (below: number) => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 0x9e3779b9) | 0;
    return ((state ^ (state >>> 13)) >>> 0) % below;
  };
}

test('whatever the storage refuses meanwhile, the last of several commands counts once it works again', async () => {
  for (let seed = 1; seed <= 1_500; seed++) {
    const draw = chance(seed);
    const clock = fakeClock();
    const server = createAuthServer({ clock, accessTokenLifetimeMs: 600_000, delayMs: 40 });
    const [peer] = peers(1, { clock });
    const tokens = createTokenManager({
      refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
      platform: peer.platform,
      proactive: false,
    });
    await clock.runUntil(tokens.startSession(server.signIn({ user: 'first' })));
    const reads = draw(2) === 0;
    peer.storageFault = (operation) =>
      operation === 'getItem' && !reads ? undefined : [undefined, { error: new Error('no') }, { delayMs: 9 }][draw(3)];
    let last = 'first';
    const log: string[] = [];
    const running: Promise<unknown>[] = [];
    for (let count = 2 + draw(3); count > 0; count--) {
      const user = `user ${count}`;
      const command = draw(5);
      if (command < 2) last = user;
      else if (command < 4) last = '';
      log.push(['start', 'start', 'end', 'end', 'refresh'][command] ?? '');
      running.push(
        (command < 2
          ? tokens.startSession(server.signIn({ user }))
          : command < 4
            ? tokens.endSession()
            : tokens.refresh()
        ).catch(() => undefined),
      );
      if (draw(2)) for (let job = draw(40); job > 0; job--) await undefined;
      else await clock.advance(draw(60));
    }
    await clock.runUntil(Promise.all(running));
    await clock.advance(draw(3_000));
    const where = `seed ${seed}: ${log.join(', ')}`;
    expect(tokens.getSnapshot().status, `${where}, at once`).toBe(last ? 'active' : 'none');
    peer.storageFault = undefined;
    await clock.advance(200_000);

    expect(tokens.getSnapshot().status, where).toBe(last ? 'active' : 'none');
    expect(peer.items.size, where).toBe(last ? 1 : 0);
    if (last) {
      const token = await clock.runUntil(tokens.getAccessToken());
      expect(server.inspect(token)?.user, where).toBe(last);
    }
    tokens.dispose();
    const again = createTokenManager({
      refresh: tokenEndpoint({ url: server.tokenUrl, clientId: 'app', fetch: server.fetch }),
      platform: peer.reload(),
      proactive: false,
    });
    const user = await clock.runUntil(
      again.getAccessToken().then(
        (token) => server.inspect(token)?.user,
        () => '',
      ),
    );
    expect(user, `${where}, after a reload`).toBe(last);
    again.dispose();
  }
});
