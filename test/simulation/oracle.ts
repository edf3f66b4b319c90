import type { RefreshRequest } from '../../src/ports/refresh.js';
import { createBudget } from './budget.js';
import type { Peer } from './peer.js';
import type { Heard, Presentation, Proven, Quiet, Stored } from './presentation.js';
import { createRecordReader } from './record-reader.js';
import { type Grant, isOver, lifetimeOf, type SimServer } from './sim-server.js';
import type { World } from './world.js';

/** Sees everything, and knows what must not be. */
export interface Oracle {
  /** `proven`: it is sent with a proof. */
  presents(peer: Peer, request: RefreshRequest, refreshToken: string | undefined, proven?: Proven): Presentation;
  acted(presentation: Presentation, reply: Heard): void;
  /** False: it was settled before. */
  hears(presentation: Presentation, reply: Heard): boolean;
  givesUp(presentation: Presentation): void;
  /** A peer asks the storage for a change. */
  writes(peer: Peer, text: string | null): void;
  /** The storage has changed. */
  stored(peer: Peer, before: string | null, after: string | null): void;
  storageFault(peer: Peer): void;
  presumedDead(holder: Peer): void;
  forgot(text: string | null): void;
  describe(text: string | null): string;
  /** A session in this peer belongs to this grant. */
  bind(sessionId: string | undefined, grant: Grant | undefined): void;
  grantOf(sessionId: string | undefined): Grant | undefined;
  /** Several sessions are fed by one cookie: who could not read the storage has asked with it. */
  isDoubled(grant: Grant): boolean;
  /** Whether a session ever belonged to this grant: a cookie of another one may be used in it. */
  hasBound(sessionId: string | undefined, grant: Grant): boolean;
  lastOf(peer: Peer): Presentation | undefined;
  presentationsOf(grant: Grant): readonly Presentation[];
  /** The session that is stored, and since when it is that one. */
  present(): { readonly sessionId: string | undefined; readonly since: number };
  /** Whether the storage ever took it. */
  wasStored(sessionId: string): boolean;
  /** The session is gone, and must not come back. */
  erased(sessionId: string): void;
  clockJumped(): void;
  faultAt(peer?: Peer): number;
  /** A caller asks for a refresh by name, or because a token was refused. */
  demand(): void;
  demands: number;
  requests: number;
}

const MIN_DELAY_MS = 500;

