import { asciiBytes, base64url } from '../../src/core/proof.js';
import { sha256 } from '../../src/testing/sha256.js';
import { fakeSignature, nameOf } from './sim-keys.js';
import { START_AT, type World } from './world.js';

/** A request that came with a proof, or without. */
export interface Proven {
  readonly proof: string | undefined;
  readonly method: string;
  readonly url: string;
  readonly accessToken?: string | undefined;
  /** The key that its tokens are bound to. */
  readonly binding: string;
  /** The network sent it a second time: its proof was seen already. */
  readonly isDoubled?: boolean;
}

/** Why a proof is not taken. */
export type ProofRefusal = 'use_dpop_nonce' | 'invalid_dpop_proof';

/** What all servers of a world want of proofs. */
export interface SimProofs {
  judge(sent: Proven): ProofRefusal | undefined;
  /** What a page can read of the headers of an answer; `said`: what it says of the proof. */
  headers(origin: string, said: ProofRefusal | undefined): Readonly<Record<string, string>>;
  /** No nonce that was given is good any more. */
  forget(): void;
  /** Nonces are refused, whichever they are. */
  isInsatiable: boolean;
}

/** The claims of a proof. */
export type Claims = Readonly<Record<'jti' | 'htm' | 'htu' | 'ath' | 'nonce', unknown>> & { readonly iat: number };

interface Nonce {
  readonly origin: string;
  readonly until: number;
  left: number;
}

export const ENDPOINT_ORIGIN = 'https://auth.test';

export function readClaimsOf(proof: string): Claims {
  return JSON.parse(Buffer.from(proof.split('.')[1] ?? '', 'base64url').toString()) as Claims;
}

export function createSimProofs(world: World): SimProofs | undefined {
  const { circumstances } = world;
  if (!circumstances.proofs) return undefined;
  const { nonceUses, demandedBy, givesWithSuccess, nonceLifeMs, iat, windowMs, isTimeFirst, exposes } =
    circumstances.proofs;
  const nonces = new Map<string, Nonce>();
  const current = new Map<string, string>();
  const seen = new Set<unknown>();
  const names = new Map<string, { readonly binding: string; readonly x: string }>();
  let given = 0;

  const isDemandedBy = (origin: string) =>
    nonceUses > 0 && (demandedBy === 'both' || demandedBy === (origin === ENDPOINT_ORIGIN ? 'endpoint' : 'api'));

  function signerOf(header: string) {
    const known = names.get(header);
    if (known) return known;
    const { jwk } = JSON.parse(Buffer.from(header, 'base64url').toString());
    const signer = { binding: nameOf(jwk), x: jwk.x };
    names.set(header, signer);
    return signer;
  }

  /** What no client may get wrong, whatever happens. */
  function faultOf({ proof, method, url, accessToken, binding, isDoubled }: Proven): string | undefined {
    if (proof === undefined) return 'there is none';
    const [header = '', payload, signature] = proof.split('.');
    const signer = signerOf(header);
    if (signer.binding !== binding) return 'it is by another key than that of the session';
    if (signature !== base64url(fakeSignature(asciiBytes(`${header}.${payload}`), signer.x))) return 'not signed';
    const { htm, htu, ath, jti, nonce } = readClaimsOf(proof);
    if (htm !== method || htu !== url) return `it is for ${htm} ${htu}`;
    const hash = accessToken === undefined ? undefined : base64url(sha256(asciiBytes(accessToken)));
    if (ath !== hash) return 'ath is not that of the access token';
    if (seen.has(jti) && !isDoubled) return 'it was used before';
    if (!isDoubled) seen.add(jti);
    const host = typeof nonce === 'string' ? nonce.split('|')[0] : undefined;
    return host === undefined || url.startsWith(host) ? undefined : 'its nonce is of another origin';
  }

  function takes(origin: string, name: unknown): boolean {
    const nonce = nonces.get(String(name));
    if (nonce?.origin !== origin || nonce.left <= 0 || world.now >= nonce.until || proofs.isInsatiable) return false;
    nonce.left--;
    return true;
  }

  function offer(origin: string): string {
    const known = current.get(origin) ?? '';
    const { left, until } = nonces.get(known) ?? { left: 0, until: 0 };
    if (nonceUses > 1 && left > 0 && world.now < until - nonceLifeMs / 2 && !proofs.isInsatiable) return known;
    const fresh = `${origin}|${++given}`;
    nonces.set(fresh, { origin, until: world.now + nonceLifeMs, left: nonceUses });
    current.set(origin, fresh);
    return fresh;
  }

  const proofs: SimProofs = {
    isInsatiable: false,
    forget: () => nonces.clear(),
    judge: (sent) => {
      const fault = faultOf(sent);
      if (fault !== undefined) {
        world.violate('proofs', `a proof for ${sent.method} ${sent.url}: ${fault}`);
        return 'invalid_dpop_proof';
      }
      const { origin } = new URL(sent.url);
      const claims = readClaimsOf(sent.proof ?? '');
      const isDemanded = isDemandedBy(origin);
      const isTimed = iat === 'checked' || !isDemanded;
      const isOutOfTime = isTimed && Math.abs(claims.iat * 1000 - START_AT - world.now) > windowMs + 1_000;
      if (isOutOfTime && isTimeFirst) return 'invalid_dpop_proof';
      if (isDemanded && !takes(origin, claims.nonce)) return 'use_dpop_nonce';
      return isOutOfTime ? 'invalid_dpop_proof' : undefined;
    },
    headers: (origin, said) => {
      const isOffered = said === 'use_dpop_nonce' || (givesWithSuccess && !(isTimeFirst && said !== undefined));
      return {
        ...(exposes === 'all' && { date: new Date(START_AT + world.now).toUTCString() }),
        ...(isDemandedBy(origin) && isOffered && exposes !== 'nothing' && { 'dpop-nonce': offer(origin) }),
      };
    },
  };
  return proofs;
}
