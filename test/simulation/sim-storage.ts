import { StorageError } from '../../src/errors.js';
import type { TokenStorage } from '../../src/ports/storage.js';
import type { Oracle } from './oracle.js';
import type { Peer } from './peer.js';
import type { World } from './world.js';

/** One string for all peers, kept badly. */
export interface SimStorage {
  portFor(peer: Peer): TokenStorage;
  readonly text: string | null;
  /** Everything is gone, as when a user clears the site's data. */
  forget(): void;
  /** Another client stores its session under our name; or takes it away again, if it is still there. */
  intrude(isThere: boolean): void;
  /** Another client's session is stored. */
  readonly isIntruded: boolean;
  /** It is dead for good, and this peer has found out. */
  isKnownDead(peer: Peer): boolean;
  /** For a while nothing can be read or written. */
  isDown: boolean;
  /** For a while nothing can be written; reading and removing work. */
  isFull: boolean;
}

/** Whoever finds the storage dead has waited so long, and waits again after a minute. */
const OPEN_MS = 4_000;
const QUIET_MS = 60_000;

/** The record of a client that is none of ours. */
const STRANGER = JSON.stringify({
  evertoken: 1,
  sessionId: 'stranger',
  revision: 9_000_000_000_000,
  owner: 'stranger@https://server.example/token',
  attemptId: 'stranger',
  unanswered: false,
  accessToken: 'a-stranger-1',
  refreshToken: 'r-stranger-1',
  scopes: [],
  issuedAt: 0,
});

type Fate = 'done' | 'refused' | 'done, but refused' | 'slow' | 'never answered' | 'done, but never answered';