export function createOracle(world: World, server: SimServer): Oracle {
  const { lock: lockKind, isCookie, rotates } = world.circumstances;
  const lifetimeMs = lifetimeOf(world);
  const isShared = lockKind === 'shared';
  const budget = createBudget(world);
  const grants = new Map<string, Grant>();
  const bound = new Set<string>();
  const gone = new Set<string>();
  const faults = new Map<Peer | undefined, number>();
  const presentations = new Map<Grant, Presentation[]>();
  const last = new Map<Peer, Presentation>();
  const quiet = new Map<string, Quiet>();
  let present: { readonly record: Stored | undefined; readonly at: number; readonly since: number } = {
    record: undefined,
    at: 0,
    since: 0,
  };
  const storedIds = new Set<string>();
  /** When a peer began to write for the last time. */
  const wroteAt = new Map<Peer, number>();
  let erasedAt = Number.NEGATIVE_INFINITY;

  const { read, describe } = createRecordReader(world);
  const othersOf = ({ others = {} }: Stored) =>
    Object.values(others).flatMap(({ accessToken = '' }) => server.find(accessToken) ?? []);
  const grantOfAccess = (token: string) => server.find(token)?.grant;
  const faultAt = (peer?: Peer) => faults.get(peer) ?? Number.NEGATIVE_INFINITY;

  const isNewer = (name: string, grant: Grant) => (server.grants.get(name)?.startedAt ?? 0) > grant.startedAt;

  // after a clock was set back, a newer session may look older than one that could not be stored, or whose repair was cut off
  const isUntold = (peer: Peer) => world.wasSetBack && Math.max(faultAt(peer), peer.cutAt) > world.now - 180_000;

  function isUnderWay(presentation: Presentation): boolean {
    const { peer, heard, isGivenUp, holding, cuts } = presentation;
    return (
      heard === undefined &&
      !isGivenUp &&
      cuts === peer.cuts &&
      !peer.isDead &&
      !peer.isFrozen &&
      !peer.disposed &&
      !holding?.isLost
    );
  }

  function checkPresentation(now: Presentation, reason: string, isAgain: boolean): void {
    const { peer, grant, index } = now;
    if (!grant || grant.isLeft) return;
    const token = `${peer.name} presents r-${grant.name}-${index}`;
    const before = presentations.get(grant) ?? [];
    // a request that is signed anew goes on: what it presents is spent since an answer came that was too late
    if (
      rotates &&
      !isShared &&
      !isAgain &&
      before.some((other) => other.peer === peer && other.index === index && other.heard === 'tokens')
    ) {
      world.violate('answered refresh token', `${token}, which was answered for`);
    }
    const isExcused = isShared || grant.excuses.size > 0 || now.holding?.isLost;
    if (rotates && !isCookie && !isExcused && index < grant.storedUpTo) {
      world.violate('answered refresh token', `${token}, but a later one is stored`);
    }
    // whoever signs out, or hears of it, lets go of a request at once, also where the cookie in it was another session's by then
    const hasLetGo = ({ peer: { endedAt, heardEndAt }, at }: Presentation) => Math.max(endedAt, heardEndAt) >= at;
    const overlap = before.find((other) => isUnderWay(other) && !(isCookie && hasLetGo(other)));
    if (overlap && !isExcused) world.violate('one refresh', `${token} while ${overlap.peer.name} refreshes`);
    if (!isAgain) checkQuiet(now, reason, token);
  }

  function checkQuiet(now: Presentation, reason: string, token: string): void {
    // to what is for another API, both its own pause and that of the session apply
    const targets = new Set([undefined, now.target]);
    for (const target of targets) checkPause(now, reason, token, quietOf(now, target));
  }

  function checkPause({ peer, grant, target }: Presentation, reason: string, token: string, pause?: Quiet): void {
    if (!pause || world.wall() >= pause.untilWall) return;
    const { sessionId, issuedAt = 0 } = peer.manager.getSnapshot();
    if (isCookie && pause.sessionId !== undefined && pause.sessionId !== sessionId) return;
    const isProbe = target === undefined && !pause.isNamed && (reason === 'asked' || peer.wakes > 0);
    // before there is a session, there is no record to tell others
    // beside the record, which there is not, what the server has named is kept, until another record goes
    const isLoading = reason === 'resume' && pause.isUnkept && pause.isNamed;
    const isBeside = isLoading && erasedAt < pause.setAt && !isHeldUp(pause);
    // without a lock, a peer's record takes the place of the one that notes what a target was told, or tokens that the peer had
    // got before
    const isOverwritten = isShared && (target !== undefined || pause.issuedAt !== issuedAt);
    // what a request is told whose lock was taken over is about tokens of before, or comes when the next one is on its way
    const isCrossed = pause.isLockLost && (pause.issuedAt !== issuedAt || world.now < pause.setAt + 50);
    const isHidden =
      isOverwritten ||
      (isCrossed && !pause.isNamed && target !== undefined) ||
      ((pause.by !== peer || (pause.isUnkept && reason !== 'resume')) &&
        (isShared ||
          (pause.isUnkept && !isBeside) ||
          (reason === 'resume' && !isBeside) ||
          pause.by.isDead ||
          faultAt() >= pause.setAt ||
          (grant?.excuses.size ?? 0) > 0));
    if (isProbe && reason !== 'asked') peer.wakes--;
    if (!isProbe && !isHidden) {
      world.violate('cool-down', `${token} (${reason}) ${pause.untilWall - world.wall()} ms before its time`);
    }
  }

  function keyOf({ grant, index }: Presentation, target: string | undefined): string {
    return `${grant?.name}-${index}-${target ?? ''}`;
  }

  function quietOf(presentation: Presentation, target: string | undefined): Quiet | undefined {
    return quiet.get(keyOf(presentation, target));
  }

  /** Who heard of it had not the time to keep it. */
  function isHeldUp({ by, setAt }: Quiet): boolean {
    return by.isFrozen || by.thawedAt >= setAt || world.now < setAt + 50;
  }

  function rest(presentation: Presentation, retryAfterS: number | undefined): void {
    const { grant, peer, target, reason, sessionId: before } = presentation;
    const { sessionId, issuedAt = 0 } = peer.manager.getSnapshot();
    // without a lock, peers may have brought newer tokens before the answer failed to come: it tells nothing of those
    if (retryAfterS === undefined && target === undefined && issuedAt > (presentation.issuedAt ?? issuedAt)) return;
    // the session that asked was ended meanwhile: nobody waits for the answer, and the next one has a cookie of its own
    if (!grant || (isCookie && before !== undefined && sessionId !== before)) return;
    const isUnkept = reason === 'resume' || sessionId === undefined; // a cookie is asked about at sign-in as well
    const delayMs = retryAfterS === undefined ? MIN_DELAY_MS : retryAfterS * 1000;
    const isNamed = retryAfterS !== undefined;
    // a server that names a moment means every request
    const key = keyOf(presentation, isNamed ? undefined : target);
    presentation.rested = { before: quiet.get(key) };
    quiet.set(key, {
      by: peer,
      untilWall: world.wall() + delayMs,
      isNamed,
      isUnkept,
      sessionId,
      issuedAt,
      isLockLost: presentation.holding?.isLost === true,
      setAt: world.now,
    });
  }

  /** A demand for another proof is met: it was no failure, and sets no pause. */
  function goOn(again: Presentation): void {
    const key = keyOf(again, again.target);
    // after its lock was lost, the peer may have presented it for another target in between
    const isFirst = (one: Presentation) => one.peer === again.peer && keyOf(one, one.target) === key;
    const { rested } = (again.grant && presentations.get(again.grant))?.filter(isFirst).at(-1) ?? {};
    if (!rested) return;
    quiet.delete(key);
    if (rested.before) quiet.set(key, rested.before);
  }

  function closes({ holding }: Presentation): void {
    if (holding) holding.open--;
  }

  const proofOf = (peer: Peer) => last.get(peer)?.grant;

  // the storage is read again before a refusal is believed
  function checkErasure(peer: Peer): void {
    const proof = last.get(peer);
    const { refreshToken } = present.record ?? {};
    const { grant, index = 0 } = (refreshToken !== undefined && server.locate(refreshToken)) || {};
    if (peer.ending > 0 || proof?.heard !== 'dead' || proof.grant !== grant || !grant || grant.isLeft) return;
    if (index > proof.index && present.at < world.now - 50 && faultAt(peer) < world.now - 20_000) {
      world.violate(
        'nobody is signed out',
        `${peer.name} erases ${grant.name} although a newer refresh token is stored`,
      );
    }
  }

  // the same without a refresh token: such a session ends by the clock, and nothing is presented that could prove it
  function isOverUnstored(peer: Peer, grant: Grant): boolean {
    const { sessionId = '' } = peer.manager.getSnapshot();
    const own = grants.get(sessionId);
    // after the clock was set back, nobody can tell which one is the newer
    const isLater = world.wasSetBack || (own?.startedAt ?? 0) > grant.startedAt;
    return own !== undefined && !storedIds.has(sessionId) && isLater && isOver(world, own);
  }

  function checkChange(peer: Peer, before: Stored | undefined, after: Stored | undefined): void {
    // whose write was done, and told otherwise, does not know that its session was stored: an empty storage is no end to it
    const isMisled = peer.misledAt > world.now - 120_000;
    // from now on it is there for all, with a refresh token that may be spent
    if (after && isMisled && gone.delete(after.sessionId))
      grantOfAccess(after.accessToken)?.excuses.add('brought back');
    if (after && gone.has(after.sessionId) && !isShared && !isMisled) {
      world.violate('sign-out wins', `${peer.name} stores ${after.sessionId} after it was signed out`);
    }
    if (!before) return;
    const grant = grantOfAccess(before.accessToken);
    if (!grant) return;
    if (!after) {
      // without a lock, another session may have been stored since the look that the erasure rests on; a cookie is the
      // browser's; and a session that was never stored ends together with the older one that it had replaced
      const proof = last.get(peer);
      const isOther = proof?.grant !== grant;
      const isReplacing = isShared || isCookie || (proof?.grant?.startedAt ?? 0) > grant.startedAt;
      const isProven = (proof?.heard === 'dead' && (!isOther || isReplacing)) || isOverUnstored(peer, grant);
      if (isProven && isOther) grant.isLeft = true;
      // who signs out of a storage that cannot be read erases whatever there is; without fences, calls wait for each
      // other, and what one peer's slow call holds up is unreadable for all
      const isBlind = peer.ending > 0 && faultAt(lockKind === 'fenced' ? peer : undefined) > world.now - 20_000;
      // who signs out before it is known who is signed in ends the session that is found, whoever's that is by then
      const isAnybody = peer.endingAnybody > 0;
      const isReplaced =
        isAnybody || [...peer.left].some((name) => isNewer(name, grant)) || (peer.ending > 0 && isUntold(peer));
      // where several hold the lock, another session may have been stored since the look at what is to be erased
      const isRaced = isShared && peer.left.size > 0 && present.since > world.now - 10_000;
      // in cookie mode, a session may have been fed with the cookie of another grant
      // a page finishes the sign-out of another one
      const isMarked = world.marks.get('evertoken:session:ended')?.includes(before.sessionId);
      // a sign-in by cookie that another one has overtaken erases what it has stored, or was about to replace
      const isOvertaken = isCookie && peer.starting.size > 0 && (proofOf(peer)?.startedAt ?? -1) >= grant.startedAt;
      const isLeft = isBlind || isReplaced || isRaced || isMarked || isOvertaken || peer.left.has(before.sessionId);
      if (isLeft) grant.isLeft = true;
      // over by the clock of before it was set back
      const wasOver = !world.circumstances.givesRefreshTokens && world.jumpedAt > world.now - 20_000;
      const isEnded =
        isProven || grant.isFoundDead || grant.hasStranger || grant.isKeyGone || isOver(world, grant) || wasOver;
      if (!grant.isLeft && !isEnded) {
        world.violate('nobody is signed out', `${peer.name} erases ${grant.name} without a reason`);
      }
    } else if (after.sessionId === before.sessionId) {
      // who began to write before the newer record came through, late, could not know of it
      const isCrossed =
        after.revision < before.revision && present.at >= (wroteAt.get(peer) ?? Number.POSITIVE_INFINITY);
      if (isCrossed) grant.excuses.add('crossed');
      if (after.revision < before.revision && !isShared && !isCrossed) {
        world.violate('newest wins', `${peer.name} stores revision ${after.revision} over ${before.revision}`);
      }
    } else {
      grant.isLeft = true;
      const next = grantOfAccess(after.accessToken);
      // revisions begin with the moment of the sign-in, and a refresh counts as a millisecond
      const earlierMs = next ? grant.startedAt - next.startedAt : 0;
      const isEarlier = earlierMs > Math.max(0, after.revision - before.revision);
      if (next && isEarlier && !isShared && !isCookie && !world.wasSetBack) {
        world.violate('newest wins', `${peer.name} stores ${next.name} over ${grant.name}, which is newer`);
      }
    }
  }

  const oracle: Oracle = {
    requests: 0,
    demands: 0,
    demand: () => {
      oracle.demands++;
      budget.demand();
    },
    presents: (peer, request, refreshToken, proven) => {
      const isAgain = proven?.isAgain === true;
      // what a demand costs is bounded by itself: one sending more for each
      if (!isAgain) {
        oracle.requests++;
        budget.request();
      }
      const { grant, index = 0 } = (refreshToken !== undefined && server.locate(refreshToken)) || {};
      const holding = proven ? proven.holding : peer.holding;
      const { sessionId, issuedAt } = peer.manager.getSnapshot();
      const target = request.target?.resource;
      const first = isAgain ? last.get(peer) : undefined;
      const presentation: Presentation = {
        peer,
        grant,
        index,
        target,
        at: world.now,
        // the manager counts from the beginning, however often a request is signed
        wallAt: proven?.begunAt ?? world.wall(),
        reason: request.reason,
        sessionId,
        // a request that is signed anew was begun with the tokens that were held then
        issuedAt: first?.sessionId === sessionId && first?.target === target ? first?.issuedAt : issuedAt,
        holding,
        cuts: peer.cuts,
        acted: undefined,
        heard: undefined,
        rested: undefined,
        isGivenUp: false,
      };
      const { reason } = presentation;
      world.trace(
        () => `${peer.name} presents ${refreshToken} (${reason}, attempt ${request.attempt}) ${target ?? ''}`,
      );
      // a refresh function does not know that its session was left, or its lock lost, while it looked for the key, or was asked for another proof
      // or, where several hold the lock, that a peer has found the refresh token dead since: nothing is spent then
      const isOver = proven && (grant?.isLeft || (isShared && grant?.isFoundDead) || holding?.isLost);
      if (!isOver && (!holding || (holding.isLost && holding.isTold)))
        world.violate('under the lock', `${peer.name} asks without it`);
      if (holding) holding.open++;
      if (holding?.isLost) grant?.excuses.add('presumed dead');
      if (isAgain) goOn(presentation);
      checkPresentation(presentation, reason, isAgain);
      if (grant) presentations.set(grant, [...(presentations.get(grant) ?? []), presentation]);
      last.set(peer, presentation);
      return presentation;
    },
    acted: (presentation, { is }) => {
      presentation.acted = is;
    },
    hears: (presentation, { is, tokens, retryAfterS }) => {
      if (presentation.heard !== undefined) return false;
      const { peer, grant, wallAt, isGivenUp } = presentation;
      presentation.heard = is;
      world.trace(() => `${peer.name} hears ${is}${isGivenUp ? ', too late' : ''}`);
      closes(presentation);
      if (tokens) {
        const access = server.find(tokens.access_token);
        if (access) {
          access.expiresAt = lifetimeMs === undefined ? undefined : wallAt + lifetimeMs;
          access.heardAt = world.now;
        }
        if (grant) quiet.delete(keyOf(presentation, presentation.target));
      } else if (is !== 'dead' && !isGivenUp) {
        rest(presentation, retryAfterS);
      }
      return true;
    },
    givesUp: (presentation) => {
      if (presentation.heard !== undefined || presentation.isGivenUp) return;
      presentation.isGivenUp = true;
      rest(presentation, undefined);
    },
    writes: (peer, text) => {
      const { holding } = peer;
      if (!holding || (holding.isLost && holding.isTold)) {
        world.violate('under the lock', `${peer.name} writes without it`);
      }
      wroteAt.set(peer, world.now);
      if (text === null) {
        checkErasure(peer);
        return;
      }
      const record = read(text);
      const access = server.find(record.accessToken);
      oracle.bind(record.sessionId, access?.grant);
      if (access) access.writtenAt ??= world.now;
      if (access) access.grant.writtenAt ??= world.now;
      for (const other of othersOf(record)) other.writtenAt ??= world.now;
      const { index } = (record.refreshToken !== undefined && server.locate(record.refreshToken)) || {};
      if (!record.unanswered || !access || index === undefined) return;
      const { marks } = access.grant;
      marks.set(index, (marks.get(index) ?? new Set()).add(holding));
    },
    stored: (peer, before, after) => {
      const record = after === null ? undefined : read(after);
      checkChange(peer, before === null ? undefined : read(before), record);
      const isSame = present.record?.sessionId === record?.sessionId;
      present = { record, at: world.now, since: isSame ? present.since : world.now };
      if (!record) erasedAt = world.now;
      if (!record) return;
      storedIds.add(record.sessionId);
      if (after?.includes('stranger')) {
        world.violate('own subject', `${peer.name} stores the tokens of somebody else`);
      }
      const access = server.find(record.accessToken);
      const { binding } = access?.grant ?? {};
      if (access && (record.grant?.binding !== binding || record.evertoken !== (binding === undefined ? 1 : 2))) {
        world.violate(
          'bound record',
          `${peer.name} stores version ${record.evertoken}, bound to ${record.grant?.binding}`,
        );
      }
      if (access) access.isStored = true;
      for (const other of othersOf(record)) other.isStored = true;
      const located = record.refreshToken !== undefined && server.locate(record.refreshToken);
      if (located) located.grant.storedUpTo = Math.max(located.grant.storedUpTo, located.index);
    },
    storageFault: (peer) => {
      faults.set(peer, world.now);
      faults.set(undefined, world.now);
    },
    presumedDead: (holder) => {
      const presentation = last.get(holder);
      if (presentation?.holding === holder.holding) presentation?.grant?.excuses.add('presumed dead');
    },
    forgot: (text) => {
      if (text !== null) grantOfAccess(read(text).accessToken)?.excuses.add('forgotten');
      for (const grant of server.grants.values()) grant.excuses.add('forgotten');
      present = { record: undefined, at: world.now, since: world.now };
      faults.set(undefined, world.now);
    },
    describe,
    bind: (sessionId, grant) => {
      if (sessionId === undefined || !grant) return;
      grants.set(sessionId, grant);
      bound.add(`${sessionId} ${grant.name}`);
    },
    grantOf: (sessionId) => (sessionId === undefined ? undefined : grants.get(sessionId)),
    isDoubled: (grant) => isCookie && [...grants.values()].filter((other) => other === grant).length > 1,
    hasBound: (sessionId, grant) => bound.has(`${sessionId} ${grant.name}`),
    lastOf: (peer) => last.get(peer),
    presentationsOf: (grant) => presentations.get(grant) ?? [],
    present: () => ({ sessionId: present.record?.sessionId, since: present.since }),
    wasStored: (sessionId) => storedIds.has(sessionId),
    erased: (sessionId) => gone.add(sessionId),
    clockJumped: () => quiet.clear(),
    faultAt,
  };
  return oracle;
}
