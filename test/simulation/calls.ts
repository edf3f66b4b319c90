import { isTokenError } from '../../src/errors.js';
import { createCallerChecks } from './caller-checks.js';
import type { Oracle } from './oracle.js';
import type { Peer } from './peer.js';
import type { Grant, SimServer } from './sim-server.js';
import type { SimStorage } from './sim-storage.js';
import type { World } from './world.js';

/** A promise that a caller was given. */
export interface Call {
  readonly peer: Peer;
  readonly kind: 'get' | 'replace' | 'refresh' | 'start' | 'end' | 'inside';
  readonly startedAt: number;
  /** The cuts of the peer, then: a caller that was cut off hears nothing any more. */
  readonly cuts: number;
  /** The session when the call was made. */
  readonly sessionId: string | undefined;
  readonly rejected?: string;
  /** The API whose access token is asked for, where that is another one than the session's. */
  readonly target?: string;
  /** The clock on the wall, then. */
  readonly wallAt: number;
  /** Sign-outs of this peer, and sign-ins under way, then. */
  readonly ends: number;
  readonly starting: readonly Grant[];
  /** The caller's own reason, once it gave up. */
  reason?: unknown;
  isSettled: boolean;
}

/** Follows every call to its end. */
export interface Calls {
  /** Begins a call, and judges how it ends. */
  follow<T>(
    peer: Peer,
    kind: Call['kind'],
    work: () => Promise<T>,
    facts?: Pick<Call, 'rejected' | 'target'>,
  ): { call: Call; outcome: Promise<T> };
  /** The longest that anybody waited, in milliseconds. */
  readonly longestMs: number;
}

/** No promise takes longer, whatever happens: three attempts, each with its wait for lock, storage and server, and the delays between them. */
export const BOUND_MS = 180_000;
/** Nor longer than this once faults have stopped and what they left behind is over: one wait for the lock, one for the storage. */
const SETTLED_BOUND_MS = 20_000;
const SETTLING_MS = 120_000;

