import { createTokenManager } from '../../src/create-token-manager.js';
import { forResource } from '../../src/integrations/oauth/for-resource.js';
import type { TokenSource } from '../../src/manager/token-manager.js';
import type { Platform } from '../../src/ports/platform.js';
import type { RefreshTokens } from '../../src/ports/refresh.js';
import { type BoundClient, createBoundClient } from './bound-client.js';
import type { Calls } from './calls.js';
import { watchEndings } from './endings.js';
import type { Oracle } from './oracle.js';
import type { Peer } from './peer.js';
import type { ProofWorld } from './proof-world.js';
import { CHANNEL_MS } from './sim-channel.js';
import type { SimNetwork } from './sim-network.js';
import { lifetimeOf, type SimServer } from './sim-server.js';
import type { SimStorage } from './sim-storage.js';
import type { World } from './world.js';

/** What an application does with its manager, in one peer. */
export interface Application {
  signIn(): void;
  signOut(): void;
  /** One request to the API; resolves with whether the server took the token, in the end. */
  request(): Promise<boolean>;
}

/** What an application lives in. */
export interface Setting {
  readonly world: World;
  readonly server: SimServer;
  readonly network: SimNetwork;
  readonly storage: SimStorage;
  readonly oracle: Oracle;
  readonly calls: Calls;
  /** Where sessions are bound to keys. */
  readonly bound: ProofWorld | undefined;
  /** Everybody, dead or alive. */
  readonly peers: readonly Peer[];
  /** What a peer has under way never goes on. */
  cut(peer: Peer): void;
  /** The page of a peer leaves, and another one comes. */
  leave(peer: Peer): void;
  /** The sessions whose page left as it signed out of them. */
  readonly abandoned: Set<string>;
}

export function startApplication(setting: Setting, peer: Peer, platform: Platform): Application {
  const { world, server, oracle } = setting;
  const { isCookie, proactive, hasRudeListeners, background } = world.circumstances;
  const bound = setting.bound && createBoundClient(setting, peer, setting.bound);
  const refresh = bound?.refresh ?? setting.network.refreshFor(peer);
  const refreshing: RefreshTokens = (request) => {
    const answer = refresh(request);
    if (hasRudeListeners && world.fails('refresh function calls back', 0.2)) ask(setting, peer, 'inside');
    return answer;
  };
  peer.manager = createTokenManager({
    refresh: Object.assign(refreshing, { forTargets: true as const }),
    // with its session, a key goes
    revoke: async ({ binding }) => binding !== undefined && setting.bound?.keys.lose(binding),
    refreshTokenIn: isCookie ? 'cookie' : 'response',
    proactive: background ? proactive : undefined,
    platform,
  });
  watchEndings(world, server, oracle, peer);
  if (hasRudeListeners) {
    peer.manager.on('refreshed', () => {
      world.count('listener throws');
      throw new Error('rude');
    });
    const callBack = () => {
      // a dead storage fails at once, and whoever asks at every failure asks without end
      if (setting.storage.isKnownDead(peer)) return;
      world.count('listener calls back');
      ask(setting, peer, 'get');
    };
    peer.manager.on('refreshFailed', callBack);
    peer.manager.on('sessionEnded', callBack);
  }
  const application: Application = {
    signIn: () => signIn(setting, peer),
    signOut: () => signOut(setting, peer),
    request: () => (bound ? bound.request(peer.manager) : request(setting, peer)),
  };
  peer.manager.on('refreshStarted', () => {
    if (!world.fails('sign-out or sign-in in mid-refresh', 0.03)) return;
    const change = world.random.chance(0.5) ? application.signOut : application.signIn;
    peer.deliver(world.random.wait(150), () => {
      if (!peer.disposed) change();
    });
  });
  peer.manager.on('refreshed', ({ by }) => {
    // the API refuses what a peer has brought while this one may still wait for its own turn
    if (by !== 'peer' || !world.fails('token of a peer refused', 0.1)) return;
    peer.deliver(0, () => {
      if (peer.disposed) return;
      const { access } = oracle.grantOf(peer.manager.getSnapshot().sessionId) ?? {};
      if (access) access.isRevoked = true;
      void application.request();
    });
  });
  peer.manager.on('refreshStarted', () => mayBeCut(setting, peer));
  live(setting, peer, application);
  if (world.circumstances.hasErrands) runErrands(setting, peer, bound);
  return application;
}

/** Where work ends with the answer, it does so in the middle of a refresh, a sign-in or a sign-out. */
function mayBeCut({ world, cut }: Setting, peer: Peer): void {
  if (world.circumstances.background || !world.fails('cut off in the middle', 0.1)) return;
  peer.deliver(world.random.wait(100), () => {
    if (!peer.disposed) cut(peer);
  });
}

/** The user does one thing after the other, for as long as the peer lives. */
function live(setting: Setting, peer: Peer, application: Application): void {
  const { world } = setting;
  const { paceMs } = world.circumstances;
  const next = () => {
    peer.visit(world.random.wait(paceMs), () => {
      if (peer.disposed) return;
      next();
      act(setting, peer, application);
    });
  };
  next();
}

