import { asciiBytes, base64url, type EcPublicKey, proofMethod, thumbprintInput } from '../core/proof.js';
import type { World } from './auth-world.js';
import type { Exchange } from './exchange.js';
import type { Mint } from './mint.js';
import { readPayload } from './mint.js';
import { sha256 } from './sha256.js';

/** A DPoP proof as it came (RFC 9449 section 4.2). */
export interface Proof {
  /** The thumbprint of its key (RFC 7638). */
  readonly jkt: string;
  readonly claims: Readonly<Record<string, unknown>>;
  /** What is wrong with it, whatever it was sent with; undefined: nothing. */
  readonly fault: string | undefined;
}

/** Why a proof is refused. */
export interface ProofRefusal {
  readonly error: 'use_dpop_nonce' | 'invalid_dpop_proof';
  readonly why: string;
}

/** What a server remembers of proofs. */
export interface ProofBook {
  /** Proofs that were seen: none is good twice. */
  readonly seen: Set<string>;
  /** The nonces that were given, and how often each may still be used. */
  readonly nonces: Map<string, number>;
  current: string | undefined;
}

const MAX_SEEN = 100_000;
const MAX_NONCES = 1_000;

/** Makes an empty book. */
export function createProofBook(): ProofBook {
  return { seen: new Set(), nonces: new Map(), current: undefined };
}

/** Reads the proof of a request, and verifies its signature where there is `crypto.subtle`; undefined where there is none. */
export async function readProof(headers: Headers): Promise<Proof | undefined> {
  const text = headers.get('dpop');
  if (text === null) return undefined;
  const [head = '', payload = '', signature = '', more] = text.split('.');
  const header = readPayload(head);
  const claims = readPayload(payload) ?? {};
  const { kty, crv, x, y, d } = Object(header?.jwk) as EcPublicKey & { d?: unknown };
  const jwk = { kty, crv, x, y };
  const isKey = kty === 'EC' && crv === 'P-256' && [x, y].every((part) => /^[\w-]{43}$/.test(String(part)));
  const jkt = isKey ? base64url(sha256(asciiBytes(thumbprintInput(jwk)))) : '';
  const fault =
    !header || more !== undefined
      ? 'it is no JWT'
      : header.typ !== 'dpop+jwt' || header.alg !== 'ES256'
        ? 'it is no dpop+jwt with ES256'
        : !isKey || d !== undefined
          ? 'its jwk is no public key on P-256'
          : (await isSigned(jwk, `${head}.${payload}`, signature))
            ? undefined
            : 'its signature is not by its key';
  return { jkt, claims, fault };
}

/** Why the server does not take a proof, its nonce left aside; undefined: it does. */
export function faultOfProof(world: World, { proof, method, url }: Exchange, accessToken?: string): string | undefined {
  if (!proof) return 'there is no proof';
  if (proof.fault !== undefined) return proof.fault;
  const { htm, htu, jti, ath } = proof.claims;
  if (htm !== proofMethod(method)) return 'htm is another method';
  if (!URL.canParse(String(htu)) || new URL(String(htu)).href !== `${url.origin}${url.pathname}`)
    return 'htu is another address';
  if (typeof jti !== 'string' || jti.length < 16) return 'jti is no unique text';
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
export function isOutOfTime({ clock, switches }: World, { proof }: Exchange, hasNonce: boolean): boolean {
  const { dpopWindowMs, dpopIat, clockOffsetMs } = switches;
  if (hasNonce && dpopIat === 'unless-nonce') return false;
  const iat = Number(proof?.claims.iat) * 1_000;
  return !(Math.abs(iat - (clock.now() + clockOffsetMs)) <= dpopWindowMs + 1_000);
}

/** Uses up the nonce of a proof; `false` where it is none of those that were given, or too old. */
export function takeNonce({ proofs: { nonces } }: World, nonce: unknown): boolean {
  const left = nonces.get(String(nonce)) ?? 0;
  if (left > 0) nonces.set(String(nonce), left - 1);
  return left > 0;
}

/** A nonce to give with an answer: one that is good once is given once. */
export function offerNonce({ proofs, mint, switches }: World): string {
  const uses = switches.dpopNonceUses ?? 1;
  const { nonces, current } = proofs;
  if (uses > 1 && current !== undefined && (nonces.get(current) ?? 0) > 0) return current;
  const fresh = freshNonce(mint);
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

function freshNonce(mint: Mint): string {
  return `nonce.${mint.random()}`;
}

async function isSigned(jwk: EcPublicKey, input: string, signature: string): Promise<boolean> {
  const { crypto } = globalThis as { crypto?: Crypto };
  if (!crypto?.subtle) return true;
  try {
    const bytes = Uint8Array.from(atob(signature.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
    const key = await crypto.subtle.importKey('jwk', { ...jwk }, { name: 'ECDSA', namedCurve: 'P-256' }, false, [
      'verify',
    ]);
    return await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, bytes, asciiBytes(input));
  } catch {
    return false;
  }
}
