import type { KmsLike } from '../../src/adapters/encryption.js';

/** A key management service of our own: it knows its keys, nobody else does, and it counts its calls. */
export interface Kms extends KmsLike {
  id: string;
  /** Calls by name, in their order. */
  readonly calls: string[];
  /** What it was given as context. */
  readonly contexts: Set<string>;
  /** Thrown by every call while it is set. */
  fault: Error | undefined;
  /** While set, no call is answered before it resolves. */
  gate: Promise<void> | undefined;
}

/** Wraps by a mask of its own for each key; wrong contexts do not open. */
export function createKms(id = 'kms'): Kms {
  const masks = new Map<string, Uint8Array>();
  const maskOf = (name: string) => {
    const mask = masks.get(name) ?? crypto.getRandomValues(new Uint8Array(32));
    masks.set(name, mask);
    return mask;
  };
  const masked = (bytes: Uint8Array, name: string) => bytes.map((byte, index) => byte ^ (maskOf(name)[index] ?? 0));
  async function call(name: string, context: string): Promise<void> {
    kms.calls.push(name);
    kms.contexts.add(context);
    await kms.gate;
    if (kms.fault) throw kms.fault;
  }
  const kms: Kms = {
    id,
    calls: [],
    contexts: new Set(),
    fault: undefined,
    gate: undefined,
    async wrap(dataKey, context) {
      await call('wrap', context);
      const head = new TextEncoder().encode(JSON.stringify([kms.id, context]));
      return Uint8Array.from([head.length, ...head, ...masked(dataKey, kms.id)]);
    },
    async unwrap(wrapped, context) {
      await call('unwrap', context);
      const [length = 0] = wrapped;
      const [name, wanted] = JSON.parse(new TextDecoder().decode(wrapped.slice(1, 1 + length)));
      if (wanted !== context) throw new Error('InvalidCiphertextException');
      return masked(wrapped.slice(1 + length), name);
    },
  };
  return kms;
}
