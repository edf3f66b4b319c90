import { hooks } from '../../src/core/hooks.js';
import { type Dpop, dpop } from '../../src/integrations/dpop.js';
import { createFetch } from '../../src/integrations/fetch.js';
import { tokenEndpoint } from '../../src/integrations/token-endpoint.js';
import type { TokenManager, TokenSource } from '../../src/manager/token-manager.js';
import type { RefreshRequest, RefreshTokens } from '../../src/ports/refresh.js';
import { sha256 } from '../../src/testing/sha256.js';
import type { Setting } from './application.js';
import type { Peer } from './peer.js';
import type { Exchange } from './proof-watch.js';
import type { ProofWorld } from './proof-world.js';
import type { Gate, Reply } from './sim-network.js';
import { ENDPOINT_ORIGIN, type ProofRefusal } from './sim-proofs.js';
import type { Access } from './sim-server.js';

/** What an application has beside its manager, where sessions are bound to keys: all of it is the real code. */
export interface BoundClient {
  readonly refresh: RefreshTokens;
  /** A request to the API that a source of tokens is for; resolves with whether it was served, in the end. */
  request(source: TokenSource, target?: string): Promise<boolean>;
}

/** A request to the token endpoint, and the lock in which it was begun. */
interface Begun {
  readonly request: RefreshRequest;
  readonly exchange: Exchange;
  readonly holding: Peer['holding'];
}

/** What sends to one API. */
interface Senders {
  readonly tokens: TokenSource;
  readonly api: typeof fetch;
  /** Somebody has forgotten what signs. */
  readonly bare: typeof fetch;
}

type Init = NonNullable<Parameters<typeof fetch>[1]>;

const ENDPOINT = `${ENDPOINT_ORIGIN}/token`;
const API_ORIGIN = 'https://api.test';

