import { asciiBytes, base64url, thumbprintInput } from '../../src/core/proof.js';
import type { DpopKey, DpopKeys } from '../../src/ports/keys.js';
import { sha256 } from '../../src/testing/sha256.js';
import type { Peer } from './peer.js';
import type { SimServer } from './sim-server.js';
import type { World } from './world.js';

/** The keys of a world's sessions, which all its peers share. */
export interface SimKeys {
  portFor(peer: Peer): DpopKeys;
  /** Makes a key; gives its name. */
  create(): string;
  /** A key is gone for good. */
  lose(binding: string): void;
  /** The store cannot be read. */
  isDown: boolean;
  /** When it last failed this peer, or made it wait. */
  faultAt(peer: Peer): number;
}

/** A text instead of a signature: whoever has the input and the public key can tell whether it is right. */
export function fakeSignature(input: Uint8Array, x: string): Uint8Array {
  let hash = 0x811c9dc5;
  for (const byte of input) hash = Math.imul(hash ^ byte, 0x01000193);
  const signature = new Uint8Array(64);
  signature.set(asciiBytes(`${x}:${hash >>> 0}`));
  return signature;
}

/** The name of a key (RFC 7638). */
export function nameOf(publicKey: DpopKey['publicKey']): string {
  return base64url(sha256(asciiBytes(thumbprintInput({ ...publicKey }))));
}

export function createSimKeys(world: World, server: SimServer): SimKeys {
  const { boundRandom: random } = world;
  const keys = new Map<string, DpopKey>();
  const faults = new Map<Peer, number>();
  let made = 0;

  function fails(kind: string, probability: number, peer: Peer): boolean {
    const isFault = !world.isCalm && random.chance(probability * world.circumstances.trouble);
    if (isFault) world.count(kind);
    if (isFault) faults.set(peer, world.now);
    return isFault;
  }

  function keyFor(peer: Peer, key: DpopKey): DpopKey {
    return {
      ...key,
      sign: async (data) => {
        if (!fails('key refuses to sign', 0.01, peer)) return key.sign(data);
        throw new Error('the key store is busy');
      },
    };
  }

  function find(peer: Peer, binding: string): Promise<DpopKey | undefined> {
    const { holding } = peer;
    if (holding) holding.open++;
    const isRefused = sim.isDown || fails('key store refuses', 0.03, peer);
    const isHanging = fails('key store hangs', 0.02, peer);
    const delayMs = fails('slow key', 0.1, peer) ? random.wait(6_000) : random.between(0, 3);
    if (isRefused) faults.set(peer, world.now);
    return new Promise((resolve, reject) => {
      if (isHanging) return;
      peer.deliver(delayMs, () => {
        if (holding) holding.open--;
        world.trace(() => `${peer.name} looks for the key ${binding.slice(0, 6)}: ${isRefused ? 'refused' : ''}`);
        if (isRefused) return reject(new Error('InvalidStateError'));
        const key = keys.get(binding);
        resolve(key && keyFor(peer, key));
      });
    });
  }

  const sim: SimKeys = {
    portFor: (peer) => ({
      create: async () => keys.get(sim.create()) as DpopKey,
      find: (binding) => find(peer, binding),
      remove: async (binding) => sim.lose(binding),
      list: async () => [...keys.keys()],
    }),
    create: () => {
      made++;
      const x = `key${made}`;
      const publicKey = { kty: 'EC', crv: 'P-256', x, y: 'y' } as const;
      const binding = nameOf(publicKey);
      keys.set(binding, { binding, publicKey, sign: async (data) => fakeSignature(data, x) });
      return binding;
    },
    lose: (binding) => {
      keys.delete(binding);
      for (const grant of server.grants.values()) if (grant.binding === binding) grant.isKeyGone = true;
    },
    isDown: false,
    faultAt: (peer) => faults.get(peer) ?? Number.NEGATIVE_INFINITY,
  };
  return sim;
}
