import type { TokenResponse } from '../../src/core/token-set.js';
import type { RefreshRequest } from '../../src/ports/refresh.js';
import type { Peer } from './peer.js';
import type { Grant } from './sim-server.js';

/** A refresh token, shown to the token endpoint. */
export interface Presentation {
  readonly peer: Peer;
  readonly grant: Grant | undefined;
  readonly index: number;
  /** The API that it is for, where that is another one than the session's. */
  readonly target: string | undefined;
  readonly at: number;
  readonly wallAt: number;
  readonly reason: RefreshRequest['reason'];
  /** The session of the peer, then, and when its tokens were issued. */
  readonly sessionId: string | undefined;
  readonly issuedAt: number | undefined;
  readonly holding: Peer['holding'];
  /** The cuts of the peer, then. */
  readonly cuts: number;
  /** What the server did, as nobody else can know. */
  acted: Outcome | undefined;
  /** What the peer heard. */
  heard: Outcome | undefined;
  /** Its answer has set a pause; this one was there before. */
  rested: { readonly before: Quiet | undefined } | undefined;
  /** The manager does not wait for it any more. */
  isGivenUp: boolean;
}

/** A request that is sent with a proof. */
export interface Proven {
  /** It was sent before, and the answer asked for another proof. */
  readonly isAgain: boolean;
  /** By the clock on the wall, before its key was looked for. */
  readonly begunAt: number;
  /** The lock in which it was begun; the peer may have been given another one since. */
  readonly holding: Peer['holding'];
}

type Outcome = 'tokens' | 'dead' | 'answer' | 'none';

/** What was said, or was not. */
export interface Heard {
  readonly is: Outcome;
  readonly tokens?: TokenResponse;
  readonly retryAfterS?: number;
}

/** A record, as it lies in the storage. */
export interface Stored {
  /** The version of the format. */
  readonly evertoken: number;
  readonly grant?: { readonly binding?: string };
  readonly sessionId: string;
  readonly revision: number;
  readonly accessToken: string;
  readonly refreshToken?: string;
  readonly unanswered: boolean;
  readonly others?: Readonly<Record<string, { readonly accessToken?: string }>>;
  readonly failure?: { readonly retryAt: number };
}

/** No request for this refresh token before this moment. */
export interface Quiet {
  readonly by: Peer;
  readonly untilWall: number;
  readonly isNamed: boolean;
  /** The session in which it was heard; in cookie mode the cookie may be that of the next one already. */
  readonly sessionId: string | undefined;
  /** There was no session that could have kept it. */
  readonly isUnkept: boolean;
  /** When the tokens were got that were held then. */
  readonly issuedAt: number;
  /** Whoever heard it had lost its lock: two requests of one peer may have been under way. */
  readonly isLockLost: boolean;
  readonly setAt: number;
}
