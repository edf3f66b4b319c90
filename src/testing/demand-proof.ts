import type { World } from './auth-world.js';
import { type Answer, type Exchange, readDpopNonce, refusal } from './exchange.js';
import { refuseProof } from './judge-proof.js';

/** Refuses a request to the server itself whose DPoP proof is missing or wrong (RFC 9449 sections 5 and 8). */
export function demandProof(world: World, exchange: Exchange): Answer | undefined {
  const { dpop, dpopNonce } = world.switches;
  const nonce = dpopNonce === undefined ? undefined : { 'DPoP-Nonce': dpopNonce };
  if (dpop === 'ignored') {
    if (dpopNonce === undefined || readDpopNonce(exchange.headers) === dpopNonce) return undefined;
    return refusal(400, 'use_dpop_nonce', 'the DPoP proof needs the nonce in DPoP-Nonce', nonce);
  }
  if (!exchange.proof && dpop === 'accepted') return undefined;
  const refused = refuseProof(world, exchange, { nonce: dpopNonce });
  return refused && refusal(400, refused.error, refused.why, nonce);
}
