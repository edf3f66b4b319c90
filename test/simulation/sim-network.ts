import type { TokenResponse } from '../../src/core/token-set.js';
import type { RefreshRequest, RefreshTokens } from '../../src/ports/refresh.js';
import type { Oracle } from './oracle.js';
import type { Peer } from './peer.js';
import type { Presentation, Proven } from './presentation.js';
import type { SimServer } from './sim-server.js';
import type { World } from './world.js';

/** The way to the token endpoint and back. */
export interface SimNetwork {
  /** With a gate: one sending of a request with a proof. */
  refreshFor(peer: Peer, gate?: Gate): RefreshTokens;
  /** The cookie that the browser keeps, for all peers. */
  cookie: string | undefined;
}

/** What a server does beside its work, where requests carry proofs. */
export interface Gate extends Proven {
  /** What is said before anybody looks at the refresh token; undefined: nothing. */
  refuse(isDoubled: boolean): Reply | undefined;
  /** Changes the answer. */
  dress(reply: Reply): Reply;
  /** It has come to who asked. */
  hear(reply: Reply): void;
}

/** One answer, on its way. */
export interface Reply {
  readonly is: 'tokens' | 'dead' | 'answer' | 'none';
  readonly text: string;
  readonly tokens?: TokenResponse;
  readonly status: number;
  readonly retryAfterS?: number;
  /** The names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
}

interface Sending {
  readonly peer: Peer;
  readonly request: RefreshRequest;
  readonly refreshToken: string | undefined;
  readonly presentation: Presentation;
  readonly gate: Gate | undefined;
}

export function createSimNetwork(world: World, server: SimServer, oracle: Oracle): SimNetwork {
  const { random } = world;
  const { heedsSignal, isCookie, hasIdTokens } = world.circumstances;
  const network: SimNetwork = { cookie: undefined, refreshFor };

  function delay(): number {
    return world.fails('slow message', 0.03) ? random.wait(8_000) : random.wait(80);
  }

  function refuse(status: number): Reply {
    const isPatient = (status === 429 || status === 503) && random.chance(0.6);
    return { is: 'answer', text: '', status, ...(isPatient && { retryAfterS: random.pick([1, 5, 30, 120, 300]) }) };
  }

  /** What comes back where the server, or something before it, does not do its work. */
  function nonsense(): Reply | undefined {
    const { mood } = server;
    if (!world.isCalm && mood === 'overloaded') return refuse(random.pick([429, 503]));
    if (!world.isCalm && mood === 'broken') return refuse(random.pick([500, 503]));
    if (!world.isCalm && mood === 'gateway')
      return { is: 'none', text: '<h1>Bad gateway', status: random.pick([502, 504]) };
    if (!world.isCalm && mood === 'portal') return { is: 'none', text: '<html>Welcome to the train', status: 200 };
    if (!world.isCalm && mood === 'misconfigured')
      return { is: 'answer', text: '{"error":"invalid_client"}', status: 401 };
    if (!world.fails('server refuses', 0.06)) return undefined;
    if (random.chance(0.3)) return { is: 'answer', text: '{"error":"invalid_request"}', status: 400 };
    return refuse(random.pick([408, 425, 429, 500, 503]));
  }

  /** What may be said of a target alone, while the session goes on. */
  function refuseTarget(): Reply | undefined {
    if (world.isCalm || !world.otherRandom.chance(0.08 * world.circumstances.trouble)) return undefined;
    world.count('target refused');
    const error = world.otherRandom.pick(['invalid_target', 'invalid_grant', 'consent_required']);
    return { is: 'answer', text: JSON.stringify({ error }), status: 400 };
  }

  function act(refreshToken: string | undefined, target: string | undefined, gate?: Gate, isDoubled = false): Reply {
    const reply = work(refreshToken, target, () => gate?.refuse(isDoubled));
    return gate ? gate.dress(reply) : reply;
  }

