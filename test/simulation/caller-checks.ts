import { isTokenError } from '../../src/errors.js';
import { BOUND_MS, type Call } from './calls.js';
import type { Oracle } from './oracle.js';
import type { SimStorage } from './sim-storage.js';
import type { World } from './world.js';

/** What else callers were promised, beside tokens of their own that are good. */
export interface CallerChecks {
  served(call: Call): void;
  refused(call: Call, error: unknown): void;
}

/** "Nobody is signed in" is believed for a second; a look at the storage takes a moment. */
const BELIEVED_MS = 1_500;

export function createCallerChecks(world: World, oracle: Oracle, storage: SimStorage): CallerChecks {
  const { lock, background, isCookie, isDeathTold } = world.circumstances;
  const isShared = lock === 'shared';

  /** A refresh that was asked for by name begins after that. */
  function checkAnew({ peer, startedAt, wallAt, sessionId }: Call): void {
    const { issuedAt, sessionId: present } = peer.manager.getSnapshot();
    if (issuedAt === undefined || present !== sessionId || isShared || world.jumpedAt >= startedAt) return;
    if (issuedAt < wallAt) {
      world.violate('asked anew', `${peer.name} is told of a refresh ${wallAt - issuedAt} ms before it was asked for`);
    }
  }

  /** Where work ends with the answer, a due token is refreshed first. */
  function checkBehind({ peer, startedAt, target }: Call): void {
    const { lastStart, manager } = peer;
    if (
      background ||
      // tokens that came after the lock was lost are stored at once
      oracle.lastOf(peer)?.holding?.isLost ||
      target !== undefined ||
      peer.asking > 0 ||
      world.now > startedAt ||
      lastStart?.at !== world.now ||
      lastStart.reason !== 'due'
    )
      return;
    if (manager.getSnapshot().refreshing) {
      world.violate('nothing behind', `${peer.name} is served, and a refresh goes on that nobody waits for`);
    }
  }

  /** A sign-in elsewhere is found by whoever asks. */
  function checkLook({ peer, startedAt, ends, sessionId: before }: Call): void {
    // whoever asked as somebody else gets none of these tokens
    if (before !== undefined || peer.manager.getSnapshot().sessionId !== undefined) return;
    const { sessionId, since } = oracle.present();
    const grant = oracle.grantOf(sessionId);
    if (sessionId === undefined || !grant || since > startedAt - BELIEVED_MS) return;
    const isOver = grant.isLeft || grant.isFoundDead || grant.hasStranger || grant.excuses.size > 0;
    const isBusy = peer.ending > 0 || peer.ends !== ends || peer.starting.size > 0 || world.marks.size > 0;
    const isFaulty = Math.max(oracle.faultAt(lock === 'fenced' ? peer : undefined), peer.misledAt) > world.now - 60_000;
    // a sign-out that was cut off counts as under way until it is dead by the clock
    if (peer.cutAt > world.now - 100_000) return;
    if (isOver || isBusy || isFaulty || peer.left.has(sessionId) || world.wasSetBack) return;
    world.violate('look again', `${peer.name} says that nobody is signed in, but ${sessionId} is stored`);
  }

  /** Who asks beside a sign-in waits for it. */
  function checkBeside({ peer, ends, starting, sessionId, startedAt }: Call): void {
    // a clock that was set forward, or a long freeze that is just over, makes a sign-in look as if it had died
    const hasJumped = world.jumpedAt > world.now - BOUND_MS;
    const wasFrozen = peer.thawedAt > world.now - 20_000 && peer.thawedAt - peer.frozenAt > 30_000;
    // a session that began, and ended elsewhere, while the promise of its start still waited for the lock
    const isOver = peer.heardEndAt >= startedAt;
    if (sessionId !== undefined || peer.ends !== ends || hasJumped || wasFrozen || isOver) return;
    // a sign-in that was signed out of, or replaced by one that failed, is over, although its promise may wait for the lock
    // or the server a while longer
    const isGone = ({ isLeft, name }: Call['starting'][0]) => isLeft || peer.left.has(name);
    const isStarting = () => starting.some((grant) => peer.starting.has(grant) && !isGone(grant));
    if (!isStarting()) return;
    // one that fails in this very moment may be told of last
    world.schedule(1, () => {
      if (!isStarting() || peer.isDead) return;
      world.violate('beside a sign-in', `${peer.name} says that nobody is signed in while somebody signs in`);
    });
  }

  /** A session that lives in memory does not need the storage. */
  function checkDeath({ peer, sessionId, startedAt }: Call, code: string): void {
    const { storageDiesAt = Number.POSITIVE_INFINITY } = world.circumstances;
    if (startedAt < storageDiesAt + 10_000 || !storage.isKnownDead(peer)) return;
    const isInMemory = sessionId !== undefined && !oracle.wasStored(sessionId);
    if (isInMemory || (isCookie && isDeathTold)) {
      world.violate('dead storage', `${peer.name} is refused with ${code}, which nobody needs the storage for`);
    }
  }

  return {
    served: (call) => {
      if (call.kind === 'refresh') checkAnew(call);
      if (call.kind === 'get') checkBehind(call);
    },
    refused: (call, error) => {
      if (!isTokenError(error)) return;
      const isToken = call.kind === 'get' || call.kind === 'refresh' || call.kind === 'replace';
      if (isToken && error.code.startsWith('ERR_STORAGE')) checkDeath(call, error.code);
      if (call.kind !== 'get' || error.code !== 'ERR_NO_SESSION') return;
      checkLook(call);
      checkBeside(call);
    },
  };
}
