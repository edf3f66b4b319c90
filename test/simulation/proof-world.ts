import type { Oracle } from './oracle.js';
import type { Peer } from './peer.js';
import { createProofWatch, type ProofWatch } from './proof-watch.js';
import { createSimKeys, type SimKeys } from './sim-keys.js';
import { createSimProofs, type SimProofs } from './sim-proofs.js';
import type { SimServer } from './sim-server.js';
import type { World } from './world.js';

/** What a world has more where sessions are bound to keys. */
export interface ProofWorld {
  readonly proofs: SimProofs;
  readonly keys: SimKeys;
  readonly watch: ProofWatch;
  /** The name of the key of a sign-in; undefined: it is one of an application that knows no keys yet. */
  keyForSignIn(): string | undefined;
  /** How each peer asks for the access tokens of all other APIs at once. */
  readonly bursts: Map<Peer, () => void>;
  /** No faults any more. */
  calm(): void;
}

const MEAN_MS = 40_000;

export function createProofWorld(
  world: World,
  server: SimServer,
  oracle: Oracle,
  alive: () => readonly Peer[],
): ProofWorld | undefined {
  const proofs = createSimProofs(world);
  if (!proofs) return undefined;
  const { boundRandom: random, circumstances } = world;
  const keys = createSimKeys(world, server);
  const watch = createProofWatch(world, keys.faultAt);
  const bursts = new Map<Peer, () => void>();

  const next = () => {
    world.schedule(random.wait(MEAN_MS / circumstances.trouble), () => {
      if (world.isCalm) return;
      strike({ world, server, oracle, proofs, keys, bursts }, alive());
      next();
    });
  };
  if (circumstances.trouble > 0) next();
  return {
    proofs,
    keys,
    watch,
    bursts,
    keyForSignIn: () => (random.chance(0.1) ? undefined : keys.create()),
    calm: () => {
      proofs.isInsatiable = false;
      keys.isDown = false;
    },
  };
}

interface Parts {
  readonly world: World;
  readonly server: SimServer;
  readonly oracle: Oracle;
  readonly proofs: SimProofs;
  readonly keys: SimKeys;
  readonly bursts: ReadonlyMap<Peer, () => void>;
}

function strike({ world, server, oracle, proofs, keys, bursts }: Parts, peers: readonly Peer[]): void {
  const { boundRandom: random } = world;
  const kind = random.weigh({
    'nonces forgotten': 6,
    'nonces demanded again and again': 2,
    'key store down': 3,
    'clock two minutes wrong': 3,
    'key lost': 0.4,
    'other APIs asked for by all at once': bursts.size > 0 ? 8 : 0,
  });
  world.count(kind);
  world.trace(() => `--- ${kind}, ${peers.length} peers`);
  if (kind === 'nonces forgotten') proofs.forget();
  else if (kind === 'nonces demanded again and again') {
    proofs.isInsatiable = true;
    world.schedule(random.wait(10_000), () => {
      proofs.isInsatiable = false;
    });
  } else if (kind === 'key store down') {
    keys.isDown = true;
    world.schedule(random.wait(15_000), () => {
      keys.isDown = false;
    });
  } else if (kind === 'other APIs asked for by all at once') {
    for (const peer of peers) peer.deliver(random.between(0, 300), () => !peer.disposed && bursts.get(peer)?.());
  } else if (kind === 'clock two minutes wrong') {
    const jumpMs = random.pick([-120_000, 120_000]);
    world.wallOffset += jumpMs;
    world.jumpedAt = world.now;
    if (jumpMs < 0) world.wasSetBack = true;
    oracle.clockJumped();
  } else {
    const { binding } = [...server.grants.values()].at(-1) ?? {};
    if (binding !== undefined) keys.lose(binding);
  }
}
