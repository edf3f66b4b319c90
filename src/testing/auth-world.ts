import type { Clock } from '../ports/clock.js';
import type { AuthClient, AuthServerSwitches } from './auth-server-options.js';
import type { Desk } from './desk.js';
import type { Grants } from './grants.js';
import type { Mint } from './mint.js';
import type { ProofBook } from './proofs.js';
import type { ApiRequest, TokenRequest, Writable } from './request-log.js';
import type { Script } from './script.js';

/** Everything one auth server consists of; its parts share it. */
export interface World {
  readonly origin: string;
  readonly clock: Clock;
  readonly clients: readonly AuthClient[] | undefined;
  readonly keepRequests: number;
  readonly script: Script;
  readonly tokenRequests: Array<Writable<TokenRequest>>;
  readonly apiRequests: Array<Writable<ApiRequest>>;
  /** Per client: when its rate window began, and how many requests fell into it. */
  readonly windows: Map<string | undefined, { startedAt: number; requests: number }>;
  readonly load: { now: number; most: number };
  /** What makes secrets, and signs. */
  mint: Mint;
  grants: Grants;
  /** Authorizations that are under way. */
  desk: Desk;
  /** DPoP proofs that were seen, and nonces that were given. */
  proofs: ProofBook;
  switches: AuthServerSwitches;
  /** The refresh token cookie shared by all uses of `server.fetch` and `server.handlers`, as in one browser. */
  jar: string | undefined;
}