/** The other APIs that worlds with errands know. */
const TARGETS = ['https://files.test', 'https://mail.test'];

/** Beside all that, the user works with other APIs. */
function runErrands(setting: Setting, peer: Peer, bound: BoundClient | undefined): void {
  const { world } = setting;
  const sources = TARGETS.map((target) => ({ target, source: forResource(peer.manager, { resource: target }) }));
  const ask = ({ target, source }: (typeof sources)[number]) =>
    void (bound ? bound.request(source, target) : requestOther(setting, peer, source, target));
  setting.bound?.bursts.set(peer, () => sources.forEach(ask));
  const next = () => {
    peer.deliver(world.otherRandom.wait(2 * world.circumstances.paceMs), () => {
      if (peer.disposed) return;
      next();
      for (const one of world.otherRandom.chance(0.3) ? sources : [world.otherRandom.pick(sources)]) ask(one);
    });
  };
  next();
}

async function requestOther(setting: Setting, peer: Peer, source: TokenSource, target: string): Promise<void> {
  const { world, server, calls, oracle } = setting;
  const travel = () => new Promise<void>((resolve) => peer.deliver(world.otherRandom.wait(60), resolve));
  try {
    oracle.demand(); // a target that is refused as if the grant were over costs a refresh of the session
    const token = await calls.follow(peer, 'get', () => source.getAccessToken(), { target }).outcome;
    if (!peer.isOnline) return;
    await travel();
    if (server.accepts(token, target)) return;
    world.trace(() => `${peer.name}: ${target} refuses ${token}`);
    oracle.demand();
    const facts = { rejected: token, target };
    await calls.follow(peer, 'replace', () => source.replaceAccessToken(token), facts).outcome;
  } catch {
    // it was judged by those who follow it
  }
}

function act(setting: Setting, peer: Peer, application: Application): void {
  const { world } = setting;
  const { paceMs } = world.circumstances;
  const { status } = peer.manager.getSnapshot();
  const isRare = !world.isCalm && world.random.chance(paceMs / 600_000);
  const choice = world.isCalm
    ? 'request'
    : world.random.weigh({
        request: 20,
        burst: 2,
        long: 2,
        abort: 2,
        refresh: world.theme?.refreshes ?? 1,
        subscribe: 1,
      });
  if ((status === 'none' && world.random.chance(0.3)) || (isRare && world.random.chance(0.3))) application.signIn();
  else if (isRare) application.signOut();
  else if (choice === 'subscribe') peer.manager.subscribe(() => undefined);
  else if (choice === 'burst') for (let count = 0; count < 4; count++) ask(setting, peer, 'get');
  else if (choice === 'long')
    ask(setting, peer, 'get', { minValidityMs: world.random.pick([1_000, 60_000, 86_400_000]) });
  else if (choice === 'refresh') ask(setting, peer, 'refresh');
  else if (choice === 'abort') giveUp(setting, peer);
  else void application.request();
}

function ask(
  setting: Setting,
  peer: Peer,
  kind: 'get' | 'refresh' | 'inside',
  options: { minValidityMs?: number; signal?: AbortSignal } = {},
): ReturnType<Calls['follow']> {
  const { world, calls, oracle } = setting;
  world.trace(() => `${peer.name} asks: ${kind} ${JSON.stringify(options)}`);
  if (kind === 'refresh') oracle.demand();
  if (kind === 'refresh') return calls.follow<unknown>(peer, kind, () => peer.manager.refresh(options));
  return calls.follow<unknown>(peer, kind, () => peer.manager.getAccessToken(options));
}

function giveUp(setting: Setting, peer: Peer): void {
  const controller = new AbortController();
  const { call } = ask(setting, peer, 'get', { signal: controller.signal });
  peer.deliver(setting.world.random.wait(2_000), () => {
    if (call.isSettled) return;
    setting.world.count('caller aborts');
    call.reason = new Error('changed my mind');
    controller.abort(call.reason);
  });
}

async function request(setting: Setting, peer: Peer): Promise<boolean> {
  const { world, server, calls } = setting;
  const travel = () => new Promise<void>((resolve) => peer.deliver(world.random.wait(60), resolve));
  try {
    const { outcome } = calls.follow(peer, 'get', () => peer.manager.getAccessToken());
    const token = await outcome;
    if (!peer.isOnline) return false;
    await travel();
    if (server.accepts(token)) return true;
    world.trace(() => `${peer.name}: the API refuses ${token}`);
    setting.oracle.demand();
    const replacing = calls.follow(peer, 'replace', () => peer.manager.replaceAccessToken(token), { rejected: token });
    const other = await replacing.outcome;
    await travel();
    return server.accepts(other);
  } catch {
    return false; // it was judged by those who follow it
  }
}

