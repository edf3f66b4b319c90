import { readChallenges } from '../../core/challenge.js';
import { isSameSkew } from '../../core/skew.js';
import { readObject } from '../oauth/request.js';
import { readTarget } from '../origins.js';
import { letGo } from '../outgoing.js';
import type { Nonces } from './nonces.js';
import type { Provable, Prover } from './prover.js';
import type { ServerClocks } from './server-clocks.js';

/** What all requests of one signer share. */
export interface Signer {
  readonly prover: Prover;
  readonly nonces: Nonces;
  readonly clocks: ServerClocks;
  now(): number;
}

/** A request that is to be sent with a proof. */
export interface Signed extends Provable {
  readonly origin: string;
  /** It goes to the authorization server, which says in the body what it wants. */
  readonly isEndpoint: boolean;
  /** How far the server's clock is ahead, where no answer has told. */
  readonly assumedSkewMs?: number | undefined;
  /** Sends it with a proof; `isAgain` the second time. */
  transmit(proof: string, isAgain: boolean): Promise<Response>;
  /** Once it is aborted, nothing is sent any more. */
  readonly signal?: AbortSignal | null | undefined;
  /** Nor after so many milliseconds, because the lock that it is sent under may have been taken from a frozen page. */
  readonly limitMs?: number | undefined;
  /** Its body can be read only once: it is not sent again. */
  readonly isOneShot: boolean;
}

/** What a request went out with, and what its answer has told. */
interface Sent {
  readonly response: Response;
  readonly nonce: string | undefined;
  readonly skewMs: number;
  /** Another nonce than the one that was sent. */
  readonly otherNonce: string | undefined;
  /** The clock is another than was assumed. */
  readonly isOtherTime: boolean;
}

/**
 * Sends a request with a proof, and once more where the server wants another nonce, or the proof was made by a wrong clock.
 *
 * A token endpoint that says first the one, that the time is wrong, and then the other is asked a third time.
 */
export async function sendSigned(signer: Signer, request: Signed): Promise<Response> {
  const until = signer.now() + (request.limitMs ?? Number.POSITIVE_INFINITY);
  const isOver = () => request.signal?.aborted || signer.now() > until;
  const first = await send(signer, request, isOver);
  if (request.isOneShot || isOver() || !(await isRepairable(first, request.isEndpoint))) return first.response;
  letGo(first.response.body);
  // The nonce of this very answer, because others may each be good for one request.
  const second = await send(signer, request, isOver, first);
  // Some look at the time before they demand a nonce; of a request to the API the time is known by then.
  const isNews = first.otherNonce === undefined && second.otherNonce !== undefined;
  if (!request.isEndpoint || !isNews || isOver() || !(await isRepairable(second, true))) return second.response;
  letGo(second.response.body);
  return (await send(signer, request, isOver, second)).response;
}

async function send(signer: Signer, request: Signed, isOver: () => boolean | undefined, refused?: Sent): Promise<Sent> {
  const { prover, nonces, clocks } = signer;
  const { origin, method, transmit, signal } = request;
  const prove = await prover.prepare(request);
  const nonce = refused?.otherNonce ?? nonces.get(origin);
  const skewMs = clocks.skewOf(origin) ?? request.assumedSkewMs ?? 0;
  const proof = await prove({ now: signer.now(), skewMs, nonce });
  // The key may have been found after nobody waits any more, and what sends need not look at the signal.
  if (isOver()) throw signal?.reason ?? new Error('the key was found too late');
  const sentAt = signer.now();
  const response = await transmit(proof, refused !== undefined);
  const from = response.url ? readTarget(response.url)?.origin : origin;
  if (from !== origin) return { response, nonce, skewMs, otherNonce: undefined, isOtherTime: false };
  const given = nonces.learn(origin, response.headers);
  const measured = clocks.learn(origin, { response, method, sentAt, receivedAt: signer.now() });
  return {
    response,
    nonce,
    skewMs,
    otherNonce: given === nonce ? undefined : given,
    isOtherTime: measured !== undefined && !isSameSkew(measured, skewMs),
  };
}

/** Whether the same request with another proof may succeed; reads no more than a copy of the body. */
async function isRepairable({ response, otherNonce, isOtherTime }: Sent, isEndpoint: boolean): Promise<boolean> {
  const { status, headers } = response;
  if (![400, 401, 403].includes(status) || !(otherNonce !== undefined || isOtherTime)) return false;
  if (isEndpoint) {
    const text = await response
      .clone()
      .text()
      .catch(() => '');
    return isAsked(readObject(text)?.error);
  }
  const challenges = readChallenges(headers.get('www-authenticate'));
  // Pages of other origins may be able to read the nonce alone.
  if (challenges.length === 0) return status === 401;
  return challenges.some(({ parameters }) => isAsked(parameters.error));

  function isAsked(error: unknown): boolean {
    return error === 'use_dpop_nonce' ? otherNonce !== undefined : error === 'invalid_dpop_proof' && isOtherTime;
  }
}