export function createSimStorage(world: World, oracle: Oracle): SimStorage {
  const { lock, isSyncStorage, storageDiesAt = Number.POSITIVE_INFINITY, isDeathTold } = world.circumstances;
  const death = new StorageError('ERR_STORAGE_READ', 'this storage is dead');
  /** When each peer last waited for the dead storage. */
  const looks = new Map<Peer, number>();
  // without fences, one after the other for everybody; with them, each peer's own calls only
  const lanes = new Map<Peer | undefined, number>();
  let text: string | null = null;
  let newestFence = 0;

  function draw(what: string): Fate {
    if (what === 'write' && sim.isFull && !world.isCalm) return 'refused';
    if (sim.isDown && !world.isCalm) return world.random.chance(0.7) ? 'refused' : 'never answered';
    if (!world.fails('storage fault', 0.02)) return 'done';
    return world.random.pick([
      'refused',
      'refused',
      'done, but refused',
      'slow',
      'slow',
      'never answered',
      'done, but never answered',
    ]);
  }

  /** How long the dead storage takes to refuse. */
  function refusalMs(peer: Peer): number {
    oracle.storageFault(peer);
    const lookedAt = looks.get(peer) ?? Number.NEGATIVE_INFINITY;
    if (world.now < lookedAt + QUIET_MS) return world.random.between(0, 1);
    looks.set(peer, world.now);
    world.count('dead storage waited for');
    return OPEN_MS;
  }

  function submit<T>(peer: Peer, what: string, apply: () => T): Promise<T> {
    if (world.now >= storageDiesAt) {
      const { holding } = peer;
      if (holding) holding.open++;
      return new Promise((_, reject) => {
        peer.deliver(refusalMs(peer), () => {
          if (holding) holding.open--;
          reject(death);
        });
      });
    }
    const fate = draw(what);
    const { holding, cuts } = peer;
    const survives = world.random.chance(0.5);
    if (holding) holding.open++;
    if (fate !== 'done') {
      oracle.storageFault(peer);
      world.trace(() => `${peer.name} storage ${what}: ${fate}`);
    }
    return new Promise((resolve, reject) => {
      const close = (settle: () => void) =>
        peer.deliver(world.random.between(0, 1), () => {
          if (holding) holding.open--;
          if (cuts === peer.cuts) settle();
        });
      if (fate === 'refused') return close(() => reject(new Error('QuotaExceededError')));
      if (fate === 'never answered') return;
      const lane = lock === 'fenced' ? peer : undefined;
      const delayMs = fate === 'slow' ? world.random.between(500, 9_000) : world.random.between(0, 3);
      const at = Math.max(lanes.get(lane) ?? 0, world.now + delayMs);
      lanes.set(lane, at);
      world.schedule(at - world.now, () => {
        if (peer.isDead && !survives) return;
        let outcome: () => void;
        try {
          const value = apply();
          const isUntold = fate.startsWith('done, but') || cuts !== peer.cuts;
          if (what === 'write' && isUntold) peer.misledAt = world.now;
          outcome = fate === 'done, but refused' ? () => reject(new Error('disk error')) : () => resolve(value);
        } catch (error) {
          outcome = () => reject(error);
        }
        if (fate !== 'done, but never answered') close(outcome);
      });
    });
  }

  function admit(fence: number | undefined): void {
    if (fence === undefined) return;
    if (fence < newestFence) throw new Error('a newer fence was seen');
    newestFence = fence;
  }

  function put(peer: Peer, next: string | null, fence: number | undefined): void {
    try {
      admit(fence);
    } catch (error) {
      oracle.storageFault(peer);
      throw error;
    }
    world.trace(() => `storage has ${oracle.describe(next)} by ${peer.name}`);
    const before = text;
    text = next;
    oracle.stored(peer, before, next);
  }

  function change(peer: Peer, next: string | null, fence: number | undefined): unknown {
    oracle.writes(peer, next);
    const run = () => put(peer, next, fence);
    if (!isSyncStorage) return submit(peer, next === null ? 'remove' : 'write', run);
    buryIfDead(peer);
    const isRefused = sim.isDown || (sim.isFull && next !== null);
    if (isRefused || world.fails('storage fault', 0.02)) {
      oracle.storageFault(peer);
      throw new Error('QuotaExceededError');
    }
    return run();
  }

  function buryIfDead(peer: Peer): void {
    if (world.now < storageDiesAt) return;
    refusalMs(peer);
    throw death;
  }

  // a pause of before there is a session lies beside the record
  const isPause = (key: string) => key.endsWith(':pause');
  let pause: string | null = null;
  const keep = (value: string | null) => {
    pause = value;
  };
  const apart = <T>(peer: Peer, what: string, work: () => T) => (isSyncStorage ? work() : submit(peer, what, work));

  const sim: SimStorage = {
    portFor: (peer) => ({
      getItem: (key) => {
        if (isPause(key)) return apart(peer, 'read', () => pause);
        if (!isSyncStorage) return submit(peer, 'read', () => text);
        buryIfDead(peer);
        if (!sim.isDown && !world.fails('storage fault', 0.02)) return text;
        oracle.storageFault(peer);
        throw new Error('SecurityError');
      },
      setItem: (key, value, options) =>
        isPause(key) ? apart(peer, 'write', () => keep(value)) : change(peer, value, options?.fence),
      removeItem: (key, options) =>
        isPause(key) ? apart(peer, 'remove', () => keep(null)) : change(peer, null, options?.fence),
      get fault() {
        return isDeathTold && sim.isKnownDead(peer) ? death : undefined;
      },
    }),
    get text() {
      return text;
    },
    forget: () => {
      oracle.forgot(text);
      text = null;
      pause = null;
    },
    intrude: (isThere) => {
      if (isThere ? world.now >= storageDiesAt : text !== STRANGER) return;
      world.trace(() => `another client ${isThere ? 'stores its session' : 'takes its session away'}`);
      oracle.forgot(text);
      text = isThere ? STRANGER : null;
    },
    get isIntruded() {
      return text === STRANGER;
    },
    isKnownDead: (peer) => world.now >= storageDiesAt + OPEN_MS && looks.has(peer),
    isDown: false,
    isFull: false,
  };
  return sim;
}