  function work(refreshToken: string | undefined, target: string | undefined, refuse: () => Reply | undefined): Reply {
    const reply = nonsense() ?? refuse() ?? (target === undefined ? undefined : refuseTarget());
    if (reply) return reply;
    const decision = refreshToken === undefined ? 'dead' : server.refresh(refreshToken, target);
    if (decision === 'dead') return { is: 'dead', text: '{"error":"invalid_grant"}', status: 400 };
    const { tokens } = decision;
    const access = server.find(tokens.access_token);
    if (access && hasIdTokens && !isCookie && world.fails('another subject', 0.01)) {
      // no more than a proof that this grant is over
      return { is: 'dead', text: JSON.stringify(server.confuse(access.grant)), status: 200 };
    }
    if (access && world.fails('token refused from the start', 0.08)) access.isRevoked = true;
    if (world.fails('answer garbled', 0.01)) return { is: 'none', text: '', status: random.pick([200, 502, 504]) };
    return { is: 'tokens', text: JSON.stringify(tokens), tokens, status: 200 };
  }

  function show(reply: Reply): unknown {
    const { tokens, status, text, retryAfterS, headers } = reply;
    if (tokens && !headers && random.chance(0.7)) return strip(tokens);
    const body = tokens ? JSON.stringify(strip(tokens)) : text;
    return {
      status,
      bodyUsed: false,
      headers: {
        get: (name: string) => (name === 'retry-after' && retryAfterS ? `${retryAfterS}` : (headers?.[name] ?? null)),
      },
      text: async () => body,
      clone: () => ({ text: async () => body }),
    };
  }

  /** A browser does not put the cookie of one session in the place of another's. */
  function keep(refreshToken: string): void {
    const present = network.cookie === undefined ? undefined : server.locate(network.cookie);
    if (present?.grant === server.locate(refreshToken)?.grant) network.cookie = refreshToken;
  }

  function strip(tokens: TokenResponse): TokenResponse {
    const { refresh_token, ...rest } = tokens;
    return isCookie || refresh_token === undefined ? rest : tokens;
  }

  function refreshFor(peer: Peer, gate?: Gate): RefreshTokens {
    return (request) =>
      new Promise((resolve, reject) => {
        const refreshToken = isCookie ? network.cookie : request.refreshToken;
        if (refreshToken === undefined && !isCookie) {
          world.violate('nothing to present', `${peer.name} asks without a refresh token`);
        }
        const presentation = oracle.presents(peer, request, refreshToken, gate);
        const fail = (message: string) => {
          if (oracle.hears(presentation, { is: 'none' })) reject(new TypeError(message));
        };
        request.signal.addEventListener('abort', () => {
          oracle.givesUp(presentation);
          if (heedsSignal) reject(new Error('aborted'));
        });
        send({ peer, request, refreshToken, presentation, gate }, (reply) => resolve(reply as never), fail);
      });
  }

  function send(
    { peer, request, refreshToken, presentation, gate }: Sending,
    arrive: (reply: unknown) => void,
    fail: (message: string) => void,
  ): void {
    if (!peer.isOnline) {
      peer.deliver(1, () => fail('fetch failed: offline'));
      return;
    }
    const lose = (how: string) => {
      if (presentation.cuts !== peer.cuts) return;
      world.trace(() => `message of ${peer.name} ${how}`);
      if (random.chance(0.6)) peer.deliver(delay(), () => fail('fetch failed: reset'));
    };
    if (world.fails('message lost before', 0.04)) {
      lose('lost on the way there');
      return;
    }
    if (world.fails('message doubled', 0.004))
      world.schedule(delay() + delay(), () => act(refreshToken, request.target?.resource, gate, true));
    world.schedule(delay(), () => {
      const reply = act(refreshToken, request.target?.resource, gate);
      oracle.acted(presentation, reply);
      world.trace(() => `server answers ${peer.name}: ${reply.status} ${reply.text} ${reply.retryAfterS ?? ''}`);
      if (world.fails('message lost after', 0.04) || !peer.isOnline) {
        lose('lost on the way back');
        return;
      }
      const backMs = delay();
      world.schedule(backMs, () => {
        const { tokens } = reply;
        if (isCookie && tokens?.refresh_token !== undefined) keep(tokens.refresh_token);
        peer.deliver(0, () => {
          if (presentation.cuts !== peer.cuts) return;
          if (heedsSignal && request.signal.aborted) return;
          if (!oracle.hears(presentation, reply)) return;
          gate?.hear(reply);
          arrive(show(reply));
        });
      });
    });
  }

  return network;
}
