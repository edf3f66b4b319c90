import { describe, expect, test } from 'vitest';
import { boundWorld, storedBinding } from '../../support/bound-world.js';

/** How many moments the work has, each a call of a port or of the network, before it and after. */
async function countMoments(
  work: (world: ReturnType<typeof boundWorld>) => Promise<unknown>,
  options = {},
): Promise<number> {
  const world = boundWorld(options);
  let moments = 0;
  const done = work(world);
  world.onMoment = () => void moments++;
  await done;
  return moments;
}

/** What is stored and bound has its key. */
async function expectKeys(world: ReturnType<typeof boundWorld>): Promise<void> {
  const names = await world.keys.list();
  const bound = storedBinding(world.first.items);
  if (bound !== undefined) expect(names).toContain(bound);
  const { pending = [], traces = [] } = JSON.parse(world.first.items.get('evertoken:session:sign-ins') ?? '{}');
  for (const { binding } of [...pending.map(([, entry]: [string, object]) => entry), ...traces]) {
    if (binding !== undefined) expect(names).toContain(binding);
  }
}

describe('a reload at every moment', () => {
  test('of beginning a sign-in leaves no session or sign-in without its key, and the next sign-in works', async () => {
    const begin = async (world: ReturnType<typeof boundWorld>) => world.run(world.tab().signIn.begin());
    const moments = await countMoments(begin);
    expect(moments).toBeGreaterThan(10);
    for (let at = 0; at < moments; at++) {
      const world = boundWorld();
      let left = at;
      const page = world.tab();
      world.onMoment = () => {
        if (left-- === 0) world.first.reload();
      };
      page.signIn.begin().catch(() => undefined);
      await world.clock.advance(1_000);
      world.onMoment = undefined;
      await expectKeys(world);
      const after = world.tab();
      await world.signIn(after);
      expect((await world.run(after.api(world.server.apiUrl))).status).toBe(200);
      await world.clock.advance(61_000);
      await world.run(after.signIn.end());
      expect((await world.keys.list()).length, `a reload at moment ${at}`).toBeLessThanOrEqual(1);
    }
  });

  test('of finishing a sign-in leads to a bound session with its key, or to none', async () => {
    const prepare = async (world: ReturnType<typeof boundWorld>) => {
      const url = await world.run(world.tab().signIn.begin());
      return world.visit(url);
    };
    const moments = await countMoments(async (world) => {
      const back = await prepare(world);
      return world.run(world.tab().signIn.finish(back));
    });
    for (let at = 0; at < moments; at++) {
      const world = boundWorld();
      const back = await prepare(world);
      let left = at;
      const page = world.tab();
      world.onMoment = () => {
        if (left-- === 0) world.first.reload();
      };
      page.signIn.finish(back).catch(() => undefined);
      await world.clock.advance(1_000);
      world.onMoment = undefined;
      await expectKeys(world);
      const after = world.tab();
      const done = await world.run(after.signIn.finish(back).catch((error) => error));
      if (after.tokens.getSnapshot().status === 'active') {
        expect((await world.run(after.api(world.server.apiUrl))).status).toBe(200);
        expect(storedBinding(world.first.items)).toBeDefined();
      } else {
        expect(done).toMatchObject({ name: 'SignInError' });
        await world.signIn(after);
        expect((await world.run(after.api(world.server.apiUrl))).status).toBe(200);
      }
      expect(world.server.counts.reusesDetected).toBe(0);
    }
  });

  test('of a refresh keeps the session bound to its key, where the server bears an answer that was lost', async () => {
    const options = { reuseWindowMs: 600_000, dpopNonceUses: 4 };
    const refresh = async (world: ReturnType<typeof boundWorld>) => {
      await world.signIn(world.tab());
      await world.clock.advance(60_000);
      return world.run(world.tab().tokens.getAccessToken());
    };
    const moments = await countMoments(refresh, options);
    for (let at = 0; at < moments; at++) {
      const world = boundWorld(options);
      await world.signIn(world.tab());
      const name = storedBinding(world.first.items);
      await world.clock.advance(60_000);
      let left = at;
      const page = world.tab();
      world.onMoment = () => {
        if (left-- === 0) world.first.reload();
      };
      page.tokens.getAccessToken().catch(() => undefined);
      await world.clock.advance(1_000);
      world.onMoment = undefined;
      expect((await world.run(world.tab().api(world.server.apiUrl))).status, `a reload at moment ${at}`).toBe(200);
      expect(storedBinding(world.first.items)).toBe(name);
    }
  });
});
