import { type Dpop, type DpopKey, type DpopKeys, dpop, memoryKeys } from '../../src/dpop.js';
import { createFetch, type TokenManager } from '../../src/index.js';
import type { OAuthClientOptions } from '../../src/integrations/oauth.js';
import type { AuthServerOptions, Peer } from '../../src/testing.js';
import { inThisTurn, type Page, type SignInWorld, signInWorld } from './sign-in-world.js';

/** A page whose sessions are bound to a key. */
export interface BoundPage extends Page {
  readonly own: Dpop;
  /** The API of the server. */
  readonly api: typeof fetch;
}

/** A world in which sessions are bound to keys, which all its pages share. */
export interface BoundWorld extends SignInWorld {
  readonly keys: DpopKeys;
  /** How wrong the clock is that proofs are dated by, in milliseconds. */
  offMs: number;
  /** Whether pages can read `Date`, `DPoP-Nonce` and `WWW-Authenticate`. */
  isExposed: boolean;
  /** The proofs that the server was sent, as claims. */
  readonly proofs: Record<string, unknown>[];
  tab(peer?: Peer, more?: Partial<OAuthClientOptions>): BoundPage;
  signIn(page: Page): Promise<void>;
}

const HIDDEN = ['date', 'dpop-nonce', 'www-authenticate'];

export function boundWorld(options: AuthServerOptions = {}): BoundWorld {
  const plain = signInWorld({ dpop: 'required', accessTokenLifetimeMs: 60_000, ...options });
  const { clock, server, first } = plain;
  const store = memoryKeys();
  // what signs, works on another thread, which the fake clock cannot see
  const tracked = (key: DpopKey): DpopKey => ({ ...key, sign: (data) => clock.track(key.sign(data)) });
  const keys: DpopKeys = {
    create: () => clock.track(store.create()).then(tracked),
    find: (name) => store.find(name).then((key) => key && tracked(key)),
    remove: (name) => store.remove(name),
    list: () => store.list(),
  };
  const proofs: Record<string, unknown>[] = [];
  const note = (init: RequestInit | undefined) => {
    const proof = new Headers(init?.headers).get('dpop');
    if (proof) proofs.push(JSON.parse(Buffer.from(proof.split('.')[1] ?? '', 'base64url').toString()));
  };
  const world = {
    ...plain,
    keys,
    offMs: 0,
    isExposed: true,
    proofs,
    tab(peer: Peer = first, more: Partial<OAuthClientOptions> = {}): BoundPage {
      const own = dpop({ keys, clock: { now: () => clock.now() + world.offMs }, crypto: inThisTurn });
      const send: typeof fetch = async (input, init) => {
        note(init);
        const { method, url } = new Request(input, init);
        plain.requests.push(`${method} ${new URL(url).pathname}`);
        plain.onMoment?.(`${method} ${new URL(url).pathname}`);
        const answer = await peer.through(() => server.fetch(input, init));
        plain.onMoment?.(`answer ${new URL(url).pathname}`);
        if (world.isExposed) return answer;
        const headers = new Headers(answer.headers);
        for (const name of HIDDEN) headers.delete(name);
        return new Response(await answer.text(), { status: answer.status, headers });
      };
      const page = plain.page(peer, { dpop: own, fetch: send, ...more });
      const api = createFetch(page.tokens, { origins: [server.origin], fetch: own.fetch(page.tokens, send) });
      return { ...page, own, api };
    },
    async signIn({ signIn }: Page): Promise<void> {
      const url = await plain.run(signIn.begin());
      await plain.run(signIn.finish(await plain.visit(url)));
    },
  };
  // what is told of moments goes through one place
  Object.defineProperty(world, 'onMoment', {
    get: () => plain.onMoment,
    set: (listener) => {
      plain.onMoment = listener;
    },
  });
  return world;
}

/** The name of the key that the stored session is bound to. */
export function storedBinding(items: ReadonlyMap<string, string>, key = 'session'): string | undefined {
  const text = items.get(`evertoken:${key}`);
  return text === undefined ? undefined : JSON.parse(text).grant?.binding;
}

/** The reason why sessions ended, in order. */
export function endings(tokens: TokenManager): string[] {
  const reasons: string[] = [];
  tokens.on('sessionEnded', ({ reason }) => void reasons.push(reason));
  return reasons;
}
