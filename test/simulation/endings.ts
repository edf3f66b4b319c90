import type { TokenEvents } from '../../src/core/session-events.js';
import type { Oracle } from './oracle.js';
import type { Peer } from './peer.js';
import type { Presentation } from './presentation.js';
import { type Grant, isOver, type SimServer } from './sim-server.js';
import type { World } from './world.js';

/** More attempts in so short a time, whatever they come to, are a loop. */
const MOST_STARTS = 40;
const LOOP_MS = 10_000;

/** Judges the end of a session: nobody is signed out by accident. */
export function watchEndings(world: World, server: SimServer, oracle: Oracle, peer: Peer): void {
  const { isCookie, lock, rotates, hasIdTokens } = world.circumstances;
  let living: string | undefined;

  function refusedRightly(grant: Grant, reason: 'rejected' | 'lost'): void {
    const proof = oracle.lastOf(peer);
    const say = (what: string) => world.violate('nobody is signed out', `${peer.name} ends ${grant.name}: ${what}`);
    if (grant.isKeyGone && reason === 'lost') return;
    if (grant.hasStranger) return; // its tokens may have come late, when another request had been sent
    if (proof?.heard !== 'dead' || proof.grant !== grant) {
      if (!isCookie) say('the server did not say so');
      return;
    }
    if (isCookie || lock === 'shared' || grant.excuses.size > 0) return;
    if (grant.storedUpTo > proof.index) say('a newer refresh token is stored');
    checkReason(grant, proof, reason, say);
  }

  function checkReason(grant: Grant, proof: Presentation, reason: string, say: (what: string) => void): void {
    const earlier = oracle.presentationsOf(grant).filter((other) => other !== proof && other.index === proof.index);
    const marks = grant.marks.get(proof.index) ?? new Set();
    // A refused target does not say whether the refresh token was spent before.
    const isOpen = ({ heard, target }: Presentation) => target !== undefined && heard === 'answer';
    const isUnanswered = earlier.some((one) => one.heard === undefined || one.heard === 'none' || isOpen(one));
    const isMarked = marks.size > (marks.has(proof.holding) ? 1 : 0);
    if (reason === 'lost' && !isUnanswered && !isMarked) say('lost, but every answer came');
    const rotated = earlier.find(({ acted, heard }) => acted === 'tokens' && heard !== 'tokens');
    if (rotates && reason === 'rejected' && rotated && oracle.faultAt() < rotated.at - 20_000) {
      say('rejected, but the rotated token was lost');
    }
  }

  function judge({ reason, sessionId }: TokenEvents['sessionEnded']): void {
    const grant = oracle.grantOf(sessionId);
    if (!grant) {
      world.violate('nobody is signed out', `${peer.name} ends an unknown session ${sessionId}`);
      return;
    }
    if (reason === 'rejected' || reason === 'lost') {
      refusedRightly(grant, reason);
      grant.isFoundDead = true;
    } else if (reason === 'expired') {
      // by the clock of before it was set back, it may have been
      if (!isOver(world, grant) && world.jumpedAt < world.now - 20_000) {
        world.violate('nobody is signed out', `${peer.name} ends ${grant.name} as expired, which it is not`);
      }
      grant.isFoundDead = true;
    } else if (reason === 'peer') {
      const isFollowed =
        world.wasSetBack ||
        oracle.isDoubled(grant) ||
        [...server.grants.values()].some(
          (other) => (other.writtenAt ?? other.startedAt) > grant.startedAt && other !== grant,
        );
      const isElsewhere = isFollowed || deadElsewhere(grant) || isGoneElsewhere(grant, sessionId);
      if (!grant.isLeft && !grant.isFoundDead && grant.excuses.size === 0 && !isElsewhere) {
        world.violate('nobody is signed out', `${peer.name} ends ${grant.name} for a peer, but none did`);
      }
    } else if (reason === 'replaced' && (peer.starting.size > 0 || isFed(grant) || isAsked())) {
      grant.isLeft = true;
      peer.left.add(grant.name);
    } else if (!peer.left.has(grant.name) && !peer.left.has(sessionId ?? '')) {
      // a sign-out is told when nothing is left here; until then another cookie may have fed the session
      world.violate('nobody is signed out', `${peer.name} says ${reason}, but nobody asked for that`);
    }
  }

  /** The cookie has brought somebody else's tokens, and an ID token said so. */
  function isFed(grant: Grant): boolean {
    const brought = (other: Grant) =>
      oracle
        .presentationsOf(other)
        .some((presentation) => presentation.peer === peer && presentation.heard === 'tokens');
    return isCookie && hasIdTokens && [...server.grants.values()].some((other) => other !== grant && brought(other));
  }

  /** With a cookie, refresh() signs in; a clock that jumps makes that look dead, so that another session is found in between. */
  const isAsked = () => isCookie && peer.asking > 0 && world.jumpedAt > world.now - 180_000;

  // erased by a peer that died, or froze, before it could say so
  const deadElsewhere = (grant: Grant) => oracle.presentationsOf(grant).some(({ heard }) => heard === 'dead');

  // the same without a refresh token: over by its access token, and gone; or its key is lost; whoever erased it may be at the
  // release of the lock, or was disposed of or cut off there, and has not said so yet
  const isGoneElsewhere = (grant: Grant, sessionId: string | undefined) =>
    (isOver(world, grant) || grant.isKeyGone) && oracle.present().sessionId !== sessionId;

  peer.manager.on('sessionStarted', (event) => {
    world.trace(() => `${peer.name} sessionStarted ${event.from} ${event.sessionId}`);
    if (living !== undefined)
      world.violate('one at a time', `${peer.name} starts ${event.sessionId} before ${living} ended`);
    living = event.sessionId;
    if (event.from === 'cookie') oracle.bind(event.sessionId, oracle.lastOf(peer)?.grant);
  });
  peer.manager.on('sessionEnded', (event) => {
    world.trace(() => `${peer.name} sessionEnded ${event.reason} ${event.sessionId}`);
    if (living !== event.sessionId)
      world.violate('one at a time', `${peer.name} ends ${event.sessionId}, not ${living}`);
    living = undefined;
    peer.heardEndAt = world.now;
    judge(event);
  });
  const starts: number[] = [];
  peer.manager.on('refreshStarted', ({ reason, attempt, target }) => {
    world.trace(() => `${peer.name} refreshStarted ${reason}, attempt ${attempt} ${target ?? ''}`);
    starts.push(world.now);
    if (reason === 'resume' && !isCookie) world.violate('nothing to present', `${peer.name} refreshes no session`);
    if (attempt === 1 && target === undefined) peer.lastStart = { at: world.now, reason };
    if (starts.length <= MOST_STARTS) return;
    // listeners that ask again whenever they hear of a failure make a loop of their own
    const isLoop = world.now - (starts.shift() ?? 0) < LOOP_MS && !world.circumstances.hasRudeListeners;
    if (isLoop) world.violate('no loops', `${peer.name} tries more than ${MOST_STARTS} times in ${LOOP_MS} ms`);
  });
  peer.manager.on('refreshed', (event) => {
    world.trace(() => `${peer.name} refreshed by ${event.by}`);
    if (event.by === 'us') peer.refreshedAt = world.now;
    if (living !== event.sessionId)
      world.violate('one at a time', `${peer.name} refreshes ${event.sessionId}, not ${living}`);
  });
  peer.manager.on('refreshFailed', (event) => {
    world.trace(() => `${peer.name} refreshFailed ${event.error.code} retryAt +${(event.retryAt ?? 0) - world.wall()}`);
  });
  peer.manager.on('storageFailed', ({ operation, error }) => {
    world.trace(() => `${peer.name} storageFailed ${operation} ${error.code}`);
  });
}
