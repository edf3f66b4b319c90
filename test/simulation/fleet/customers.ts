import type { Checks, Scene } from './checks.js';
import type { FleetProcess } from './fleet-process.js';
import type { Provider } from './provider.js';

/** What happens to sessions: use, sign-in, sign-out, the end of a grant. */
export interface Customers {
  /** Signs everybody in. */
  begin(): void;
}

/** No call takes longer, whatever happens, unless its process dies or freezes. */
const BOUND_MS = 90_000;

export function createCustomers(
  scene: Scene,
  checks: Checks,
  web: FleetProcess,
  alive: () => readonly FleetProcess[],
  providers: readonly Provider[],
): Customers {
  const { world, keys, store } = scene;
  const { random, circumstances } = world;
  const busy = new Set<string>();

  /** A call of a process, which has to settle. */
  async function within(process: FleetProcess, what: string, call: Promise<unknown>): Promise<unknown> {
    let isOver = false;
    const { host } = process;
    const startedAt = world.now;
    world.schedule(BOUND_MS, () => {
      const isExcused = host.isDead || host.isFrozen || host.thawedAt >= startedAt || host.isEnding;
      if (!isOver && !isExcused) world.violate('bounds', `${what} at ${host.name} takes more than ${BOUND_MS} ms`);
    });
    try {
      return await call;
    } catch {
      return undefined; // a refusal is an answer
    } finally {
      isOver = true;
    }
  }

  async function use(process: FleetProcess, key: string): Promise<void> {
    checks.used(key);
    const askedAt = world.now;
    const token = await within(process, `a token of ${key}`, process.fleet.session(key).getAccessToken());
    checks.usedUntilNow(key);
    const [, family = ''] = typeof token === 'string' ? token.split('-') : [];
    const granted = scene.providerOf(key).named(family);
    const owner = granted?.key;
    if (token !== undefined && owner !== key) world.violate('own tokens', `a token of ${owner} is served for ${key}`);
    if (granted) checks.served(process.host, key, granted, askedAt);
  }

  async function signOut(process: FleetProcess, key: string): Promise<void> {
    busy.add(key);
    checks.leaves(key);
    world.trace(() => `${process.host.name} signs ${key} out`);
    await within(process, `the sign-out of ${key}`, process.fleet.session(key).endSession());
    if (store.items.has(`evertoken:${key}`)) return void world.schedule(30_000, () => busy.delete(key));
    checks.left(key);
    // somebody who does not know of it goes on asking
    for (const afterMs of [1_100, random.between(1_000, 5_000)]) {
      const asker = random.pick([web, ...alive()]);
      world.schedule(afterMs, () => {
        if (!store.items.has(`evertoken:${key}`)) void use(asker, key);
      });
    }
    world.schedule(random.wait(20_000) + 5_000, () => {
      if (!busy.delete(key) || random.chance(0.3)) return;
      signIn(key);
    });
  }

  function signIn(key: string): void {
    if (busy.has(key) || store.items.has(`evertoken:${key}`)) return;
    const response = scene.providerOf(key).signIn(key);
    world.trace(() => `${key} signs in as ${scene.providerOf(key).familyOf(key)?.name}`);
    checks.signedIn(key);
    void within(web, `the sign-in of ${key}`, web.fleet.session(key).startSession(response));
  }

  function act(): void {
    world.schedule(random.wait(circumstances.paceMs), act);
    const key = random.pick(keys);
    // every third session is used by nobody
    const isUsed = keys.indexOf(key) % 3 !== 0;
    const process = random.pick([web, ...alive()]);
    const isThere = store.items.has(`evertoken:${key}`) && !busy.has(key);
    if (!isThere) {
      if (random.chance(0.3) && !world.isCalm) signIn(key);
      return;
    }
    const what = random.weigh({
      use: isUsed ? 60 : 0,
      refresh: 1,
      signOut: world.isCalm ? 0 : 1,
      revoke: world.isCalm ? 0 : 1,
      nothing: 2,
    });
    if (what === 'use') void use(process, key);
    if (what === 'refresh' && isUsed) {
      checks.asked(key);
      void within(process, `a refresh of ${key}`, process.fleet.refresh(key));
    }
    if (what === 'signOut') void signOut(process, key);
    if (what === 'revoke') scene.providerOf(key).revoke(key);
  }

  /** Somebody looks after the fleet: asks people to connect again, and lets lanes go on that were held. */
  function operate(): void {
    world.schedule(5_000, operate);
    void web.fleet.ended({ limit: 10 }).then((ended) => {
      if (ended.length === 0 || !random.chance(0.3)) return;
      const gone = ended.map(({ key }) => key);
      checks.acknowledged(gone);
      void web.fleet.acknowledge(gone).then(() => {
        for (const key of gone) if (random.chance(0.7)) signIn(key);
      });
    });
    void scene.index.bare.look().then((lanes) => {
      for (const { lane, paused } of lanes) {
        const provider = providers.find(({ facts }) => facts.name === lane);
        const isHeld = paused?.reason === 'deaths' && provider?.mood !== 'deaf';
        if (isHeld && (world.isCalm || random.chance(0.3))) void web.fleet.resume(lane);
      }
    });
  }

  return {
    begin() {
      const spanMs = random.pick([0, 0, 30_000]);
      for (const key of keys) world.schedule(random.between(0, spanMs), () => signIn(key));
      world.schedule(1_000, act);
      world.schedule(5_000, operate);
    },
  };
}
