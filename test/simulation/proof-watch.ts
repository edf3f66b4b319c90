import type { Peer } from './peer.js';
import { type ProofRefusal, readClaimsOf } from './sim-proofs.js';
import type { World } from './world.js';

/** One request, and its sending with another proof. */
export interface Exchange {
  readonly peer: Peer;
  readonly origin: string;
  /** It goes to the authorization server. */
  readonly isEndpoint: boolean;
  /** `sent once`: its body can be read once. `by hand`: what signs does not see its answer. */
  readonly way: 'as it comes' | 'sent once' | 'by hand';
  readonly signal: AbortSignal | undefined;
  sends: number;
  /** By the clock on the wall. */
  readonly begunAt: number;
  sent: Sent | undefined;
  /** What the last answer asked for, and the nonce that came with it. */
  ask: Ask | undefined;
  /** What answers have asked for. */
  readonly asked: Set<Ask['kind']>;
}

/** One sending. */
interface Sent {
  readonly nonce: unknown;
  /** Epoch milliseconds, by the proof. */
  readonly iat: number;
  readonly at: number;
  readonly wallAt: number;
}

interface Ask {
  readonly kind: 'nonce' | 'time';
  readonly nonce: string | undefined;
}

/** An answer, as far as a page can read it. */
export interface Readable {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** What it says of the proof, in a place that can be read. */
  readonly said: ProofRefusal | undefined;
  /** It says why it refuses, in a place that cannot be read. */
  readonly isMute: boolean;
}

/** Judges which nonces and how many proofs a page sends. */
export interface ProofWatch {
  /** A request is sent; `proof` with it. */
  sends(exchange: Exchange, proof: string): void;
  hears(exchange: Exchange, answer: Readable): void;
}

/** A server is asked a third time only where it has first said that the time is wrong, and then wants a nonce. */
const MOST = { endpoint: 3, api: 2 };
/** A difference of clocks that nobody can take for none. */
const CLEAR_MS = 10_000;
/** What is asked for so long after the beginning comes too late: the lock may be another's by then. */
const LATE_MS = 5_000;

/** `keyFaultAt`: when the key store last failed that peer. */
export function createProofWatch(world: World, keyFaultAt: (peer: Peer) => number): ProofWatch {
  const heard = new Map<Peer, Map<string, string>>();
  const newest = (peer: Peer, origin: string) => heard.get(peer)?.get(origin);

  function checkAgain({ peer, ask, asked, way, isEndpoint, sends, signal }: Exchange): void {
    const say = (what: string) => world.violate('one re-sign', `${peer.name} signs a request anew ${what}`);
    if (!ask) {
      say('although nobody asked for it');
      return;
    }
    if (way !== 'as it comes') say('that can be sent once');
    if (asked.has(ask.kind)) say(`a second time for ${ask.kind}`);
    if (sends >= (isEndpoint ? MOST.endpoint : MOST.api)) say(`after ${sends} sendings`);
    if (signal?.aborted) say('for which nobody waits');
    asked.add(ask.kind);
  }

  /** What the answer asks for, and whether whoever reads it has to do it. */
  function readAsk(
    { sent, origin, sends, isEndpoint, ask: before }: Exchange,
    { status, headers, said, isMute }: Readable,
  ): { ask: Ask; isPlain: boolean } | undefined {
    const given = headers['dpop-nonce'];
    const nonce = given === sent?.nonce ? undefined : given;
    if (!sent || ![400, 401].includes(status)) return undefined;
    // the second answer may only ask for a nonce, where the first could not
    const isLast = sends > 1 && !(isEndpoint && sends === 2 && before?.kind === 'time' && before.nonce === undefined);
    if (nonce !== undefined && (said === 'use_dpop_nonce' || (isMute && status === 401))) {
      return { ask: { kind: 'nonce', nonce }, isPlain: said !== undefined && !isLast };
    }
    if (said !== 'invalid_dpop_proof' || headers.date === undefined) return undefined;
    const now = Date.parse(headers.date);
    const tookMs = world.wall() - sent.wallAt;
    const isClear =
      world.jumpedAt < sent.at && tookMs < CLEAR_MS - 1_000 && Math.abs(now - sent.iat) > CLEAR_MS + tookMs;
    world.trace(() => `${origin} says that the time is wrong, by ${now - sent.iat} ms`);
    return { ask: { kind: 'time', nonce }, isPlain: isClear && sends === 1 };
  }

  return {
    sends: (exchange, proof) => {
      const { peer, origin, ask } = exchange;
      if (exchange.sends > 0) checkAgain(exchange);
      else if (exchange.signal?.aborted) world.violate('given up', `${peer.name} sends what nobody waits for any more`);
      exchange.sends++;
      const { nonce, iat } = readClaimsOf(proof);
      const expected = (exchange.sends > 1 && ask?.nonce) || newest(peer, origin);
      if (nonce !== expected) {
        world.violate('newest nonce', `${peer.name} sends ${nonce} to ${origin}, but ${expected} came last`);
      }
      exchange.sent = { nonce, iat: iat * 1000, at: world.now, wallAt: world.wall() };
    },
    hears: (exchange, answer) => {
      const { peer, origin, sends, signal, way } = exchange;
      if (way === 'by hand') return;
      const given = answer.headers['dpop-nonce'];
      if (given !== undefined) heard.set(peer, (heard.get(peer) ?? new Map()).set(origin, given));
      const { ask, isPlain } = readAsk(exchange, answer) ?? {};
      exchange.ask = ask;
      const isLate = exchange.isEndpoint && world.wall() - exchange.begunAt >= LATE_MS;
      if (!ask || !isPlain || isLate || way !== 'as it comes' || signal?.aborted) return;
      const { cuts } = peer;
      world.schedule(1, () => {
        if (exchange.sends > sends || signal?.aborted || peer.isDead || peer.isFrozen || cuts !== peer.cuts) return;
        if (keyFaultAt(peer) > world.now - 60_000) return;
        world.violate('one re-sign', `${peer.name} does not sign anew although ${origin} asks for another ${ask.kind}`);
      });
    },
  };
}
