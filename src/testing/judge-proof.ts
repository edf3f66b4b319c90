import { asciiBytes, base64url, proofMethod } from '../core/proof.js';
import type { World } from './auth-world.js';
import type { Exchange } from './exchange.js';
import { sha256 } from './sha256.js';

const MAX_SEEN = 100_000;
const MAX_NONCES = 1_000;

/** Why a proof is refused. */
export interface ProofRefusal {
  readonly error: 'use_dpop_nonce' | 'invalid_dpop_proof';
  readonly why: string;
}

/** Why the server does not take a proof, its nonce left aside; undefined: it does. */
function faultOfProof(world: World, { proof, method, url }: Exchange, accessToken?: string): string | undefined {
  if (!proof) return 'there is no proof';
  if (proof.fault !== undefined) return proof.fault;
  const { htm, htu, jti, ath } = proof.claims;
  if (htm !== proofMethod(method)) return 'htm is another method';
  if (!URL.canParse(String(htu)) || new URL(String(htu)).href !== `${url.origin}${url.pathname}`)
    return 'htu is another address';
  // atproto's client makes them of 11 characters
  if (typeof jti !== 'string' || jti.length < 8) return 'jti is no unique text';
  if (ath !== (accessToken === undefined ? undefined : base64url(sha256(asciiBytes(accessToken))))) {
    return 'ath is not the hash of the access token';
  }
  const { seen } = world.proofs;
  if (seen.has(jti)) return 'it was used before';
  seen.add(jti);
  for (const oldest of seen) if (seen.size > MAX_SEEN) seen.delete(oldest);
  return undefined;
}

/** Whether the time of a proof is refused. */
function isOutOfTime({ clock, switches }: World, { proof }: Exchange, hasNonce: boolean): boolean {
  const { dpopWindowMs, dpopIat, clockOffsetMs } = switches;
  if (hasNonce && dpopIat === 'unless-nonce') return false;
  const iat = Number(proof?.claims.iat) * 1_000;
  return !(Math.abs(iat - (clock.now() + clockOffsetMs)) <= dpopWindowMs + 1_000);
}

/** Uses up the nonce of a proof; `false` where it is none of those that were given, or too old. */
function takeNonce({ proofs: { nonces } }: World, nonce: unknown): boolean {
  const left = nonces.get(String(nonce)) ?? 0;
  if (left > 0) nonces.set(String(nonce), left - 1);
  return left > 0;
}

/** A nonce to give with an answer: one that is good once is given once. */
export function offerNonce({ proofs, mint, switches }: World): string {
  const uses = switches.dpopNonceUses ?? 1;
  const { nonces, current } = proofs;
  if (uses > 1 && current !== undefined && (nonces.get(current) ?? 0) > 0) return current;
  const fresh = `nonce.${mint.random()}`;
  nonces.set(fresh, uses);
  proofs.current = fresh;
  for (const oldest of nonces.keys()) if (nonces.size > MAX_NONCES) nonces.delete(oldest);
  return fresh;
}

/** Why a server of proofs refuses this one; undefined: it takes it, and its nonce is used up. */
export function refuseProof(
  world: World,
  exchange: Exchange,
  { nonce, accessToken }: { nonce: string | undefined; accessToken?: string | undefined },
): ProofRefusal | undefined {
  const { claims } = exchange.proof ?? {};
  const why = faultOfProof(world, exchange, accessToken);
  if (why !== undefined) return { error: 'invalid_dpop_proof', why };
  const isDemanded = nonce !== undefined || world.switches.dpopNonceUses !== undefined;
  const isRight = nonce === undefined ? takeNonce(world, claims?.nonce) : claims?.nonce === nonce;
  if (isDemanded && !isRight) return { error: 'use_dpop_nonce', why: 'the proof needs the nonce in DPoP-Nonce' };
  if (!isOutOfTime(world, exchange, isDemanded)) return undefined;
  return { error: 'invalid_dpop_proof', why: 'iat is too far from the time of the server' };
}