export function createCalls(world: World, server: SimServer, oracle: Oracle, storage: SimStorage): Calls {
  const checks = createCallerChecks(world, oracle, storage);
  let longestMs = 0;

  function limit(call: Call, frozenMs: number, boundMs: number, waitMs = boundMs, isLate = false): void {
    const { peer } = call;
    world.schedule(waitMs, () => {
      if (call.isSettled || peer.isDead || call.cuts !== peer.cuts) return;
      const lostMs = peer.frozenMs - frozenMs + (peer.isFrozen ? Math.max(1_000, world.now - peer.frozenAt) : 0);
      if (lostMs > 0) return limit(call, peer.frozenMs, boundMs, lostMs);
      // what was cut off before is dead by the clock a little later where that was set back
      if (peer.cutAt > call.startedAt - 2 * BOUND_MS && world.jumpedAt > peer.cutAt && !isLate) {
        return limit(call, frozenMs, boundMs, BOUND_MS, true);
      }
      world.violate('bounds', `${peer.name} has waited ${boundMs} ms for ${call.kind}`);
    });
  }

  function served(call: Call, token: string): void {
    const { peer, kind, rejected, startedAt } = call;
    const access = server.find(token);
    const what = `${peer.name} is given ${token}`;
    if (!access) {
      world.violate('own tokens', `${what}, which nobody issued`);
      return;
    }
    if (access.target !== call.target)
      world.violate('own target', `${what}, which is for ${access.target ?? 'the session'}`);
    const { grant, expiresAt, heardAt = 0, writtenAt, isStored } = access;
    // a request belongs to the session whose token it carried
    const before = (rejected && server.find(rejected)?.grant) || oracle.grantOf(call.sessionId);
    // a look takes as long as the storage, and again if a peer tells of a change meanwhile
    const isAwake = startedAt < peer.wokeAt + (oracle.faultAt(peer) > peer.wokeAt ? 60_000 : 10_000);
    // so does one that a notice asks for which came while the page was frozen
    const isLooking = isAwake || startedAt < peer.thawedAt + 1_000;
    // a look that was cut off is made again by whoever asks next
    const isAgain = peer.cutAt >= peer.wokeAt && peer.cutAt < peer.wokeAt + 10_000;
    // without a lock an old record may come back; and a cookie is the browser's, whatever session it is used in
    const { lock, isCookie } = world.circumstances;
    // and where the storage fails, it is not seen there whose tokens it brought
    const isUnseen = storage.isKnownDead(peer) && !world.circumstances.hasIdTokens;
    const isFed =
      isCookie &&
      (isUnseen ||
        oracle.hasBound(call.sessionId, grant) ||
        Math.max(oracle.faultAt(), oracle.faultAt(peer)) > world.now - 20_000);
    // whoever asks beside a sign-in waits for it (A13), and perhaps for one that replaces it
    // a sign-in that was cut off counts as under way until it is dead by the clock
    const longMs = world.jumpedAt > peer.startCutAt ? 300_000 : 100_000;
    const isStarting = call.starting.length > 0 || peer.startCutAt > startedAt - longMs;
    const isBeside = rejected === undefined && isStarting;
    const isOwn = before === grant || isFed || isBeside;
    if (before && !isOwn && !isLooking && !isAgain)
      world.violate('own tokens', `${what}, but asked as ${before.name}, ${world.now - startedAt} ms ago`);
    // and which of two sessions is the newer one, nobody can tell after the clock was set back
    if (peer.left.has(grant.name) && lock !== 'shared' && !isCookie && !world.wasSetBack)
      world.violate('own tokens', `${what} after it was signed out`);
    if (expiresAt !== undefined && world.wall() >= expiresAt && heardAt < startedAt && peer.refreshedAt < startedAt) {
      world.violate('no expired token', `${what}, which expired ${world.wall() - expiresAt} ms ago`);
    }
    if (kind === 'replace' && token === rejected) world.violate('replaced', `${what}, which was rejected`);
    // while the storage cannot be read or written, what is new lives in memory
    const isElsewhere = storage.isKnownDead(peer) || storage.isIntruded;
    // where a repair was cut off, what it had to store is stored before the next request
    const isInMemory = oracle.faultAt(peer) >= world.now - 60_000 || isElsewhere || peer.cutAt > heardAt;
    // another session that was stored, or an emptied storage, is not written over; a repair that froze, or was cut off, or met
    // another client's record has not found out yet
    const { sessionId, since } = oracle.present();
    const isOther = since > heardAt && sessionId !== peer.manager.getSnapshot().sessionId;
    const isReplaced = isOther && (sessionId === undefined || Math.max(peer.cutAt, peer.thawedAt) > heardAt);
    const isExcused = oracle.faultAt() >= world.now - 20_000 || isInMemory || isReplaced || peer.disposed;
    if (!isStored && !isExcused && access.index > 1 && (writtenAt ?? world.now) > world.now - 5_000) {
      world.violate('stored first', `${what} before it is stored`);
    }
  }

  function refused(call: Call, error: unknown): void {
    const { peer, kind } = call;
    world.trace(() => `${peer.name} ${kind} refused: ${isTokenError(error) ? error.code : String(error)}`);
    if ('reason' in call && error === call.reason) return;
    checks.refused(call, error);
    if (!isTokenError(error)) {
      world.violate('typed errors', `${peer.name} ${kind} rejects with ${String(error)}`);
      return;
    }
    const isPassing = /REFRESH|LOCK|STORAGE/.test(error.code);
    // where there is nothing to ask with, no moment is better
    if (/REFRESH/.test(error.code) && !('retryAt' in error) && world.circumstances.givesRefreshTokens)
      world.violate('typed errors', `${error.code} without retryAt`);
    const { status, expiresAt } = peer.manager.getSnapshot();
    const isUsable = status === 'active' && (expiresAt === undefined || world.wall() < expiresAt);
    if (kind === 'get' && call.target === undefined && isPassing && isUsable && world.jumpedAt < call.startedAt) {
      world.violate('usable tokens', `${peer.name} is refused with ${error.code} although a usable token is there`);
    }
    if (error.code === 'ERR_DISPOSED' && !peer.disposed)
      world.violate('typed errors', `${peer.name} was never disposed`);
  }

  return {
    follow: (peer, kind, work, facts) => {
      const { sessionId } = peer.manager.getSnapshot();
      const call: Call = {
        peer,
        kind,
        startedAt: world.now,
        wallAt: world.wall(),
        cuts: peer.cuts,
        ends: peer.ends,
        starting: [...peer.starting],
        sessionId,
        isSettled: false,
        ...facts,
      };
      const { frozenMs } = peer;
      const isAsking = kind !== 'start' && kind !== 'end';
      if (isAsking) peer.asking++;
      const settle = () => {
        call.isSettled = true;
        if (call.cuts !== peer.cuts) return;
        if (isAsking) peer.asking--;
        longestMs = Math.max(longestMs, world.now - call.startedAt - (peer.frozenMs - frozenMs));
      };
      // where an errand is refused as if the session were over, a refresh of the session follows
      const times = facts?.target === undefined ? 1 : 2;
      limit(call, frozenMs, times * (world.now < world.calmAt + SETTLING_MS ? BOUND_MS : SETTLED_BOUND_MS));
      const outcome = work();
      outcome.then(
        (value) => {
          settle();
          checks.served(call);
          if (typeof value === 'string') served(call, value);
        },
        (error: unknown) => {
          settle();
          refused(call, error);
        },
      );
      return { call, outcome };
    },
    get longestMs() {
      return longestMs;
    },
  };
}
