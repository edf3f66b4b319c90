import { expect, test } from 'vitest';
import type { Lock } from '../../src/index.js';
import { signedIn, silent } from '../support/signed-in.js';

/** Lets several in at the same time, and says so. */
const shared: Lock = {
  run: async (_name, _signal, task) => task({ signal: new AbortController().signal, exclusive: false }),
};
const told = () => new Response('', { status: 429, headers: { 'Retry-After': '30' } });

/** A manager whose request is under way until `answer` is called, and what makes others beside it. */
async function askedBeside() {
  const world = await signedIn({ proactive: false });
  const { platform, clock, run } = world;
  const options = { proactive: false, platform: { ...platform, lock: shared } };
  let answer = (_: Response): void => undefined;
  const answered = new Promise<Response>((resolve) => {
    answer = resolve;
  });
  const { tokens } = world.manager({ ...options, refresh: () => answered });
  const { tokens: peer } = world.manager(options);
  const { tokens: unheard } = world.manager({ ...options, platform: { ...options.platform, channel: silent } });
  world.tokens.dispose();
  await run(tokens.ready());
  await run(peer.ready());
  await clock.advance(1_000);
  const failing = tokens.refresh().catch(() => undefined);
  await clock.settle();
  return { ...world, tokens, peer, unheard, failing, answer };
}

test.each([
  ['removed', false],
  ['not removed', true],
])(
  'a refresh token of a peer that is refused ends the session as rejected, once; its record is %s',
  async (_, fails) => {
    const world = await signedIn({ proactive: false });
    const { platform, clock, server, tokens, run, failure, seen } = world;
    const { tokens: peer } = world.manager({ proactive: false, platform: { ...platform, channel: silent } });
    await clock.advance(1_000);
    await run(peer.refresh());
    peer.dispose();
    await clock.advance(700_000);
    server.revokeFamily();
    const before = server.tokenRequests.length;
    if (fails) Object.assign(platform.storage, { removeItem: () => Promise.reject(new Error('EIO')) });
    expect(await failure(tokens.getAccessToken())).toMatchObject({ code: 'ERR_SESSION_REJECTED' });
    expect(server.tokenRequests).toHaveLength(before + 1);
    expect(seen('sessionEnded')).toMatchObject([{ reason: 'rejected' }]);
  },
);

test('a Retry-After that comes late writes no older tokens over those of a peer of which nothing was heard', async () => {
  const { clock, run, peer, unheard, failing, answer, stored } = await askedBeside();
  await run(peer.refresh());
  await clock.advance(1_000);
  await run(unheard.refresh());
  peer.dispose();
  unheard.dispose();
  const records = () => [...stored.values()].filter((text) => text.includes('revision'));
  const newest = records();
  answer(told());
  await clock.advance(5_000);
  expect(newest).toHaveLength(1);
  expect(JSON.parse(records()[0] ?? '')).toMatchObject({ revision: JSON.parse(newest[0] ?? '').revision });
  await failing;
});

test('a Retry-After that comes beside a sign-out in another tab brings no session back', async () => {
  const { platform, clock, run, tokens, peer, failing, answer, stored } = await askedBeside();
  await run(peer.refresh());
  await clock.advance(1_000);
  const { storage } = platform;
  const { removeItem } = storage;
  Object.assign(storage, {
    removeItem: async (key: string) => {
      await removeItem.call(storage, key);
      answer(told()); // before this tab can hear of the removal
      for (let turn = 0; turn < 30; turn++) await undefined;
    },
  });
  await run(peer.endSession());
  await clock.advance(5_000);
  expect([...stored.values()].filter((text) => text.includes('revision'))).toEqual([]);
  expect([tokens.getSnapshot().status, peer.getSnapshot().status]).toEqual(['none', 'none']);
  await failing;
});