export function createBoundClient(setting: Setting, peer: Peer, { proofs, keys, watch }: ProofWorld): BoundClient {
  const { world, server, network, oracle, calls } = setting;
  const { boundRandom: random, circumstances } = world;
  const own: Dpop = dpop({
    keys: keys.portFor(peer),
    clock: peer.clock,
    crypto: {
      getRandomValues: (bytes) => {
        const view = new DataView(bytes.buffer);
        for (let at = 0; at < 16; at += 4) view.setUint32(at, Math.floor(random.next() * 2 ** 32));
        return bytes;
      },
      sha256: async (bytes) => sha256(bytes).buffer as ArrayBuffer,
    },
  });
  const requests = new WeakMap<AbortSignal, Begun>();
  const downgraded = new Set<string>();
  const { exposes } = circumstances.proofs ?? {};

  function begin(origin: string, signal: AbortSignal | undefined, way: Exchange['way'] = 'as it comes'): Exchange {
    const isEndpoint = origin === ENDPOINT_ORIGIN;
    const asked = new Set<'nonce' | 'time'>();
    return {
      peer,
      origin,
      isEndpoint,
      way,
      signal,
      sends: 0,
      begunAt: world.wall(),
      sent: undefined,
      ask: undefined,
      asked,
    };
  }

  function happens(kind: string, probability: number): boolean {
    const isFault = !world.isCalm && random.chance(probability * circumstances.trouble);
    if (isFault) world.count(kind);
    return isFault;
  }

  // --- the token endpoint

  /** Takes the tokens for good, and gives one that is bound to nothing: whoever takes it is robbed of the proof. */
  function downgrade({ tokens }: Reply): Reply {
    if (tokens) downgraded.add(tokens.access_token);
    return { is: 'tokens', text: JSON.stringify({ ...tokens, token_type: 'Bearer' }), status: 200 };
  }

  function gateFor({ exchange, holding }: Begun, proof: string | undefined, refreshToken: string): Gate {
    const { binding = '' } = server.locate(refreshToken)?.grant ?? {};
    let said: ProofRefusal | undefined;
    return {
      isAgain: exchange.sends > 1,
      begunAt: exchange.begunAt,
      holding,
      refuse: (isDoubled) => {
        const refusal = proofs.judge({ proof, method: 'POST', url: ENDPOINT, binding, isDoubled });
        if (!isDoubled) said = refusal;
        if (!refusal) return undefined;
        world.count(refusal);
        const isSpent = circumstances.proofs?.spendsFirst && server.refresh(refreshToken) === 'dead';
        if (isSpent) return { is: 'dead', text: '{"error":"invalid_grant"}', status: 400 };
        return { is: 'answer', text: JSON.stringify({ error: refusal }), status: 400 };
      },
      dress: (reply) => {
        const headers = proofs.headers(ENDPOINT_ORIGIN, said);
        const given = reply.tokens && happens('answered with Bearer', 0.01) ? downgrade(reply) : reply;
        return { ...given, headers };
      },
      hear: ({ status, headers = {}, text }) => {
        const error = (/"error":"(use_dpop_nonce|invalid_dpop_proof)"/.exec(text) ?? [])[1] as ProofRefusal | undefined;
        watch.hears(exchange, { status, headers, said: error, isMute: false });
      },
    };
  }

  const toEndpoint = ((_, { signal, headers, body }: Init) => {
    const begun = requests.get(signal as AbortSignal);
    if (!begun) throw new Error('no request of the manager');
    const { request, exchange } = begun;
    if (circumstances.heedsSignal && signal?.aborted) return Promise.reject(signal.reason);
    const proof = new Headers(headers).get('dpop') ?? undefined;
    const refreshToken = new URLSearchParams(String(body)).get('refresh_token') ?? '';
    if (proof !== undefined) watch.sends(exchange, proof);
    return network.refreshFor(peer, gateFor(begun, proof, refreshToken))({ ...request, refreshToken });
  }) as typeof fetch;

  const endpoint = tokenEndpoint({ url: ENDPOINT, clientId: 'app', dpop: own, fetch: toEndpoint });
  const plain = network.refreshFor(peer);

  /**
   * The manager is told of no answer where the key is found too late, and not that nothing was presented. In the storage
   * its mark says the same; here, in case the storage is dead.
   */
  function noteAttempt(refreshToken = ''): void {
    const { grant, index = 0 } = server.locate(refreshToken) ?? {};
    grant?.marks.set(index, (grant.marks.get(index) ?? new Set()).add(peer.holding));
  }

  function refresh(request: RefreshRequest): ReturnType<RefreshTokens> {
    const { binding } = server.locate(request.refreshToken ?? '')?.grant ?? {};
    if (request.binding !== binding && request.refreshToken !== undefined) {
      world.violate('bound record', `${peer.name} refreshes by ${request.binding} what is bound to ${binding}`);
    }
    if (request.binding === undefined) return plain(request);
    noteAttempt(request.refreshToken);
    const { holding } = peer;
    requests.set(request.signal, { request, holding, exchange: begin(ENDPOINT_ORIGIN, request.signal) });
    return endpoint(request);
  }

  // --- the APIs

  const running = new Map<string, Exchange>();
  const sendersOf = new Map<TokenSource, Senders>();
  let count = 0;
  /** What each request was told last. */
  const lastSaid = new Map<string, ProofRefusal | undefined>();

  /** How an API answers. */
  function answer(url: string, method: string, access: Access, accessToken: string, proof: string | undefined) {
    const { binding } = access.grant;
    const { origin } = new URL(url);
    const isGood = server.accepts(accessToken, origin === API_ORIGIN ? undefined : origin);
    const isTokenFirst = !isGood && circumstances.proofs?.isTokenFirst;
    const said =
      binding === undefined || isTokenFirst ? undefined : proofs.judge({ proof, method, url, accessToken, binding });
    if (said) world.count(`${said} of an API`);
    const status = said || !isGood ? 401 : 200;
    const challenge = `${binding === undefined ? 'Bearer' : 'DPoP'} error="${said ?? 'invalid_token'}"`;
    const headers = {
      ...(binding !== undefined && proofs.headers(origin, said)),
      ...(status === 401 && exposes === 'all' && { 'www-authenticate': challenge }),
    };
    return { status, headers, said, isMute: status === 401 && exposes !== 'all' };
  }

  function respond({ status, headers }: { status: number; headers: Readonly<Record<string, string>> }): Response {
    const get = (name: string) => headers[name.toLowerCase()] ?? null;
    return { status, ok: status === 200, url: '', headers: { get }, body: null } as unknown as Response;
  }

  const toApi = ((input: string, { method = 'GET', headers, body }: Init) =>
    new Promise<Response>((resolve, reject) => {
      const sent = new Headers(headers);
      const [scheme, accessToken = ''] = (sent.get('authorization') ?? '').split(' ');
      const proof = sent.get('dpop') ?? undefined;
      const access = server.find(accessToken);
      if (!access) return reject(new Error('no access token of ours'));
      const isBound = access.grant.binding !== undefined;
      if (isBound !== (scheme === 'DPoP') || isBound !== (proof !== undefined)) {
        const what = `${isBound ? 'a bound' : 'an unbound'} access token as ${scheme}`;
        world.violate('bound tokens', `${peer.name} sends ${what} ${proof === undefined ? 'without' : 'with'} a proof`);
      }
      const name = `${input} ${accessToken}`;
      const way = typeof body === 'object' ? 'sent once' : 'as it comes';
      const exchange = running.get(name) ?? begin(new URL(input).origin, undefined, way);
      running.set(name, exchange);
      if (proof !== undefined) watch.sends(exchange, proof);
      const isLost = !peer.isOnline || happens('message of an API lost', 0.02);
      peer.deliver(random.wait(60), () => {
        if (isLost) return reject(new TypeError('fetch failed'));
        const answered = answer(input, method, access, accessToken, proof);
        lastSaid.set(input, answered.said);
        world.trace(() => `${input} answers ${peer.name}: ${answered.status} ${answered.said ?? ''}`);
        peer.deliver(random.wait(60), () => {
          if (isBound) watch.hears(exchange, answered);
          // what asks for another nonce is signed anew first
          const isFinal = answered.said === 'invalid_dpop_proof' || exchange.sends > 1;
          if (answered.isMute && answered.said && isFinal) access.seemedRefusedAt = world.now;
          resolve(respond(answered));
        });
      });
    })) as unknown as typeof fetch;

  /** The same source, whose calls are judged. */
  function follow(source: TokenSource, target: string | undefined): TokenSource {
    const facts = target === undefined ? {} : { target };
    const check = (token: string) => {
      if (downgraded.has(token)) world.violate('bound tokens', `${peer.name} is given a token that was not bound`);
      return token;
    };
    return {
      getAccessToken: (options) => {
        // a target that is refused as if the grant were over costs a refresh of the session; an upload wants a long life
        if (target !== undefined || options?.minValidityMs !== undefined) oracle.demand();
        return calls.follow(peer, 'get', () => source.getAccessToken(options), facts).outcome.then(check);
      },
      replaceAccessToken: (rejected, options) => {
        oracle.demand();
        const replace = () => source.replaceAccessToken(rejected, options);
        return calls.follow(peer, 'replace', replace, { ...facts, rejected }).outcome.then(check);
      },
      getSnapshot: (source as TokenManager).getSnapshot,
      [hooks]: source[hooks],
    } as TokenSource;
  }

  function sendersFor(source: TokenSource, target: string | undefined): Senders {
    const known = sendersOf.get(source);
    if (known) return known;
    const tokens = follow(source, target);
    const origins = [target ?? API_ORIGIN];
    const api = createFetch(tokens, { origins, fetch: own.fetch(tokens, toApi) });
    const senders: Senders = { tokens, api, bare: createFetch(tokens, { origins, fetch: toApi }) };
    sendersOf.set(source, senders);
    return senders;
  }

  async function send(source: TokenSource, target: string | undefined, url: string): Promise<Response> {
    const { tokens, api, bare } = sendersFor(source, target);
    const way = world.isCalm ? 'api' : random.weigh({ api: 30, upload: 2, bare: 2, headers: 2 });
    if (way === 'api') return api(url);
    if (way === 'bare') return bare(url);
    if (way === 'upload') {
      const body = { getReader: () => undefined } as unknown as NonNullable<Init['body']>;
      return api(url, { method: 'PUT', body });
    }
    const { authorization, dpop: proof } = await own.headers(tokens, { url, method: 'GET' });
    running.set(`${url} ${authorization.split(' ')[1]}`, begin(new URL(url).origin, undefined, 'by hand'));
    return toApi(url, { method: 'GET', headers: { authorization, ...(proof !== undefined && { dpop: proof }) } });
  }

  return {
    refresh,
    request: async (source, target) => {
      for (let turn = 1; ; turn++) {
        const url = `${target ?? API_ORIGIN}/${peer.name}/${++count}`;
        if (await request(source, target, url)) return true;
        // others may use up a nonce, and then the next one, before a request comes
        if (!world.isCalm || lastSaid.get(url) !== 'use_dpop_nonce' || turn === 4) return false;
      }
    },
  };

  async function request(source: TokenSource, target: string | undefined, url: string): Promise<boolean> {
    try {
      return (await send(source, target, url)).status === 200;
    } catch (error) {
      world.trace(() => `${peer.name} gets no answer of ${url}: ${error}`);
      return false;
    } finally {
      for (const name of running.keys()) if (name.startsWith(`${url} `)) running.delete(name);
    }
  }
}
