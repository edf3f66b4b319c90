import type { Random } from './random.js';

/** How the servers of a world take proofs of possession (RFC 9449); drawn once, before anything happens. */
export interface ProofCircumstances {
  /** How many requests a nonce is good for; 0: none is demanded. */
  readonly nonceUses: number;
  readonly demandedBy: 'both' | 'endpoint' | 'api';
  /** A new nonce comes with every answer, and not only with refusals. */
  readonly givesWithSuccess: boolean;
  readonly nonceLifeMs: number;
  /** Whether `iat` counts although the nonce is right. */
  readonly iat: 'checked' | 'unless-nonce';
  /** So far may `iat` be from the server's time. */
  readonly windowMs: number;
  /** The time is looked at before the nonce, and a refusal of it brings no nonce. */
  readonly isTimeFirst: boolean;
  /** What a page can read of `Date`, `WWW-Authenticate` and `DPoP-Nonce`. */
  readonly exposes: 'all' | 'nonce' | 'nothing';
  /** The refresh token is spent before the proof is looked at. */
  readonly spendsFirst: boolean;
  /** Access tokens are JWTs, which say when they were issued. */
  readonly hasJwtTokens: boolean;
  /** The API looks at the access token before the proof. */
  readonly isTokenFirst: boolean;
}

/** Undefined: sessions of this world are bound to no key. */
export function drawProofs(random: Random): ProofCircumstances | undefined {
  return random.chance(0.35) ? drawBound(random) : undefined;
}

/** The same for worlds in which they are. */
export function drawBound(random: Random): ProofCircumstances {
  const exposes = random.weigh({ all: 8, nonce: 2, nothing: 1 });
  const isBlind = exposes === 'nothing';
  return {
    exposes,
    // a page that cannot read them could never do what the server wants
    nonceUses: isBlind ? 0 : random.pick([1, 1, 3, 1_000, ...(exposes === 'nonce' ? [] : [0])]),
    demandedBy: exposes === 'nonce' ? 'both' : random.weigh({ both: 4, endpoint: 1, api: 1 }),
    givesWithSuccess: random.chance(0.8),
    nonceLifeMs: random.pick([30_000, 300_000, 7_200_000]),
    iat: exposes === 'nonce' ? 'unless-nonce' : random.weigh({ checked: 2, 'unless-nonce': 1 }),
    windowMs: random.pick([15_000, 60_000, 300_000]),
    isTimeFirst: random.chance(0.3),
    spendsFirst: random.chance(0.12),
    hasJwtTokens: random.chance(0.4),
    isTokenFirst: random.chance(0.4),
  };
}

/** Whether a page can find out that its clock is wrong, where that matters at all. */
export function knowsTime({ exposes, iat, nonceUses, demandedBy }: ProofCircumstances): boolean {
  const isNeverLookedAt = iat === 'unless-nonce' && nonceUses > 0 && demandedBy === 'both';
  return exposes === 'all' || isNeverLookedAt;
}