function signIn(setting: Setting, peer: Peer): void {
  const { world, server, network, oracle, calls } = setting;
  const { isCookie } = world.circumstances;
  const lifetimeMs = lifetimeOf(world);
  const binding = setting.bound?.keyForSignIn();
  const { refresh_token, ...rest } = server.signIn(binding);
  const access = server.find(rest.access_token);
  if (!access) return;
  const { grant } = access;
  access.expiresAt = lifetimeMs === undefined ? undefined : world.wall() + lifetimeMs;
  access.heardAt = world.now;
  if (isCookie) network.cookie = refresh_token;
  // by redirect, say: only the cookie has come
  const isByCookie = isCookie && world.random.chance(0.3);
  const tokens = isCookie || refresh_token === undefined ? rest : { ...rest, refresh_token };
  world.trace(() => `${peer.name} signs in: ${grant.name}`);
  world.count(peer.manager.getSnapshot().status === 'active' ? 'sign-in as somebody else' : 'sign-in');
  // it replaces those as well that have not come to their end, and may be stored
  for (const earlier of peer.starting) earlier.isLeft = true;
  peer.starting.add(grant);
  // from now on the old one may end at any moment
  const old = oracle.grantOf(peer.manager.getSnapshot().sessionId);
  if (old) old.isLeft = true;
  const unbind = peer.manager.on('sessionStarted', ({ from, sessionId }) => {
    if (from === 'sign-in') oracle.bind(sessionId, grant);
  });
  const done = () => {
    peer.starting.delete(grant);
    unbind();
  };
  const begin = () =>
    peer.manager.startSession(isByCookie ? undefined : tokens, binding === undefined ? undefined : { binding });
  calls.follow(peer, 'start', begin).outcome.then(done, done);
  mayBeCut(setting, peer);
  if (!world.random.chance(0.3)) return;
  peer.deliver(world.random.wait(10), () => {
    if (!peer.disposed) ask(setting, peer, 'get');
  });
}

function leave(peer: Peer, grant: { readonly name: string; isLeft: boolean }): void {
  grant.isLeft = true;
  peer.left.add(grant.name);
}

function signOut(setting: Setting, peer: Peer): void {
  const { world, server, storage, oracle, calls, network } = setting;
  const { sessionId } = peer.manager.getSnapshot();
  const own = oracle.grantOf(sessionId);
  world.trace(() => `${peer.name} signs out of ${own?.name ?? 'whatever there is'}`);
  world.count('sign-out');
  peer.ends++;
  peer.endedAt = world.now;
  for (const begun of peer.starting) leave(peer, begun);
  if (sessionId !== undefined) peer.left.add(sessionId);
  if (own) leave(peer, own);
  // nobody knows yet what the storage holds: whatever it is, it goes
  else for (const grant of server.grants.values()) grant.isLeft = true;
  if (world.circumstances.isCookie) {
    const present = network.cookie === undefined ? undefined : server.locate(network.cookie)?.grant;
    if (present === own) network.cookie = undefined;
    if (own) own.isAlive = false;
  }
  // whose session a cookie has fed by then, nobody could tell
  const { isCookie, lock } = world.circumstances;
  const mayLeave = !isCookie && lock !== 'shared';
  if (sessionId !== undefined && mayLeave && world.fails('page left after a sign-out', 0.3)) {
    world.schedule(world.random.wait(30), () => {
      if (peer.isDead || peer.disposed) return;
      setting.abandoned.add(sessionId);
      setting.leave(peer);
    });
  }
  mayBeCut(setting, peer);
  const isOfAnybody = own === undefined;
  const { cuts } = peer;
  peer.ending++;
  if (isOfAnybody) peer.endingAnybody++;
  calls
    .follow(peer, 'end', () => peer.manager.endSession())
    .outcome.finally(() => {
      if (cuts !== peer.cuts) return;
      peer.ending--;
      if (isOfAnybody) peer.endingAnybody--;
    })
    .then(
      () => {
        if (sessionId === undefined || world.circumstances.lock === 'shared') return;
        if (storage.isIntruded) return; // nothing there says that it ended, and peers keep what they have
        oracle.erased(sessionId);
        if (storage.text?.includes(sessionId)) world.violate('sign-out wins', `${sessionId} is still stored`);
        follow(setting, sessionId);
      },
      () => undefined,
    );
}

/** Every peer follows a sign-out. */
function follow({ world, oracle, peers }: Setting, sessionId: string): void {
  if (!world.circumstances.hasChannel) return;
  const since = world.now;
  world.schedule(CHANNEL_MS + 80, () => {
    if (oracle.faultAt() > since - 10_000) return;
    for (const peer of peers) {
      if (peer.isDead || peer.disposed || peer.isFrozen || peer.thawedAt >= since - 10_000) continue;
      // the session that replaces it here is stored already, and about to start
      if ([...peer.starting].some(({ writtenAt }) => writtenAt !== undefined)) continue;
      if (Math.max(peer.misledAt, peer.cutAt) > since - 120_000) continue;
      if (peer.manager.getSnapshot().sessionId === sessionId) {
        world.violate('sign-out everywhere', `${peer.name} has not followed the end of ${sessionId}`);
      }
    }
  });
}
