import type { SignInKey, SignIns } from './pending-sign-ins.js';

/** Beginning a sign-in takes less than this. */
const BEGIN_MS = 60_000;

/** Notes a key that was made for a sign-in. */
export function addKey(signIns: SignIns, name: string, at: number): SignIns {
  return { ...signIns, keys: [...(signIns.keys ?? []), { name, at }] };
}

/**
 * The keys that nothing refers to, neither a sign-in under way or being finished nor a session bound to one of `used`; and
 * what is left without them.
 *
 * A young key belongs to a sign-in that is just being begun, unless it is known to be `over`. Keys that were made elsewhere are
 * not among them: somebody else may refer to those.
 */
export function dropKeys(
  signIns: SignIns,
  used: readonly (string | undefined)[],
  over: readonly (string | undefined)[],
  now: number,
): [names: readonly string[], rest: SignIns] {
  const { keys = [], ...others } = signIns;
  const referred = new Set([
    ...used,
    ...[...signIns.pending.values(), ...signIns.traces].map(({ binding }) => binding),
  ]);
  const isKept = ({ name, at }: SignInKey) =>
    referred.has(name) || (Math.abs(now - at) < BEGIN_MS && !over.includes(name));
  const kept = keys.filter(isKept);
  return [
    keys.filter((key) => !isKept(key)).map(({ name }) => name),
    kept.length > 0 ? { ...others, keys: kept } : others,
  ];
}
